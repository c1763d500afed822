/** A token bucket: so much a second, and as much at once. */
export interface Bucket {
  /** Whether there is one more. */
  take(): boolean;
}

/** @param now milliseconds, from any start; a clock that is set back fills nothing */
export function createBucket(perSecond: number, now: () => number): Bucket {
  let left = perSecond;
  let filledAt = now();
  return {
    take() {
      const time = now();
      left = Math.min(perSecond, left + (Math.max(0, time - filledAt) / 1000) * perSecond);
      filledAt = time;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
