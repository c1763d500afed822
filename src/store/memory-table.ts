import { hasExpired, type Row, type RowKey, storeIsClosed, sweptByWrite, type Table } from './table.js';

export interface MemoryTable extends Table {
  /** Rows that are kept, expired ones included. */
  readonly size: number;
}

/** Reading a log looks at every row: a Map has no ranges. */
export function createMemoryTable(now: () => number): MemoryTable {
  const rows = new Map<string, { readonly key: RowKey; readonly row: Row }>();
  let unswept = rows.entries();
  let closed = false;

  const live = (key: RowKey): Row | undefined => {
    const row = rows.get(JSON.stringify(key))?.row;
    return row && !hasExpired(row, now()) ? row : undefined;
  };
  const set = (key: RowKey, row: Row): void => {
    rows.set(JSON.stringify(key), { key, row });
  };
  const refuseWhenClosed = (): void => {
    if (closed) throw storeIsClosed();
  };

  /** Goes round all rows, a few a write; an index by expiry would buy a Map little. */
  function sweep(): void {
    for (let looked = 0; looked < sweptByWrite; looked++) {
      const next = unswept.next();
      if (next.done) {
        unswept = rows.entries();
        return;
      }
      const [id, { row }] = next.value;
      if (hasExpired(row, now())) rows.delete(id);
    }
  }

  return {
    get size() {
      return rows.size;
    },
    get(key) {
      refuseWhenClosed();
      return live(key);
    },
    *after(log, cursor = '') {
      refuseWhenClosed();
      for (const { key, row } of rows.values()) {
        if (key[0] === 'log' && key[1] === log && key[2] > cursor && !hasExpired(row, now())) yield [key[2], row];
      }
    },
    async write(change) {
      refuseWhenClosed();
      const result = change({ get: live, set });
      sweep();
      return result;
    },
    async close() {
      closed = true;
    },
  };
}
