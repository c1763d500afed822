/** The store that the configuration names. */
import { openEmbeddedStore } from './embedded.js';
import { createMemoryStore } from './memory.js';
import { openRedisStore } from './redis.js';
import type { RedisOptions } from './redis-options.js';
import type { WatchRoom } from './redis-watch.js';
import type { Store } from './store.js';

export type StoreOptions =
  | { readonly type: 'memory' }
  | { readonly type: 'embedded'; readonly path: string }
  | RedisOptions;

/** @throws Error when the store cannot be used; one that is on its way is waited for */
export async function openStore(options: StoreOptions, room: WatchRoom): Promise<Store> {
  if (options.type === 'redis') return openRedisStore(options, room);
  const { now } = room;
  return options.type === 'memory' ? createMemoryStore({ now }) : openEmbeddedStore({ path: options.path, now });
}
