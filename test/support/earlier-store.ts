/** A store in memory that was there long before: one that is new refuses what may have been used before it. */
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';

/** @param now milliseconds since the epoch */
export function createEarlierStore(now: () => number): Store {
  let isThere = false;
  const store = createMemoryStore({ now: () => (isThere ? now() : 0) });
  isThere = true;
  return store;
}
