/** One limit: in this process, or over all that share the store. */
import { createBuckets } from '../bucket.js';
import type { Limit, SharedLimiter, Store } from '../store/store.js';

export interface Limiter {
  /** @returns milliseconds until there is one more; 0: this was one. Never rejects */
  take(key: string): number | Promise<number>;
  /** One that was taken, and was not used. */
  putBack(key: string): void;
}

export interface LocalLimiter extends Limiter {
  take(key: string): number;
  /** As many as there are of them, without asking. */
  spend(key: string, count: number): void;
}

/**
 * Token buckets. rate-limiter-flexible's own of this kind has a timer for each key and no bound on how many, and strangers choose addresses.
 * @param now milliseconds
 */
export function createLocalLimiter({ requests, per }: Limit, now: () => number): LocalLimiter {
  const bucketOf = createBuckets({ size: requests, fillsIn: per * 1000 }, now);
  return Object.freeze<LocalLimiter>({
    take(key) {
      const bucket = bucketOf(key);
      return bucket.take() ? 0 : bucket.wait();
    },
    spend: (key, count) => bucketOf(key).spend(count),
    putBack: (key) => bucketOf(key).putBack(),
  });
}

interface LimiterRoom {
  /** The first part of its keys. */
  readonly by: string;
  readonly store: Pick<Store, 'limiter' | 'status'>;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Over all replicas where the store is shared. A limit authorizes nothing, so while the store does not answer, this process counts for itself. */
export function createLimiter(limit: Limit, { by, store, now }: LimiterRoom): Limiter {
  const local = createLocalLimiter(limit, now);
  const shared = store.limiter?.(limit);
  if (shared === undefined) return local;
  const isAway = () => store.status?.().isAnswering === false;
  return Object.freeze<Limiter>({
    take: (key) => (isAway() ? local.take(key) : takeShared(shared, local, [by, key])),
    putBack(key) {
      local.putBack(key);
      if (!isAway()) shared.putBack([by, key]).catch(() => {});
    },
  });
}

async function takeShared(
  shared: SharedLimiter,
  local: LocalLimiter,
  [by, key]: readonly [string, string],
): Promise<number> {
  try {
    return await shared.take([by, key]);
  } catch {
    return local.take(key);
  }
}
