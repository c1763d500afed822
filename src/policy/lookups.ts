/** Who has to be asked for a decision: only where the answer can still matter, which is where nothing else that the rule asks fails. */
import type { CompiledRule, Policy } from './compile.js';
import { soleTarget } from './decide.js';
import type { Asked, Facts } from './facts.js';
import type { Lookup } from './lookup.js';
import { type Candidate, candidateOf } from './match.js';

/** What is looked up, and for which target: of a request that names none, the only one that it can be for. */
export interface Wanted {
  readonly target: string;
  readonly lookups: readonly Lookup[];
}

/** What the facts do not hold yet. Null: nothing has to be looked up. */
export function lookupsFor(policy: Policy, facts: Facts, asked: Asked): Wanted | null {
  const rules = policy.attestors.get(facts.workload.attestor);
  if (rules === undefined || rules.lookedUp.length === 0) return null;
  const target = asked.resource ?? soleTarget(policy, facts, asked);
  if (target === null) return null;
  const candidate = candidateOf(facts, { ...asked, resource: target });
  const lookups = new Map<string, Lookup>();
  for (const rule of rules.covering.get(target)?.candidates(facts.workload) ?? []) {
    for (const lookup of openLookups(rule, candidate)) {
      if (!isAnswered(lookup, facts)) lookups.set(`${lookup.kind}.${lookup.key}`, lookup);
    }
  }
  return lookups.size === 0 ? null : { target, lookups: [...lookups.values()] };
}

function openLookups({ lookups, clauses }: CompiledRule, candidate: Candidate): readonly Lookup[] {
  if (lookups.length === 0) return lookups;
  const fails = clauses.some((clause) => clause.lookup === undefined && clause.rank(candidate) === 0);
  return fails ? [] : lookups;
}

/** Also by the word that nothing is known. */
function isAnswered({ kind, key }: Lookup, { workload, external = {} }: Facts): boolean {
  if (kind === 'external') return Object.hasOwn(external, key) || Object.hasOwn(workload.unknown, `external.${key}`);
  return [...Object.keys(workload.posture).map((name) => `posture.${name}`), ...Object.keys(workload.unknown)].some(
    (name) => name.startsWith(`posture.${key}.`),
  );
}
