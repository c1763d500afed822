/** What is good once: of any number of callers, over all replicas, one goes on. */
import { Rejected, Unavailable } from '../errors.js';
import { ClaimsUnknown, type Key, type Store } from './store.js';

/**
 * Seconds that the claim outlives what is claimed. A clock that was ahead, and is set back, would else make it good again after its
 * claim has gone.
 */
const margin = 3600;

export interface First {
  readonly key: Key;
  readonly value: string;
  /** Seconds since the epoch: nobody can have used it before. A store that lost claims refuses what could have been used until then. */
  readonly from: number;
  /** Seconds since the epoch: from then on it is good for nobody. */
  readonly end: number;
  /** Such as `The nonce`, for operators. */
  readonly what: string;
}

export interface Once extends Omit<First, 'value'> {
  /** Who claims. */
  readonly requestId: string;
  /** Of the rejection of whoever comes second. */
  readonly reason: string;
}

/**
 * @throws Rejected `reason`
 * @throws Unavailable `store_unavailable`, and `claims_unknown` when it may have been used before the store lost what it knew: what is
 *   made anew is good, from the time that `Retry-After` says
 */
export async function claimOnce(store: Store, { requestId, reason, ...once }: Once): Promise<void> {
  const winner = await claimFirst(store, { ...once, value: requestId });
  if (winner !== requestId) throw new Rejected(reason, `${once.what} was used before, by request ${winner}.`);
}

/**
 * @returns the value of whoever came first
 * @throws Unavailable as `claimOnce`
 */
export async function claimFirst(store: Store, { key, value, from, end, what }: First): Promise<string> {
  try {
    return await store.claim(key, value, Math.ceil((end + margin) * 1000), Math.floor(from * 1000));
  } catch (cause) {
    if (cause instanceof ClaimsUnknown) throw claimsUnknown(what, from, cause);
    throw new Unavailable('store_unavailable', `${what} could not be claimed: the store did not keep it.`, 1, {
      cause,
    });
  }
}

function claimsUnknown(what: string, from: number, cause: ClaimsUnknown): Unavailable {
  const since = cause.since / 1000;
  const detail =
    `${what} could have been used before ${new Date(cause.since).toISOString()}, since when the store knows what was used: ` +
    'it was new, emptied, restarted or failed over then. One that is made anew is good.';
  return new Unavailable('claims_unknown', detail, Math.max(1, Math.ceil(since - from)), { cause });
}
