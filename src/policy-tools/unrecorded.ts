/**
 * What a policy reads and a record does not hold. A fact that was not recorded may have been anything, so a decision
 * that it could change is not made again: it is undecidable.
 */

import { candidatesOf, withCandidates } from '../policy/candidates.js';
import type { CompiledRule, Policy } from '../policy/compile.js';
import { decide } from '../policy/decide.js';
import type { RuleVerdict } from '../policy/decision.js';
import type { Facts, Inputs, WorkloadFacts } from '../policy/facts.js';
import { type Clause, candidateOf, type Rank } from '../policy/match.js';

/** Names of what there may be now and the record has no word of: `posture.kubelet`, `behaviour.firstUse`, `oidc:environment`, `external.https://pdp.example`. */
export function unrecordedOf(facts: Facts, gives: readonly string[]): ReadonlySet<string> {
  const { workload, delegator, network, behaviour = {}, external = {} } = facts;
  const { posture, selectors, unknown, claims = {} } = workload;
  return new Set(
    gives.filter((name) => {
      if (name.startsWith('external.')) {
        return !Object.hasOwn(external, name.slice('external.'.length)) && !Object.hasOwn(unknown, name);
      }
      if (name.startsWith('posture.')) {
        return !Object.hasOwn(posture, name.slice('posture.'.length)) && !Object.hasOwn(unknown, name);
      }
      if (name.startsWith('network.')) return !Object.hasOwn(network, name.slice('network.'.length));
      // Of the claims of a delegator: a token of ours has none, which is nothing that was left out.
      if (name.startsWith('delegator.')) {
        const claim = name.startsWith(ofDelegator) ? name.slice(ofDelegator.length) : null;
        return claim !== null && delegator?.resource === null && !Object.hasOwn(delegator.claims ?? {}, claim);
      }
      if (name.startsWith('claims.')) return !Object.hasOwn(claims, name.slice('claims.'.length));
      if (name.startsWith('behaviour.')) {
        return !Object.hasOwn(behaviour, name.slice('behaviour.'.length)) && !Object.hasOwn(unknown, name);
      }
      return !Object.hasOwn(unknown, name) && !selectors.some((selector) => selector.startsWith(`${name}:`));
    }),
  );
}

const ofDelegator = 'delegator.claims.';

/** A rule that may come out otherwise than it does without what was not recorded. */
interface OpenRule {
  readonly rule: CompiledRule;
  readonly closed: readonly Clause[];
  readonly reads: readonly string[];
}

/** More rules than these are not tried out: the decision counts as undecidable. */
const mostTried = 4;

/**
 * The names of what is not recorded and could change what is granted; empty when the decision is the same whatever
 * they were.
 * @param told verdicts of the record: what it saw of a clause itself is recorded
 */
export function decisiveNames(
  policy: Policy,
  inputs: Inputs,
  unrecorded: ReadonlySet<string>,
  told: readonly RuleVerdict[],
): readonly string[] {
  if (unrecorded.size === 0) return [];
  const narrowed = withPossibleRules(policy, inputs.facts.workload, unrecorded);
  const rules = candidatesOf(narrowed, inputs).filter(({ shadow }) => !shadow);
  const open = rules.flatMap((rule) => openRule(rule, inputs, unrecorded, told));
  if (open.length === 0) return [];
  const names = [...new Set(open.flatMap(({ reads }) => reads))].sort();
  if (open.length > mostTried) return names;
  const outcomes = new Set(combinations(open.length).map((ranks) => grantedWith(narrowed, inputs, open, ranks)));
  return outcomes.size === 1 ? [] : names;
}

/** All that may be candidates: a rule about selectors of a kind that was not recorded is one. */
function withPossibleRules(policy: Policy, workload: WorkloadFacts, unrecorded: ReadonlySet<string>): Policy {
  const missing = Object.fromEntries([...unrecorded].map((name) => [name, 'missing' as const]));
  const whatever = { ...workload, unknown: { ...missing, ...workload.unknown } };
  return withCandidates(policy, (set) => set.candidates(whatever));
}

