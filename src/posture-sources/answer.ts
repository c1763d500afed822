/** The facts in an answer. What is not there, or is of another type than it should be, is left out. */

import type { SourceFactType } from '../policy/conditions/posture-sources.js';
import type { FactValue, ObservedFact } from '../policy/facts.js';
import type { PostureSourceOptions } from './schema.js';

/** By name. */
export type SourceFacts = Readonly<Record<string, ObservedFact>>;

export const noFacts: SourceFacts = Object.freeze({});

/** UTF-16 units of a text: a record holds it. */
const longest = 512;

const textOf = (value: unknown) => (typeof value === 'string' && value.length <= longest ? value : null);

const readers: Readonly<Record<SourceFactType, (value: unknown) => FactValue>> = {
  boolean: (value) => (typeof value === 'boolean' ? value : null),
  number: (value) => (typeof value === 'number' && Number.isFinite(value) ? value : null),
  text: textOf,
  time: timeOf,
  // A number is none: 7.10 would be 7.1.
  version: textOf,
};

/** @param askedAt seconds since the epoch: when the facts were observed, unless the answer says it */
export function readFacts(
  answer: unknown,
  { facts, observedAt }: Pick<PostureSourceOptions, 'facts' | 'observedAt'>,
  askedAt: number,
): SourceFacts {
  const observed = observedAt === undefined ? askedAt : timeOf(pointedAt(answer, observedAt));
  if (observed === null) return noFacts;
  const found = Object.entries(facts).flatMap(([name, { at, type }]) => {
    const value = readers[type](pointedAt(answer, at));
    return value === null ? [] : [[name, Object.freeze<ObservedFact>({ value, observedAt: observed })] as const];
  });
  return Object.freeze(Object.fromEntries(found));
}

/** RFC 6901 §4, for members that the value itself has. */
function pointedAt(answer: unknown, pointer: string): unknown {
  const names = pointer.split('/').slice(1);
  return names.reduce<unknown>((at, name) => memberOf(at, name.replaceAll('~1', '/').replaceAll('~0', '~')), answer);
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  if (Array.isArray(value) && !/^(0|[1-9]\d*)$/.test(name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

/** RFC 3339 §5.6. */
const dateTime = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

/** Seconds since the epoch, of a number of them or of text. */
function timeOf(value: unknown): number | null {
  const seconds = typeof value === 'string' && dateTime.test(value) ? Date.parse(value.toUpperCase()) / 1000 : value;
  return typeof seconds === 'number' && Number.isFinite(seconds) ? seconds : null;
}
