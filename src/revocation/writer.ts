/** Brings the ends of instances into the log, and tries again until the log has them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../store/store.js';
import type { Endings } from './endings.js';
import { expiryOf } from './entry.js';

/** Milliseconds between two attempts: the first, and the longest that doubling comes to. */
const firstPause = 100;
const longestPause = 10_000;

export interface Writer {
  /** Has this instance's end written as soon as possible. */
  write(key: string): void;
  /** One last attempt. What then is not written is told. */
  close(): Promise<void>;
}

export function createWriter(log: Log, endings: Endings, warn: (message: string) => void): Writer {
  const closing = new AbortController();
  let pending = new Set<string>();
  let running: Promise<void> | undefined;

  async function append(key: string): Promise<void> {
    for (let entry = endings.unlogged(key); entry !== undefined; entry = endings.unlogged(key)) {
      await log.append(JSON.stringify(entry), expiryOf(entry.until));
      endings.logged(entry);
    }
  }

  /** @returns whether the log took all of them */
  async function attempt(): Promise<boolean> {
    const keys = [...pending];
    pending = new Set();
    const results = await Promise.allSettled(keys.map(append));
    keys.forEach((key, index) => {
      if (results[index]?.status === 'rejected') pending.add(key);
    });
    return results.every(({ status }) => status === 'fulfilled');
  }

  async function run(): Promise<void> {
    try {
      await writeAll();
    } finally {
      running = undefined;
    }
  }

  async function writeAll(): Promise<void> {
    let pause = 0;
    while (pending.size > 0) {
      if (await attempt()) {
        if (pause > 0) warn('revocation: the store takes the ends of instances again');
        pause = 0;
        continue;
      }
      if (closing.signal.aborted) return;
      if (pause === 0) warn(`revocation: the store does not take the end of an instance: ${tryingAgain}`);
      pause = Math.min(Math.max(pause * 2, firstPause), longestPause);
      await sleep(pause, undefined, { signal: closing.signal, ref: false }).catch(() => {});
    }
  }

  return Object.freeze<Writer>({
    write(key) {
      pending.add(key);
      running ??= run();
    },
    async close() {
      closing.abort();
      await running;
      if (pending.size > 0)
        warn(`revocation: the ends of ${pending.size} instances could not be written: ${afterStop}`);
    },
  });
}

const tryingAgain =
  'it is tried again until it does; meanwhile other processes still call its tokens active. Check the store';
const afterStop = 'other processes call their tokens active until they expire. Check the store, and start again';
