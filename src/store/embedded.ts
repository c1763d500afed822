import { openLmdbTable } from './lmdb-table.js';
import type { Store } from './store.js';
import { birthOf, createTableStore } from './table-store.js';

/**
 * On this machine's disk, for one or several processes at once on the same path. What resolved is on the disk.
 * @param path a folder on a disk of this machine (no network file system); made with mode 0700 when missing
 */
export async function openEmbeddedStore({
  path,
  now = Date.now,
}: {
  readonly path: string;
  readonly now?: () => number;
}): Promise<Store> {
  const table = await openLmdbTable(path, now);
  try {
    return createTableStore(table, await birthOf(table, now));
  } catch (error) {
    await table.close();
    throw error;
  }
}
