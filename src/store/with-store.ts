/** The store, for as long as a command needs it; the service may have it open as well. */
import { openStore, type StoreOptions } from './open.js';
import type { Store } from './store.js';

/** Milliseconds that the store gets to answer for the first time. */
const patience = 10_000;

/** @param warn is given lines for the operator. @throws Error when the store cannot be used, and whatever `work` throws */
export async function withStore<T>(
  options: StoreOptions,
  warn: (message: string) => void,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(patience);
  const store = await openStore(options, { now: Date.now, warn, signal }).catch((error: unknown) => {
    if (signal.aborted) throw new Error(`The store did not answer within ${patience / 1000} s.`, { cause: error });
    throw error;
  });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
