import { createMemoryTable } from './memory-table.js';
import type { Store } from './store.js';
import { createTableStore } from './table-store.js';

/** For tests, and for one process that may forget: nothing outlives it. */
export function createMemoryStore({ now = Date.now }: { now?: () => number } = {}): Store {
  return createTableStore(createMemoryTable(now), Math.ceil(now()));
}
