/** What is asked of sources of posture: that they and their facts exist, are asked in the form of their type, and can be asked at all. */
import { formOf, type PostureSources } from './conditions/posture-sources.js';
import type { RuleCondition } from './conditions/schema.js';
import { type PolicyProblem, unknownName } from './problem.js';

type Condition = Exclude<RuleCondition, string>;

/** @param path where the condition stands */
export function checkSources(
  sources: PostureSources,
  { posture }: Condition,
  path: PolicyProblem['path'],
): PolicyProblem[] {
  return Object.entries(posture?.sources ?? {}).flatMap(([source, asked]) => {
    const at = [...path, 'posture', 'sources', source];
    const facts = factsOf(sources, source);
    if (facts === null) return [unknownName(at, 'no source of posture has this name', source, Object.keys(sources))];
    return Object.entries(asked).flatMap(([fact, written]) => {
      const place = [...at, fact];
      const form = formOf(sources, source, fact);
      if (form === undefined) return [unknownName(place, 'the source has no fact of this name', fact, facts)];
      if (form.test(written) !== null) return [];
      return [
        { path: place, message: 'asked in another form than the type of this fact has', expected: form.expected },
      ];
    });
  });
}

const factsOf = (sources: PostureSources, source: string) =>
  Object.hasOwn(sources, source) ? Object.keys(sources[source]?.facts ?? {}) : null;

interface Attestor {
  readonly name: string;
  readonly selectorKinds: readonly string[];
}

/** A source that is asked by a selector which no workload of the attestor has never answers. @returns paths from where the condition stands */
export function checkPlaceholders(
  sources: PostureSources,
  { posture }: Condition,
  { name, selectorKinds }: Attestor,
): PolicyProblem[] {
  return Object.keys(posture?.sources ?? {}).flatMap((source) => {
    const asksBy = Object.hasOwn(sources, source) ? (sources[source]?.selectorKinds ?? []) : [];
    return asksBy
      .filter((kind) => !selectorKinds.includes(kind))
      .map((kind) => ({
        path: ['posture', 'sources', source],
        message: `the source ${source} is asked by {${kind}}, and the attestor ${name} gives no selectors of this kind: leave it out of this rule, or name another attestor`,
      }));
  });
}
