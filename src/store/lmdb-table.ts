import { chmod, mkdir, open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { refuseDamaged } from './lmdb-file.js';
import { hasExpired, type Row, type RowKey, storeIsClosed, sweptByWrite, type Table } from './table.js';

/**
 * A row is at its key; a row that expires is also named by an index row `['expiry', expiresAt, ...key]`, so that the
 * expired ones are the first of a range and nothing is scanned for them.
 */
type IndexKey = readonly ['expiry', expiresAt: number, ...key: RowKey];
type LmdbKey = (string | number)[];
type Database = RootDatabase<Row | typeof indexValue, LmdbKey>;

const indexValue = 0;

export async function openLmdbTable(path: string, now: () => number): Promise<Table> {
  const database = await openDatabase(path);
  let newestWrite: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;

  const live = (key: RowKey): Row | undefined => {
    const row = rowAt(database, key);
    return row && !hasExpired(row, now()) ? row : undefined;
  };
  const set = (key: RowKey, row: Row): void => setRow(database, key, row);

  /** The newest commit of any process, and not the one of the last turn of our event loop. */
  const refresh = (): void => {
    if (closing) throw storeIsClosed();
    database.resetReadTxn();
  };

  return {
    get(key) {
      refresh();
      return live(key);
    },
    *after(log, cursor) {
      refresh();
      // `:` follows the digits of which cursors are made.
      const range = { start: ['log', log, cursor ?? ''], exclusiveStart: true, end: ['log', log, ':'] };
      for (const { key, value } of database.getRange(range)) {
        const row = value as Row;
        if (!hasExpired(row, now())) yield [String(key[2]), row];
      }
    },
    async write(change) {
      if (closing) throw storeIsClosed();
      const transaction = database.transaction(() => {
        const result = change({ get: live, set });
        sweep(database, now());
        return result;
      });
      newestWrite = transaction;
      return committed(transaction);
    },
    close() {
      // lmdb would close under the writes that still wait for their turn. They end in order.
      closing ??= newestWrite.then(
        () => database.close(),
        () => database.close(),
      );
      return closing;
    },
  };
}

/**
 * Without overlapping syncs a transaction resolves after its fdatasync, which is shared by those that wait at the same
 * time. Without batches by turn of the event loop a commit that fails (a full disk) rejects to its callers and to nobody
 * else; with them lmdb also rejects a promise of its own, which ends the process.
 */
async function openDatabase(path: string): Promise<Database> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  for (const name of ['data.mdb', 'lock.mdb']) {
    const file = join(path, name);
    await (await openFile(file, 'a', 0o600)).close();
    await chmod(file, 0o600);
  }
  await refuseDamaged(join(path, 'data.mdb'));
  return open<Row | typeof indexValue, LmdbKey>({
    path,
    noSubdir: false,
    overlappingSync: false,
    eventTurnBatching: false,
    encoding: 'json',
  });
}

function rowAt(database: Database, key: RowKey): Row | undefined {
  return database.get([...key]) as Row | undefined;
}

/** The index comes first: should the second write fail, an index row without its row harms nothing. */
function setRow(database: Database, key: RowKey, row: Row): void {
  const before = rowAt(database, key)?.expiresAt ?? null;
  if (before !== row.expiresAt) {
    if (row.expiresAt !== null) database.putSync(indexKey(row.expiresAt, key), indexValue);
    if (before !== null) database.removeSync(indexKey(before, key));
  }
  database.putSync([...key], row);
}

const indexKey = (expiresAt: number, key: RowKey): LmdbKey => ['expiry', expiresAt, ...key] satisfies IndexKey;

function sweep(database: Database, now: number): void {
  const range = { start: ['expiry'], end: ['expiry', now], limit: sweptByWrite };
  for (const index of [...database.getKeys(range)]) {
    const [, expiresAt, ...key] = index as unknown as IndexKey;
    if (rowAt(database, key)?.expiresAt === expiresAt) database.removeSync([...key]);
    database.removeSync(index);
  }
}

/** lmdb hands the cause of a failed commit over as a promise of its own, which would end the process if nobody took it. */
async function committed<T>(transaction: Promise<T>): Promise<T> {
  try {
    return await transaction;
  } catch (error) {
    if (error instanceof Error && 'commitError' in error) {
      Promise.resolve(error.commitError).catch((cause) => {
        error.cause = cause;
      });
    }
    throw error;
  }
}
