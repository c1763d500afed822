/** What a condition may ask of one fact of posture, and what it says of a value. */
import { compileGlob } from '../../../attestors/glob.js';
import { scrub } from '../../text.js';
import type { FactValue } from '../facts.js';
import { type Comparison, meets } from './comparison.js';
import type { Posture } from './posture-schema.js';
import { compareVersions, parseVersion, type Version } from './version.js';

export interface Test {
  readonly expected: string;
  /** Null when the value cannot be read as what it should be. */
  holds(value: FactValue, now: number): boolean | null;
  /** Of a value that could be read, for a person. */
  seen(value: FactValue, now: number): string;
}

/** Seconds by which a clock may be ahead of ours. */
export const skew = 60;

/** How many images a refusal names. */
const mostNamed = 5;

export const secondsAgo = (seconds: number) => `${Math.round(seconds * 10) / 10} s ago`;

const asText = (value: FactValue) => scrub(String(value));

export function version(asked: Comparison<Version>): Test {
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
export function runtime(asked: NonNullable<Posture['runtime']>): Test {
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

export function equal(asked: boolean): Test {
  return {
    expected: String(asked),
    holds: (value) => (typeof value === 'boolean' ? value === asked : null),
    seen: asText,
  };
}

export function count(asked: Comparison<number>): Test {
  return {
    expected: asked.text,
    holds: (value) => (isCount(value) ? meets(asked, (bound) => value - bound) : null),
    seen: asText,
  };
}

export function number(asked: Comparison<number>): Test {
  return {
    expected: asked.text,
    holds: (value) => (Number.isFinite(value) ? meets(asked, (bound) => Number(value) - bound) : null),
    seen: asText,
  };
}

const isCount = (value: FactValue): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** Of a time: how long ago it was. One that is yet to come, beyond what clocks differ, has no age. */
export function age(asked: Comparison<number>): Test {
  return {
    expected: asked.text,
    holds(value, now) {
      if (typeof value !== 'number' || !(now - value >= -skew)) return null;
      return meets(asked, (bound) => now - value - bound);
    },
    seen: (value, now) => secondsAgo(now - Number(value)),
  };
}

export function oneOf(asked: readonly string[]): Test {
  const globs = asked.map(compileGlob);
  return {
    expected: asked.join(' or '),
    holds: (value) => (typeof value === 'string' ? globs.some((glob) => glob(value)) : null),
    seen: asText,
  };
}

/** Every container's, so that one foreign debug container spoils it; a pod without any is not known to be good. */
export function images({ only }: NonNullable<Posture['images']>): Test {
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
