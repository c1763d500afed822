import { randomUUID } from 'node:crypto';
import { encodeKey } from './key.js';
import { ClaimsUnknown, type Key, type Log, type Store } from './store.js';
import type { Row, RowKey, Table } from './table.js';

const entryOf = (key: Key): RowKey => ['entry', encodeKey(key)];

/** A random version: a counter would start again after an expiry, and an old version would then fit a new entry. */
const newRow = (value: string, expiresAt: number | null = null): Row => ({ value, version: randomUUID(), expiresAt });

/**
 * When the table was new, in milliseconds since the epoch. Whatever opens it first writes that down, for all that come later: before
 * it there may have been another, which is lost, and with it what was claimed there.
 */
export async function birthOf(table: Table, now: () => number): Promise<number> {
  const mark = ['since'] as const;
  const written = table.get(mark);
  if (written) return Number(written.value);
  return table.write((rows) => {
    const row = rows.get(mark) ?? newRow(String(Math.ceil(now())));
    rows.set(mark, row);
    return Number(row.value);
  });
}

/**
 * The store's rules over any table.
 * @param since all claims are known that were made from then on, in milliseconds since the epoch
 */
export function createTableStore(table: Table, since: number): Store {
  return Object.freeze<Store>({
    async claim(key, value, expiresAt, from) {
      const entry = entryOf(key);
      // A replay is answered without the write lock, so a flood of them cannot hold up the writers.
      const present = table.get(entry);
      if (present) return present.value;
      if (from !== undefined && from < since) throw new ClaimsUnknown(since);
      return table.write((rows) => {
        const winner = rows.get(entry);
        if (winner) return winner.value;
        rows.set(entry, newRow(value, expiresAt));
        return value;
      });
    },

    async get(key) {
      const row = table.get(entryOf(key));
      return row && Object.freeze({ value: row.value, version: row.version });
    },

    async put(key, value, { expiresAt, ifVersion } = {}) {
      const entry = entryOf(key);
      return table.write((rows) => {
        if (ifVersion !== undefined && (rows.get(entry)?.version ?? null) !== ifVersion) return false;
        rows.set(entry, newRow(value, expiresAt));
        return true;
      });
    },

    async increment(key, by, expiresAt) {
      const entry = entryOf(key);
      return table.write((rows) => {
        const row = rows.get(entry);
        const count = Number(row?.value ?? 0) + by;
        if (!Number.isSafeInteger(count))
          throw new Error(`The entry at ${key[0]} is not a counter, or would leave the safe integers.`);
        rows.set(entry, newRow(String(count), row ? row.expiresAt : expiresAt));
        return count;
      });
    },

    log: (name) => createLog(table, encodeKey([name])),

    close: () => table.close(),
  });
}

/** Enough for every safe integer, so that cursors sort as strings. */
const cursorDigits = 16;

function createLog(table: Table, name: string): Log {
  return Object.freeze<Log>({
    async append(entry, expiresAt) {
      // Cursors are given out by the exclusive writer, in the order in which entries become visible: no reader can miss one.
      return table.write((rows) => {
        const cursor = String(Number(rows.get(['log-end', name])?.value ?? 0) + 1).padStart(cursorDigits, '0');
        rows.set(['log-end', name], { value: cursor, version: '', expiresAt: null });
        rows.set(['log', name, cursor], { value: entry, version: '', expiresAt });
        return cursor;
      });
    },

    async read(after, limit = 1000) {
      const entries = [];
      for (const [cursor, row] of table.after(name, after)) {
        if (entries.length >= limit) break;
        entries.push(Object.freeze({ cursor, entry: row.value }));
      }
      return Object.freeze(entries);
    },
  });
}
