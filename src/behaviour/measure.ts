/** How each fact of behaviour stands in the store: under which key, for how long, and what one more token makes of it. Pure. */
import { createHash } from 'node:crypto';
import type { UnknownCause } from '../../attestors/attestor.js';
import {
  type BehaviourKey,
  behaviourKeyOf,
  behaviourKeys,
  mostDistinct,
  ofInstance,
  rememberedDays,
  windows,
} from '../policy/conditions/behaviour.js';
import { isInstant } from '../policy/conditions/local-time.js';
import type { Key } from '../store/store.js';

/** A token, as far as behaviour is about it. */
export interface Exchange {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly attestor: string;
  readonly subject: string;
  readonly instance: string;
  /** Null: not known yet. */
  readonly resource: string | null;
  /** As a selector; or why it is not known. */
  readonly node: { readonly selector: string } | UnknownCause;
  /** Null: not known. */
  readonly network: string | null;
}

interface Place {
  readonly key: Key;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface Counter extends Place {
  readonly kind: 'counter';
}

/** An entry that says more than a number, and is written only when a token tells something new. */
export interface Memory extends Place {
  readonly kind: 'memory';
  /** Of no window. */
  readonly isLasting: boolean;
  /** @param stored undefined: nothing @throws Error for what is none of ours */
  look(stored: string | undefined): Look;
}

export interface Look {
  /** With the token counted in. Null: not known. */
  readonly fact: boolean | number | null;
  /** What to store; null: there is nothing new. */
  readonly next: string | null;
}

const day = windows.day;

/** Seconds that a counter outlives its window, for clocks that are set back. */
const margin = 3600;

/** @param name without `behaviour.` @returns why it is not known, where the exchange does not say what it is about */
export function measureOf(name: string, exchange: Exchange): Counter | Memory | UnknownCause {
  const key = behaviourKeyOf(name);
  if (key === null || !isInstant(exchange.now)) return 'missing';
  const { attestor, subject, instance, now } = exchange;
  const who = name.startsWith(ofInstance) ? ['instance', attestor, instance] : ['workload', attestor, subject];
  const kind = behaviourKeys[key];
  if ('counts' in kind) {
    const length = windows[kind.window];
    const index = Math.floor(now / length);
    const place: Place = {
      key: ['behaviour', key, ...who, String(index)],
      expiresAt: ((index + 1) * length + margin) * 1000,
    };
    if (kind.counts === 'exchange') return { kind: 'counter', ...place };
    const value = namedBy(kind.counts, exchange);
    return 'value' in value
      ? { kind: 'memory', isLasting: false, ...place, look: (stored) => lookAtValues(stored, value.value) }
      : value.unknown;
  }
  return memoryOf(key, ['behaviour', key, ...who], exchange);
}

function memoryOf(key: BehaviourKey, place: Key, { now, resource }: Exchange): Memory | UnknownCause {
  const until = (days: number) => (now + days * day) * 1000;
  if (key === 'offHours') {
    const look = (stored: string | undefined) => lookAtHours(stored, Math.floor(now / windows.hour));
    return { kind: 'memory', isLasting: true, key: place, expiresAt: until(rememberedDays.firstUse), look };
  }
  if (resource === null) return 'missing';
  const look = (stored: string | undefined) => lookAtUse(stored, Math.floor(now / day));
  // It is written once a day, so it has to last for that day longer.
  return {
    kind: 'memory',
    isLasting: true,
    key: [...place, resource],
    expiresAt: until(rememberedDays.firstUse + 1),
    look,
  };
}

function namedBy(
  what: 'resource' | 'node' | 'network',
  { resource, node, network }: Exchange,
): { readonly value: string } | { readonly unknown: UnknownCause } {
  if (what === 'node') return typeof node === 'string' ? { unknown: node } : { value: node.selector };
  const value = what === 'resource' ? resource : network;
  return value === null ? { unknown: 'missing' } : { value };
}

/** A list of short hashes, which ends when it has one more than anybody asks about. */
function lookAtValues(stored: string | undefined, value: string): Look {
  const seen = listOf(stored === undefined ? [] : JSON.parse(stored), (item) => typeof item === 'string');
  const hash = createHash('sha256').update(value).digest('base64url').slice(0, 16);
  const known = seen.includes(hash);
  const most = mostDistinct + 1;
  return {
    fact: Math.min(most, seen.length + (known ? 0 : 1)),
    next: known || seen.length >= most ? null : JSON.stringify([...seen, hash]),
  };
}

/** The last day of its use, as the number of days since the epoch. */
function lookAtUse(stored: string | undefined, today: number): Look {
  const last = stored === undefined ? null : wholeNumber(JSON.parse(stored));
  return {
    fact: last === null || last < today - rememberedDays.firstUse,
    next: last !== null && last >= today ? null : JSON.stringify(today),
  };
}

const hoursOf = (days: number) => days * 24;

/** The hour of the first token, and those of the last weeks with one, as the number of hours since the epoch. */
function lookAtHours(stored: string | undefined, hour: number): Look {
  const { since, hours } = stored === undefined ? { since: hour, hours: [] } : hoursIn(JSON.parse(stored));
  const isAcquainted = hour - since >= hoursOf(rememberedDays.acquaintance);
  const kept = hours.filter((other) => hour - other <= hoursOf(rememberedDays.offHours) + 1);
  return {
    fact: isAcquainted ? !kept.some((other) => isAroundOnAnotherDay(hour - other)) : null,
    next: hours.includes(hour) ? null : JSON.stringify({ since, hours: [...kept, hour] }),
  };
}

/** Whole days ago, an hour more or less. */
const isAroundOnAnotherDay = (ago: number): boolean => ago >= 23 && (ago + 1) % 24 <= 2;

function hoursIn(value: unknown): { since: number; hours: readonly number[] } {
  const { since, hours } = (value ?? {}) as { since?: unknown; hours?: unknown };
  return { since: wholeNumber(since), hours: listOf(hours, Number.isSafeInteger) };
}

function listOf<Item>(value: unknown, isItem: (item: unknown) => boolean): readonly Item[] {
  if (Array.isArray(value) && value.every(isItem)) return value as Item[];
  throw strange;
}

function wholeNumber(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw strange;
}

const strange = new Error('The entry is not what is stored of behaviour.');
