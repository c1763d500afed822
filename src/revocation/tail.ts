/** Follows a log: each entry once, in order, from the first one that has not expired. */
import type { Log } from '../store/store.js';

const batch = 1_000;

/**
 * @param take gets each entry
 * @returns reads what has been appended until the call; callers that come while a read is under way share the next one,
 *   since that read may have passed what they are waiting for. Rejects as the log does, and goes on from there next time.
 */
export function createTail(log: Log, take: (entry: string) => void): () => Promise<void> {
  let cursor: string | undefined;
  let reading: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  async function readOn(): Promise<void> {
    for (;;) {
      const entries = await log.read(cursor, batch);
      for (const { cursor: at, entry } of entries) {
        take(entry);
        cursor = at;
      }
      if (entries.length < batch) return;
    }
  }

  function start(): Promise<void> {
    reading = readOn().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  function startNext(): Promise<void> {
    next = undefined;
    return start();
  }

  return () => {
    if (reading === undefined) return start();
    next ??= reading.then(startNext, startNext);
    return next;
  };
}
