/** Which rules a decision looks at; and policies whose decisions look at others, for those who ask what would have been. */
import type { CompiledRule, Policy } from './compile.js';
import type { Inputs } from './facts.js';
import { everyRule, type RuleSet } from './rule-set.js';

export function candidatesOf({ attestors }: Policy, { facts, asked }: Inputs): readonly CompiledRule[] {
  const rules = attestors.get(facts.workload.attestor);
  const set = asked.resource === null ? rules?.all : rules?.covering.get(asked.resource);
  return set?.candidates(facts.workload) ?? [];
}

/** The same policy with other candidates, the same ones for every workload. */
export function withCandidates(
  policy: Policy,
  candidates: (set: RuleSet<CompiledRule>) => readonly CompiledRule[],
): Policy {
  const attestors = [...policy.attestors].map(([name, { all, covering, ...rest }]) => {
    const sets = [...covering].map(([resource, set]) => [resource, everyRule(candidates(set))] as const);
    return [name, { ...rest, all: everyRule(candidates(all)), covering: new Map(sets) }] as const;
  });
  return Object.freeze({ ...policy, attestors: new Map(attestors) });
}
