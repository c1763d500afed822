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

/** It may be in other hands. That is known for good, so that nobody who holds an older ring brings the key back. */
export interface RevokedKey extends Pick<RingKey, 'kid' | 'published'> {
  readonly revoked: number;
}

/** There is exactly one active key, by form. */
export interface Ring {
  readonly active: ActiveKey;
  /** Null only until one has been made. */
  readonly next: RingKey | null;
  /** The newest first. */
  readonly retired: readonly RetiredKey[];
  /** The newest first. */
  readonly revoked: readonly RevokedKey[];
}

export type NewKey = Pick<RingKey, 'kid' | 'jwk'>;

/** Its first key is active at once: before it there was no token, and nobody had a key set. */
export const firstRing = (key: NewKey, now: number): Ring => ({
  active: { ...key, published: now, activated: now },
  next: null,
  retired: [],
  revoked: [],
});

/** Those that are published, the active one first. */
export const keysOf = ({ active, next, retired }: Ring): readonly RingKey[] => [
  active,
  ...(next === null ? [] : [next]),
  ...retired,
];

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
  return { ...ring, active: { ...next, activated: now }, next: null, retired: [last, ...retired] };
}

/**
 * Takes keys out at once. In place of the active one the next one signs, however short it has been published.
 * @param spare signs where the next one is taken out as well
 */
export function revoke(ring: Ring, keys: readonly RevokedKey[], spare: NewKey, now: number): Ring {
  const more = notRevokedBy(ring, keys);
  if (more.length === 0) return ring;
  const kids = new Set(more.map(({ kid }) => kid));
  const retired = ring.retired.filter(({ kid }) => !kids.has(kid));
  const rest = { retired, revoked: [...more, ...ring.revoked] };
  const next = ring.next !== null && kids.has(ring.next.kid) ? null : ring.next;
  if (!kids.has(ring.active.kid)) return { active: ring.active, next, ...rest };
  return { active: { ...(next ?? { ...spare, published: now }), activated: now }, next: null, ...rest };
}

export function notRevokedBy({ revoked }: Ring, keys: readonly RevokedKey[]): readonly RevokedKey[] {
  return keys.filter(({ kid }) => !revoked.some((each) => each.kid === kid));
}

/**
 * The ring of a store that lost another one: that one's keys stay published until the last token that they signed has expired.
 * @param lost as it was read last
 */
export function withKeysOf(lost: Ring, ring: Ring, now: number): Ring {
  const known = new Set([...keysOf(ring), ...ring.revoked].map(({ kid }) => kid));
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
