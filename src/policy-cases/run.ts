/** Runs the cases of a policy: each is a decision that has to come out as it says. */
import { isRecord } from '../config/path.js';
import { withCandidates } from '../policy/candidates.js';
import type { Policy } from '../policy/compile.js';
import { decide } from '../policy/decide.js';
import type { Decision, RuleVerdict, ShadowOutcome } from '../policy/decision.js';
import type { ReadyCase } from './cases.js';
import type { Expectation } from './schema.js';

export interface CaseResult {
  readonly name: string;
  /** Such as `cases.yaml:12`. */
  readonly place: string;
  /** What came out otherwise, a line each; empty: it passed. */
  readonly faults: readonly string[];
}

/** The same policy with a verdict on every rule, so that a case may name any of them, however many there are. */
export const tellingOfAll = (policy: Policy): Policy => ({
  ...withCandidates(policy, ({ rules }) => rules),
  mostTold: Number.POSITIVE_INFINITY,
});

export function runCase(policy: Policy, { name, tell, facts, asked, expect }: ReadyCase): CaseResult {
  const { file, line } = tell('');
  const place = `${file}:${line}`;
  return Object.freeze({ name, place, faults: differences(expect, decide(policy, facts, asked)) });
}

/** As far as the expectation is written; what it leaves out is not looked at. */
export function differences(expect: Expectation, decision: Decision): readonly string[] {
  const { rules = {}, ...rest } = expect;
  const got = new Map(decision.rules.map((verdict) => [verdict.rule, verdict]));
  const ofRules = Object.entries(rules).flatMap(([rule, expected]) => {
    const verdict = got.get(rule);
    if (verdict === undefined) return [`rules.${rule}: expected ${told(expected)}, but it is no candidate`];
    return compare(`rules.${rule}`, expected, asFarAs(expected, written(verdict)));
  });
  const { fault, reason, granted, shadow } = decision;
  const seen: Readonly<Record<string, unknown>> = { fault, reason, granted, shadow: shadow && writtenShadow(shadow) };
  const ofRest = Object.entries(rest).flatMap(([key, expected]) =>
    compare(key, expected, asFarAs(expected, seen[key] ?? null)),
  );
  return [...ofRest, ...ofRules];
}

function compare(what: string, expected: unknown, got: unknown): string[] {
  return told(expected) === told(got) ? [] : [`${what}: expected ${told(expected)}, got ${told(got)}`];
}

/** A verdict as the cases write it. */
function written({ verdict, clause, expected, seen }: RuleVerdict): unknown {
  return verdict === 'holds' ? 'holds' : { [verdict]: clause, expected, seen };
}

const writtenShadow = ({ reason, granted }: ShadowOutcome) => ({ reason, ...(granted === null ? {} : { granted }) });

/** The parts of a map that the expectation has, and those that it must have. */
function asFarAs(expected: unknown, got: unknown): unknown {
  if (!isRecord(expected) || !isRecord(got)) return got;
  const optional = ['algorithm', 'tokenType', 'expected', 'seen'];
  return Object.fromEntries(
    Object.entries(got)
      .filter(([key]) => Object.hasOwn(expected, key) || !optional.includes(key))
      .map(([key, value]) => [key, asFarAs(expected[key], value)]),
  );
}

/** JSON with sorted keys. */
function told(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    isRecord(member)
      ? Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)))
      : member,
  );
}
