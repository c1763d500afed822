/**
 * What a store needs of the place where its rows are: exclusive writes and rows that expire. Whoever implements this has
 * a whole store by `createTableStore`.
 */
export interface Row {
  readonly value: string;
  /** Empty on the rows of a log. */
  readonly version: string;
  /** Milliseconds since the epoch; null: never. From that moment on the row is absent. */
  readonly expiresAt: number | null;
}

export type RowKey =
  | readonly ['entry', key: string]
  | readonly ['log', name: string, cursor: string]
  /** The cursor of the newest row of a log. It outlives the rows, so that no cursor is ever given out again. */
  | readonly ['log-end', name: string]
  /** Since when the table has its rows. */
  | readonly ['since'];

/** The rows inside a write: nobody else, in any process, writes at the same time. */
interface WritableRows {
  /** @returns undefined also when the row has expired */
  get(key: RowKey): Row | undefined;
  set(key: RowKey, row: Row): void;
}

export interface Table {
  /** Sees every write that has resolved, in any process. @returns undefined also when the row has expired */
  get(key: RowKey): Row | undefined;
  /** The rows of a log after the cursor (or from the start) that have not expired, oldest first. */
  after(log: string, cursor: string | undefined): Iterable<readonly [cursor: string, row: Row]>;
  /**
   * Runs `change` alone, then deletes a few expired rows. `change` throws before its first `set` or not at all: what it
   * has set is not undone. Resolves when durable.
   */
  write<T>(change: (rows: WritableRows) => T): Promise<T>;
  close(): Promise<void>;
}

/** Expired rows that one write deletes at most. More than a write adds, so the deleting always catches up. */
export const sweptByWrite = 4;

export const hasExpired = (row: Row, now: number): boolean => row.expiresAt !== null && row.expiresAt <= now;

export const storeIsClosed = (): Error => new Error('The store is closed: open it again to use it.');