function openRule(
  rule: CompiledRule,
  inputs: Inputs,
  unrecorded: ReadonlySet<string>,
  told: readonly RuleVerdict[],
): OpenRule[] {
  const closed: Clause[] = [];
  const reads: string[] = [];
  for (const clause of rule.clauses) {
    const sought = soughtBy(clause, inputs, unrecorded);
    if (sought.length > 0 && !isTold(clause, inputs, told)) reads.push(...sought);
    // A rule that lacks a binding shortens a token all the same.
    else if (clause.binding === undefined && clause.rank(candidateOf(inputs.facts, inputs.asked)) === 0) return [];
    else closed.push(clause);
  }
  return reads.length === 0 ? [] : [{ rule, closed, reads }];
}

/** The same clause was asked then, and saw the same. */
function isTold(clause: Clause, { facts, asked }: Inputs, told: readonly RuleVerdict[]): boolean {
  const same = told.filter(({ clause: name, expected }) => name === clause.name && expected === clause.expected);
  return same.length > 0 && same.some(({ seen }) => seen === clause.seen(candidateOf(facts, asked)));
}

/** Which of the names the clause looks for. It is watched while it looks, so that no kind of clause has to say it. */
function soughtBy(clause: Clause, { facts, asked }: Inputs, unrecorded: ReadonlySet<string>): readonly string[] {
  const sought = new Set<string>();
  const watched = <Part extends object>(part: Part, prefix: string): Part => {
    const note = (key: string | symbol) => {
      if (unrecorded.has(`${prefix}${String(key)}`)) sought.add(`${prefix}${String(key)}`);
    };
    return new Proxy(part, {
      get: (target, key) => {
        note(key);
        return Reflect.get(target, key);
      },
      has: (target, key) => {
        note(key);
        return Reflect.has(target, key);
      },
      getOwnPropertyDescriptor: (target, key) => {
        note(key);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
      ownKeys: (target) => {
        for (const name of unrecorded) if (name.startsWith(prefix)) sought.add(name);
        return Reflect.ownKeys(target);
      },
    });
  };
  const { workload, behaviour = {}, external = {} } = facts;
  const { posture, unknown, claims = {} } = workload;
  const parts = {
    posture: watched(posture, 'posture.'),
    unknown: watched(unknown, ''),
    claims: watched(claims, 'claims.'),
  };
  const { delegator } = facts;
  const watchedFacts = {
    ...facts,
    ...(delegator && { delegator: { ...delegator, claims: watched(delegator.claims ?? {}, ofDelegator) } }),
    network: watched(facts.network, 'network.'),
    behaviour: watched(behaviour, 'behaviour.'),
    external: watched(external, 'external.'),
    workload: { ...workload, ...parts },
  };
  clause.rank(candidateOf(watchedFacts, asked));
  return [...sought];
}

const possible: readonly Rank[] = [0, 1, 3];

function combinations(length: number): readonly (readonly Rank[])[] {
  if (length === 0) return [[]];
  return combinations(length - 1).flatMap((ranks) => possible.map((rank) => [...ranks, rank]));
}

/** What is granted when what the open rules look for came to these ranks. */
function grantedWith(policy: Policy, { facts, asked }: Inputs, open: readonly OpenRule[], ranks: readonly Rank[]) {
  const replaced = new Map(
    open.map(({ rule, closed }, index) => [rule, { ...rule, clauses: [constant(ranks[index] ?? 0), ...closed] }]),
  );
  const replace = (rules: readonly CompiledRule[]) => rules.map((rule) => replaced.get(rule) ?? rule);
  return JSON.stringify(
    decide(
      withCandidates(policy, ({ rules }) => replace(rules)),
      facts,
      asked,
    ).granted,
  );
}

const constant = (rank: Rank): Clause => ({ name: '', expected: '', rank: () => rank, seen: () => '' });
