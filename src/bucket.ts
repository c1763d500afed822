/** Token buckets: so many at once, and so many again in a time. */
import { LRUCache } from 'lru-cache';

export interface BucketSize {
  /** The most at once. */
  readonly size: number;
  /** Milliseconds in which an empty one is full again. */
  readonly fillsIn: number;
}

export interface Bucket {
  /** Whether there is one more. */
  take(): boolean;
  /** As many as there are of them, without asking. */
  spend(count: number): void;
  /** One that was taken, and was not used. */
  putBack(): void;
  /** Milliseconds until there is one more; 0: there is. */
  wait(): number;
}

/** @param now milliseconds, from any start; a clock that is set back fills nothing */
export function createBucket({ size, fillsIn }: BucketSize, now: () => number): Bucket {
  let left = size;
  let filledAt = now();
  const fill = () => {
    const time = now();
    left = Math.min(size, left + (Math.max(0, time - filledAt) * size) / fillsIn);
    filledAt = time;
  };
  return {
    take() {
      fill();
      if (left < 1) return false;
      left -= 1;
      return true;
    },
    spend(count) {
      fill();
      left = Math.max(0, left - count);
    },
    putBack() {
      left = Math.min(size, left + 1);
    },
    wait() {
      fill();
      return left >= 1 ? 0 : ((1 - left) * fillsIn) / size;
    },
  };
}

/** Above it the one that was asked for longest ago is forgotten, and is full when it is asked for again. */
const mostBuckets = 10_000;

/** One for each key, full at first. @returns the bucket of a key */
export function createBuckets(bucketSize: BucketSize, now: () => number): (key: string) => Bucket {
  const buckets = new LRUCache<string, Bucket>({ max: mostBuckets });
  return (key) => {
    const known = buckets.get(key);
    if (known !== undefined) return known;
    const made = createBucket(bucketSize, now);
    buckets.set(key, made);
    return made;
  };
}
