/** What is good once: of any number of callers, over all replicas, one goes on. */
import { Rejected, Unavailable } from '../errors.js';
import type { Key, Store } from './store.js';

/**
 * Seconds that the claim outlives what is claimed. A clock that was ahead, and is set back, would else make it good again after its
 * claim has gone.
 */
const margin = 3600;

export interface Once {
  readonly key: Key;
  /** Who claims. */
  readonly requestId: string;
  /** Seconds since the epoch: from then on it is good for nobody. */
  readonly end: number;
  /** Such as `The nonce`, for operators. */
  readonly what: string;
  /** Of the rejection of whoever comes second. */
  readonly reason: string;
}

/** @throws Rejected `reason`, Unavailable `store_unavailable` */
export async function claimOnce(store: Store, { key, requestId, end, what, reason }: Once): Promise<void> {
  let winner: string;
  try {
    winner = await store.claim(key, requestId, Math.ceil((end + margin) * 1000));
  } catch (cause) {
    throw new Unavailable('store_unavailable', `${what} could not be claimed: the store did not keep it.`, 1, {
      cause,
    });
  }
  if (winner !== requestId) throw new Rejected(reason, `${what} was used before, by request ${winner}.`);
}
