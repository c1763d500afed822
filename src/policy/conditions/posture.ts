/** Posture: what the node and the pod are like. Each key of the condition is a check of one fact that the attestor gave. */
import type { UnknownCause } from '../../../attestors/attestor.js';
import { compileGlob } from '../../../attestors/glob.js';
import { scrub } from '../../text.js';
import type { FactValue, ObservedFact } from '../facts.js';
import { type Candidate, type Condition, causeOf, type Hope, unknownRank } from '../match.js';
import { type Comparison, meets } from './comparison.js';
import type { ConditionKind } from './kind.js';
import { type Posture, postureSchema } from './posture-schema.js';
import { compareVersions, parseVersion, type Version } from './version.js';

/** Seconds by which a clock may be ahead of ours. */
const skew = 60;

/** How many images a refusal names. */
const mostNamed = 5;

export const posture = Object.freeze<ConditionKind<Posture>>({
  kind: 'posture',
  schema: postureSchema,
  checks: (asked: Posture) =>
    postureChecks(asked).map((check) => ({
      key: check.key,
      reads: [`posture.${check.fact}`],
      condition: (hope: Hope) => postureCondition(check, hope),
    })),
});

/** One key of a posture, and what it says of a value. */
interface PostureCheck {
  /** As the condition writes it, such as `nodeBooted`. */
  readonly key: string;
  /** The name of the fact without `posture.`, such as `nodeBootedAt`. */
  readonly fact: string;
  readonly expected: string;
  /** Seconds; infinite when the condition sets none. */
  readonly maxAge: number;
  /** Null when the value cannot be read as what it should be. */
  holds(value: FactValue, now: number): boolean | null;
  /** Of a value that could be read, for a person. */
  seen(value: FactValue, now: number): string;
}

type Test = Pick<PostureCheck, 'expected' | 'holds' | 'seen'>;

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

/** At least one. */
function postureChecks(posture: Posture): readonly PostureCheck[] {
  const maxAge = posture.maxAge ?? Number.POSITIVE_INFINITY;
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

function postureCondition(check: PostureCheck, hope: Hope): Condition {
  const { fact: name, expected, maxAge } = check;
  return Object.freeze<Condition>({
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

const secondsAgo = (seconds: number) => `${Math.round(seconds * 10) / 10} s ago`;

function kindOfValue(value: FactValue): string {
  if (typeof value === 'string') return JSON.stringify(scrub(value));
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === null ? 'something else' : 'a list';
}

const asText = (value: FactValue) => scrub(String(value));

function version(asked: Comparison<Version>): Test {
  return {
    expected: asked.text,
    holds: (value) => meetsVersion(asked, value),
    seen: asText,
  };
}

function meetsVersion(asked: Comparison<Version>, value: FactValue): boolean | null {
  const parsed = typeof value === 'string' ? parseVersion(value) : null;
  return parsed === null ? null : meets(asked, (bound) => compareVersions(parsed, bound));
}

/** Another runtime fails, whatever its version. */
function runtime(asked: NonNullable<Posture['runtime']>): Test {
  return {
    expected: `${asked.name} ${asked.version.text}`,
    holds(value) {
      const end = typeof value === 'string' ? value.indexOf('://') : -1;
      if (typeof value !== 'string' || end < 1) return null;
      return value.slice(0, end) === asked.name ? meetsVersion(asked.version, value.slice(end + 3)) : false;
    },
    seen: asText,
  };
}

function equal(asked: boolean): Test {
  return {
    expected: String(asked),
    holds: (value) => (typeof value === 'boolean' ? value === asked : null),
    seen: asText,
  };
}

function count(asked: Comparison<number>): Test {
  return {
    expected: asked.text,
    holds: (value) => (isCount(value) ? meets(asked, (bound) => value - bound) : null),
    seen: asText,
  };
}

const isCount = (value: FactValue): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** Of a time: how long ago it was. One that is yet to come, beyond what clocks differ, has no age. */
function age(asked: Comparison<number>): Test {
  return {
    expected: asked.text,
    holds(value, now) {
      if (typeof value !== 'number' || !(now - value >= -skew)) return null;
      return meets(asked, (bound) => now - value - bound);
    },
    seen: (value, now) => secondsAgo(now - Number(value)),
  };
}

function oneOf(asked: readonly string[]): Test {
  const globs = asked.map(compileGlob);
  return {
    expected: asked.join(' or '),
    holds: (value) => (typeof value === 'string' ? globs.some((glob) => glob(value)) : null),
    seen: asText,
  };
}

/** Every container's, so that one foreign debug container spoils it; a pod without any is not known to be good. */
function images({ only }: NonNullable<Posture['images']>): Test {
  const globs = only.map(compileGlob);
  const isForeign = (image: string) => !globs.some((glob) => glob(image));
  return {
    expected: `only ${only.join(' or ')}`,
    holds: (value) => (isList(value) ? value.length > 0 && !value.some(isForeign) : null),
    seen(value) {
      const foreign = isList(value) ? value.filter(isForeign) : [];
      if (foreign.length === 0) return 'no image';
      const more = foreign.length > mostNamed ? `, and ${foreign.length - mostNamed} more` : '';
      return `${foreign.slice(0, mostNamed).map(scrub).join(', ')}${more}`;
    },
  };
}

const isList = (value: FactValue): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
