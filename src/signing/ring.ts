/**
 * The life of the keys of one algorithm: next, active, retired, gone. Pure: a ring and the time give the next ring, and the
 * same object when nothing is due. Times are seconds since the epoch.
 */
import type { JsonWebKey } from 'node:crypto';
import type { SigningKeyStatus } from './signer.js';
import { lead, retention } from './times.js';

export interface RingKey {
  /** The RFC 7638 thumbprint. */
  readonly kid: string;
  readonly jwk: JsonWebKey;
  /** It is in the key set from the moment that it was made, or taken over. */
  readonly published: number;
}

interface ActiveKey extends RingKey {
  readonly activated: number;
}

/** With public members only: nobody is to sign with it again. */
interface RetiredKey extends ActiveKey {
  readonly retired: number;
  /** From then on it is in no key set. */
  readonly leaves: number;
}

/** There is exactly one active key, by form. */
export interface Ring {
  readonly active: ActiveKey;
  /** Null only until one has been made. */
  readonly next: RingKey | null;
  /** The newest first. */
  readonly retired: readonly RetiredKey[];
}

export type NewKey = Pick<RingKey, 'kid' | 'jwk'>;

/** Its first key is active at once: before it there was no token, and nobody had a key set. */
export const firstRing = (key: NewKey, now: number): Ring => ({
  active: { ...key, published: now, activated: now },
  next: null,
  retired: [],
});

export const publishNext = (ring: Ring, key: NewKey, now: number): Ring =>
  ring.next === null ? { ...ring, next: { ...key, published: now } } : ring;

/** When the next key has been published for long enough; null while there is none. */
export const readyAt = ({ next }: Ring): number | null => next && next.published + lead;

/** When the schedule makes the next key the active one; null while there is none. */
export function dueAt(ring: Ring, rotateEvery: number): number | null {
  const ready = readyAt(ring);
  return ready && Math.max(ring.active.activated + rotateEvery, ready);
}

/** What the schedule asks for. @param rotateEvery seconds, more than 0 */
export function bringForward(ring: Ring, now: number, rotateEvery: number): Ring {
  const due = dueAt(ring, rotateEvery);
  const rotated = due !== null && now >= due ? rotate(ring, now) : ring;
  const retired = rotated.retired.filter(({ leaves }) => now < leaves);
  return retired.length === rotated.retired.length ? rotated : { ...rotated, retired };
}

/** The next key becomes the active one, if it has been published for long enough; else nothing changes. */
export function rotate(ring: Ring, now: number): Ring {
  const { active, next, retired } = ring;
  if (next === null || now < next.published + lead) return ring;
  const last: RetiredKey = { ...active, jwk: publicMembers(active.jwk), retired: now, leaves: now + retention };
  return { active: { ...next, activated: now }, next: null, retired: [last, ...retired] };
}

/**
 * The ring of a store that lost another one: that one's keys stay published until the last token that they signed has expired.
 * @param lost as it was read last
 */
export function withKeysOf(lost: Ring, ring: Ring, now: number): Ring {
  const known = new Set([ring.active, ...(ring.next ? [ring.next] : []), ...ring.retired].map(({ kid }) => kid));
  const signing = [lost.active, ...(lost.next ? [{ ...lost.next, activated: now }] : [])].map(
    (key): RetiredKey => ({ ...key, jwk: publicMembers(key.jwk), retired: now, leaves: now + retention }),
  );
  const missing = [...signing, ...lost.retired].filter(({ kid, leaves }) => !known.has(kid) && now < leaves);
  return missing.length === 0 ? ring : { ...ring, retired: [...missing, ...ring.retired] };
}

const publicNames = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const;

function publicMembers(jwk: JsonWebKey): JsonWebKey {
  return Object.fromEntries(publicNames.flatMap((name) => (jwk[name] === undefined ? [] : [[name, jwk[name]]])));
}

/** The active one first. */
export function statesOf({ active, next, retired }: Ring): readonly Omit<SigningKeyStatus, 'algorithm'>[] {
  const status = (kid: string, state: SigningKeyStatus['state'], since: number) => ({ kid, state, since });
  return [
    status(active.kid, 'active', active.activated),
    ...(next === null ? [] : [status(next.kid, 'next', next.published)]),
    ...retired.map(({ kid, retired: since }) => status(kid, 'retired', since)),
  ];
}
