/** Posture: what the node and the pod are like. Each key of the condition is a check of one fact that the attestor gave. */
import type { UnknownCause } from '../../../attestors/attestor.js';
import { scrub } from '../../text.js';
import type { FactValue, ObservedFact } from '../facts.js';
import type { Lookup } from '../lookup.js';
import { type Candidate, type Condition, causeOf, type Hope, unknownRank } from '../match.js';
import type { ConditionKind } from './kind.js';
import { type Posture, postureSchema } from './posture-schema.js';
import { formOf, noSources, type PostureSources } from './posture-sources.js';
import { age, count, equal, images, oneOf, runtime, secondsAgo, skew, type Test, version } from './posture-tests.js';

export const posture = Object.freeze<ConditionKind<Posture>>({
  kind: 'posture',
  schema: postureSchema,
  checks: (asked: Posture, sources = noSources) =>
    [...postureChecks(asked), ...sourceChecks(asked, sources)].map((check) => ({
      key: check.key,
      reads: [`posture.${check.fact}`],
      condition: (hope: Hope) => postureCondition(check, hope),
    })),
});

/** One key of a posture, and what it says of a value. */
interface PostureCheck extends Test {
  /** As the condition writes it, such as `nodeBooted`. */
  readonly key: string;
  /** The name of the fact without `posture.`, such as `nodeBootedAt`. */
  readonly fact: string;
  /** Seconds; infinite when the condition sets none. */
  readonly maxAge: number;
  /** The name of the source outside the platform that it comes from; left out: the attestor gives it. */
  readonly source?: string;
}

const flags = [
  'ready',
  'memoryPressure',
  'diskPressure',
  'pidPressure',
  'networkUnavailable',
  'privileged',
  'hostNamespaces',
  'runsAsRoot',
  'readOnlyRoot',
] as const;

function postureChecks(posture: Posture): readonly PostureCheck[] {
  const maxAge = maxAgeOf(posture);
  const check = <Asked>(
    key: keyof Posture,
    asked: Asked | undefined,
    test: (asked: Asked) => Test,
    fact: string = key,
  ) => (asked === undefined ? [] : [Object.freeze({ key, fact, maxAge, ...test(asked) })]);
  return [
    ...check('kubelet', posture.kubelet, version),
    ...check('kernel', posture.kernel, version),
    ...check('osImage', posture.osImage, oneOf),
    ...check('runtime', posture.runtime, runtime),
    ...flags.flatMap((flag) => check(flag, posture[flag], equal)),
    ...check('nodeBooted', posture.nodeBooted, age, 'nodeBootedAt'),
    ...check('podStarted', posture.podStarted, age, 'podStartedAt'),
    ...check('restarts', posture.restarts, count),
    ...check('images', posture.images, images),
  ];
}

const maxAgeOf = ({ maxAge = Number.POSITIVE_INFINITY }: Posture): number => maxAge;

/** What is asked of a fact in another form than its type has was refused when the policy was checked. */
function sourceChecks(posture: Posture, sources: PostureSources): readonly PostureCheck[] {
  const maxAge = maxAgeOf(posture);
  return Object.entries(posture.sources ?? {}).flatMap(([source, asked]) =>
    Object.entries(asked).flatMap(([name, form]) => {
      const test = formOf(sources, source, name)?.test(form) ?? null;
      const fact = `${source}.${name}`;
      return test === null ? [] : [Object.freeze({ key: `sources.${fact}`, fact, maxAge, source, ...test })];
    }),
  );
}

function postureCondition(check: PostureCheck, hope: Hope): Condition {
  const { fact: name, expected, maxAge, source } = check;
  return Object.freeze<Condition>({
    ...(source !== undefined && { lookup: Object.freeze<Lookup>({ kind: 'source', key: source }) }),
    expected: Number.isFinite(maxAge) ? `${expected}, observed within ${maxAge} s` : expected,
    rank(candidate) {
      const found = readPosture(candidate, name, maxAge);
      if ('unknown' in found) return unknownRank[hope][found.unknown];
      const holds = check.holds(found.value, candidate.now);
      if (holds === null) return unknownRank[hope].missing;
      return holds ? 3 : 0;
    },
    seen({ facts, now }) {
      const fact = factOf(facts.posture, name);
      if (fact === undefined) return unknown(causeOf(facts, `posture.${name}`) ?? 'missing');
      const { value, observedAt } = fact;
      if (!Number.isFinite(observedAt)) return `${unknown('unavailable')}: observed at no time`;
      if (!isFresh(fact, now, maxAge)) return `${unknown('unavailable')}: observed ${secondsAgo(now - observedAt)}`;
      if (check.holds(value, now) === null) return `${unknown('missing')}: ${kindOfValue(value)} cannot be compared`;
      return check.seen(value, now);
    },
  });
}

const unknown = (cause: UnknownCause) => `unknown (${cause})`;

const factOf = (posture: Candidate['facts']['posture'], name: string): ObservedFact | undefined =>
  Object.hasOwn(posture, name) ? posture[name] : undefined;

/** The value of a fact of posture, unless it is not known or is older than `maxAge`, in seconds. */
export function readPosture(
  { facts, now }: Candidate,
  name: string,
  maxAge: number,
): { readonly value: FactValue } | { readonly unknown: UnknownCause } {
  const fact = factOf(facts.posture, name);
  if (fact === undefined) return { unknown: causeOf(facts, `posture.${name}`) ?? 'missing' };
  return isFresh(fact, now, maxAge) ? { value: fact.value } : { unknown: 'unavailable' };
}

/** A time that is no number is as good as long ago. */
const isFresh = ({ observedAt }: ObservedFact, now: number, maxAge: number): boolean =>
  Number.isFinite(observedAt) && now - observedAt <= maxAge && now - observedAt >= -skew;

function kindOfValue(value: FactValue): string {
  if (typeof value === 'string') return JSON.stringify(scrub(value));
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === null ? 'something else' : 'a list';
}
