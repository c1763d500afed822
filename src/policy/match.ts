/** Clauses: each is one thing that a rule asks of a workload, compiled so that a decision only compares. */
import type { UnknownCause } from '../../attestors/attestor.js';
import { compileGlob } from '../../attestors/glob.js';
import type { Asked, Binding, DelegatorFacts, Facts, WorkloadFacts } from './facts.js';
import type { Lookup } from './lookup.js';

/**
 * Kleene's three values as numbers, 0 fails and 3 holds, so that AND is the least, OR the greatest and NOT is 3 − rank.
 * Unknown takes two: of a missing fact and of a dependency that did not answer, the second stands nearer to what
 * would let a token be issued. So the same arithmetic tells whether only dependencies stand between a request and it.
 */
export type Rank = 0 | 1 | 2 | 3;

/** What would let a token be issued: that a grant's clause holds, that a deny's fails; turned around inside `not`. */
export type Hope = 'holds' | 'fails';

export const unknownRank = {
  holds: { missing: 1, unavailable: 2 },
  fails: { missing: 2, unavailable: 1 },
} as const;

/** The workload of one decision, and what it asked for. */
export interface Candidate {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly facts: WorkloadFacts;
  /** Null: it asks for itself. */
  readonly delegator: DelegatorFacts | null;
  readonly network: Facts['network'];
  readonly binding: Binding;
  readonly behaviour: NonNullable<Facts['behaviour']>;
  readonly external: NonNullable<Facts['external']>;
  readonly asked: Asked;
  /** Its selectors of the kinds that were asked for. */
  readonly byKind: Map<string, readonly string[]>;
  /** What `shared` conditions have come to. */
  readonly ranks: Map<Condition, Rank>;
  /** Until when they hold. */
  readonly ends: Map<Condition, number>;
}

const nothing: Asked = Object.freeze({ resource: null, scope: null });

const none = Object.freeze({});

export const candidateOf = (
  { now, workload: facts, delegator, network, binding = none, behaviour = none, external = none }: Facts,
  asked = nothing,
): Candidate => ({
  now,
  facts,
  delegator: delegator ?? null,
  network,
  binding,
  behaviour,
  external,
  asked,
  byKind: new Map(),
  ranks: new Map(),
  ends: new Map(),
});

/** A workload has many selectors, and rules ask for few kinds: each is looked for once. */
function selectorsOf({ byKind, facts }: Candidate, kind: string): readonly string[] {
  const before = byKind.get(kind);
  if (before !== undefined) return before;
  const prefix = `${kind}:`;
  const found = facts.selectors.filter((selector) => selector.startsWith(prefix));
  byKind.set(kind, found);
  return found;
}

export interface Condition {
  readonly expected: string;
  rank(candidate: Candidate): Rank;
  /** For a person. Only called for the clause that settled a rule. */
  seen(candidate: Candidate): string;
  /** Seconds since the epoch: until when it holds, as far as the clock decides. Only called when it holds; left out: for good. */
  until?(candidate: Candidate): number;
  /** What it reads that others are asked about, for each request anew. */
  readonly lookup?: Lookup;
  /** The binding that it asks for, and that a token which is granted by it gets. Such a condition holds or fails. */
  readonly binding?: keyof Binding;
}

export interface Clause extends Condition {
  /** As the decision names it, such as `workload.selectors`. */
  readonly name: string;
}

/** The kind of a selector or of a pattern for one: `k8s:ns` of `k8s:ns:agents`; null when it has no third part. */
export function kindOf(selector: string): string | null {
  const second = selector.indexOf(':', selector.indexOf(':') + 1);
  return second > 0 ? selector.slice(0, second) : null;
}

/** @param pattern a whole-string pattern with a literal kind */
export function selectorCondition(pattern: string, hope: Hope): Condition {
  const kind = kindOf(pattern) ?? pattern;
  const glob = compileGlob(pattern);
  const matches = (candidate: Candidate) => selectorsOf(candidate, kind).some(glob);
  return {
    expected: pattern,
    rank(candidate) {
      if (matches(candidate)) return 3;
      const cause = causeOf(candidate.facts, kind);
      return cause === null ? 0 : unknownRank[hope][cause];
    },
    seen(candidate) {
      const cause = causeOf(candidate.facts, kind);
      if (cause !== null && !matches(candidate)) return `unknown (${cause})`;
      return told(selectorsOf(candidate, kind));
    },
  };
}

/** Selectors that a verdict names: a workload may have many of one kind, and many rules may look at them. */
const mostTold = 5;

function told(selectors: readonly string[]): string {
  if (selectors.length === 0) return 'none';
  const more = selectors.length - mostTold;
  return `${selectors.slice(0, mostTold).join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

export function environmentCondition(allowed: readonly string[], hope: Hope): Condition {
  return {
    expected: `environment ${allowed.join(' or ')}`,
    rank({ facts }) {
      if (facts.environment === null) return unknownRank[hope][causeOf(facts, 'environment') ?? 'missing'];
      return allowed.includes(facts.environment) ? 3 : 0;
    },
    seen: ({ facts }) => facts.environment ?? `unknown (${causeOf(facts, 'environment') ?? 'missing'})`,
  };
}

/** @param match conditions that may not all hold; each compiled with the hope turned around */
export function notCondition(match: readonly Condition[]): Condition {
  return {
    expected: `not (${match.map((condition) => condition.expected).join(' and ')})`,
    rank(candidate) {
      let least: number = 3;
      for (const condition of match) least = Math.min(least, condition.rank(candidate));
      return (3 - least) as Rank;
    },
    seen: (candidate) => match.map((condition) => condition.seen(candidate)).join(' and '),
  };
}

/** `unknown: permit` of a grant: what is not known holds. */
export function permittingUnknown(condition: Condition): Condition {
  const expected = `${condition.expected}, or not known`;
  return { ...condition, expected, rank: (candidate) => (condition.rank(candidate) === 0 ? 0 : 3) };
}

/** Of a condition that many rules have: it is looked at once in a decision. */
export function sharedCondition(condition: Condition): Condition {
  const { until } = condition;
  return {
    ...condition,
    rank: (candidate) => once(candidate.ranks, condition, () => condition.rank(candidate)),
    ...(until && { until: (candidate) => once(candidate.ends, condition, () => until(candidate)) }),
  };
}

function once<Value>(known: Map<Condition, Value>, condition: Condition, find: () => Value): Value {
  const before = known.get(condition);
  if (before !== undefined) return before;
  const value = find();
  known.set(condition, value);
  return value;
}

/** Holds for tokens that are bound to a pod, and for those of platforms without pods. */
export const boundToPod: Condition = Object.freeze({
  expected: 'a token that is bound to a pod (or podless: true in the rule)',
  rank: ({ facts }: Candidate) => (facts.podless ? 0 : 3),
  seen: () => 'a token without a pod',
});

/**
 * Why a kind of selectors or a fact is not known; null: it does not say that it is not. A cause of another word counts as `missing`: the
 * one that promises nothing.
 */
export function causeOf({ unknown }: WorkloadFacts, name: string): UnknownCause | null {
  if (!Object.hasOwn(unknown, name)) return null;
  return unknown[name] === 'unavailable' ? 'unavailable' : 'missing';
}

/** Of the names in `unknown`: all but those of facts. */
export const isSelectorKind = (name: string): boolean =>
  name !== 'environment' && !/^(external\.|(behaviour|network|posture)\.[^:]*$)/.test(name);
