/**
 * Nonces that we have given out, known again without having been kept: each carries when it ends, and a keyed hash of that and of
 * what it is for. What is kept, until it would have ended, is that it was used.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../attestors/attestor.js';
import { Rejected } from '../errors.js';
import { claimOnce } from '../store/claim-once.js';
import type { Store } from '../store/store.js';

/** Seconds that a workload has to ask its platform, and to come back. */
export const nonceLifetime = 300;

export interface Nonces {
  /** @param purpose what it is for: in another it is worth nothing. @returns 32 characters of 0-9 and a-z */
  make(purpose: string): string;
  /**
   * Whether it is one of ours for this purpose that has not ended; that it was used is seen when it is redeemed.
   * @returns when it was made: seconds since the epoch
   * @throws Rejected `nonce_unknown`, `nonce_expired`
   */
  check(purpose: string, nonce: string): number;
  /**
   * Once, over all replicas.
   * @param requestId who redeems
   * @returns when it was made: seconds since the epoch
   * @throws Rejected `nonce_unknown`, `nonce_expired`, `nonce_used`, Unavailable
   */
  redeem(purpose: string, nonce: string, requestId: string): Promise<number>;
  close(): Promise<void>;
}

export interface NoncesRoom {
  /** Milliseconds between two looks at the key that the store has, default 1,000. */
  readonly lookEvery?: number | undefined;
}

/** Seconds by which clocks of replicas may differ. */
const skew = 60;

/** Characters of the end, in base 36 (seconds since the epoch, good for 2,000 years), and of what is random. */
const endLength = 7;
const headLength = 16;
/** With a head of 16 as many as Azure's metadata service takes. */
const nonceForm = /^[0-9a-z]{32}$/;

/**
 * Looks at the key in the store at an interval, and by no request: a store that was emptied gets it again from those that run, or they
 * take the one of who started on it first.
 * @throws the store's own errors as they come
 */
export async function openNonces(store: Store, now: Clock, { lookEvery = 1_000 }: NoncesRoom = {}): Promise<Nonces> {
  let key = await loadOrKeepKey(store, randomBytes(32));
  let looking: Promise<void> | undefined;
  const look = async () => {
    try {
      key = await loadOrKeepKey(store, key);
    } catch {
      // What was read last stays good. Of a store that fails operators are told by those who need it.
    }
    looking = undefined;
  };
  const timer = setInterval(() => {
    looking ??= look();
  }, lookEvery);
  timer.unref();
  const seal = (purpose: string, head: string): string =>
    letters(createHmac('sha256', key).update(`${head}${purpose}`).digest().subarray(0, 16));
  const check: Nonces['check'] = (purpose, nonce) => {
    const isSealed =
      nonceForm.test(nonce) && areEqual(nonce.slice(headLength), seal(purpose, nonce.slice(0, headLength)));
    // No replica gives one out that ends later: whoever made it has our key.
    if (!isSealed || endOf(nonce) > now() + nonceLifetime + skew) {
      throw new Rejected('nonce_unknown', 'The nonce is none that this service gave out for such evidence.');
    }
    if (now() >= endOf(nonce)) {
      throw new Rejected(
        'nonce_expired',
        `The nonce ended at ${endOf(nonce)}: get one, and show it within ${nonceLifetime} s.`,
      );
    }
    return endOf(nonce) - nonceLifetime;
  };
  return Object.freeze<Nonces>({
    check,
    make(purpose) {
      const end = Math.ceil(now() + nonceLifetime);
      const head = `${end.toString(36).padStart(endLength, '0')}${letters(randomBytes(headLength - endLength))}`;
      return `${head}${seal(purpose, head)}`;
    },
    async redeem(purpose, nonce, requestId) {
      const from = check(purpose, nonce);
      const once = { key: ['nonce', purpose, nonce], requestId, from, end: endOf(nonce) } as const;
      await claimOnce(store, { ...once, what: 'The nonce', reason: 'nonce_used' });
      return from;
    },
    async close() {
      clearInterval(timer);
      await looking;
    },
  });
}

const endOf = (nonce: string): number => Number.parseInt(nonce.slice(0, endLength), 36);

/** The one that the store has; ours if it has none. Processes that do this at once agree on one. */
async function loadOrKeepKey(store: Store, ours: Buffer): Promise<Buffer> {
  const place = ['nonce-key'] as const;
  const stored = (await store.get(place))?.value ?? (await store.claim(place, ours.toString('hex')));
  if (!/^[0-9a-f]{64}$/.test(stored)) throw new Error('The key of nonces in the store is damaged: restore the store.');
  return Buffer.from(stored, 'hex');
}

/** Five bits of each byte. */
const letters = (bytes: Buffer): string => Array.from(bytes, (byte) => (byte & 31).toString(32)).join('');

const areEqual = (one: string, other: string): boolean => timingSafeEqual(Buffer.from(one), Buffer.from(other));
