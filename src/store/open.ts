/** The store that the configuration names. */
import { openEmbeddedStore } from './embedded.js';
import { createMemoryStore } from './memory.js';
import type { Store } from './store.js';

export type StoreOptions = { readonly type: 'memory' } | { readonly type: 'embedded'; readonly path: string };

/** @param now milliseconds since the epoch */
export async function openStore(options: StoreOptions, now: () => number): Promise<Store> {
  return options.type === 'memory' ? createMemoryStore({ now }) : openEmbeddedStore({ path: options.path, now });
}
