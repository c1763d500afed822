/** Looks after the connection: at start until there is one, and then once a second. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisUnfit } from './redis-fault.js';

/** Milliseconds. */
const lookEvery = 1_000;
const tryEvery = 250;
/** Between two lines while nothing changes. */
const tellEvery = 10_000;

export interface WatchRoom {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A line for operators. */
  readonly warn: (message: string) => void;
  /** What is waited for before the store is open; null: it is there. */
  readonly waitsFor?: (what: string | null) => void;
  /** Ends the wait for a store that is not there yet. */
  readonly signal?: AbortSignal | undefined;
}

interface Watched {
  /** @returns since when claims are known, in milliseconds since the epoch; on the way the marks are made that are missing */
  touchAll(): Promise<number>;
  reconnect(): void;
  close(): void;
}

export interface Watch {
  status(): { readonly isAnswering: boolean; readonly since: number };
  close(): Promise<void>;
}

/** @throws Error when waiting does not help, or is not wanted any more; then everything is closed */
export async function openWatch(watched: Watched, room: WatchRoom): Promise<Watch> {
  const { warn } = room;
  let since = await first(watched, room).catch((error) => {
    watched.close();
    throw error;
  });
  let isAnswering = true;
  const closing = new AbortController();

  async function look(): Promise<void> {
    try {
      const seen = await watched.touchAll();
      if (seen > since) warn(`store: ${lostClaims}`);
      if (!isAnswering) warn('store: Redis answers again');
      since = seen;
      isAnswering = true;
    } catch (error) {
      if (isAnswering)
        warn(`store: ${(error as Error).message}; what needs the store is answered with 503 until it works`);
      isAnswering = false;
      // A connection on which nothing comes back may be dead without anybody having said so.
      if (/did not answer/.test((error as Error).message)) watched.reconnect();
    }
  }

  const looking = (async () => {
    while (!closing.signal.aborted) {
      await sleep(lookEvery, undefined, { signal: closing.signal, ref: false }).catch(() => {});
      if (!closing.signal.aborted) await look();
    }
  })();

  return Object.freeze<Watch>({
    status: () => ({ isAnswering, since }),
    close() {
      closing.abort();
      return looking;
    },
  });
}

async function first({ touchAll }: Watched, { warn, waitsFor, signal }: WatchRoom): Promise<number> {
  let told = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      signal?.throwIfAborted();
      const since = await touchAll();
      waitsFor?.(null);
      return since;
    } catch (error) {
      if (error instanceof RedisUnfit || signal?.aborted) throw error;
      waitsFor?.((error as Error).message);
      // The first attempt may come before the connection.
      const isLate = performance.now() - told >= tellEvery;
      if (told === Number.NEGATIVE_INFINITY) told = performance.now() - tellEvery + lookEvery;
      else if (isLate) {
        told = performance.now();
        warn(`store: ${(error as Error).message}; it is tried again until it works`);
      }
      await sleep(tryEvery, undefined, { signal }).catch(() => {});
    }
  }
}

const lostClaims =
  'Redis was emptied, restarted or failed over, or is new: what could have been used once before is refused from now on; fresh evidence works';
