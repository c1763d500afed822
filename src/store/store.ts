/**
 * Small state that outlives a request: claims, keys, counters. Every method may reject; a rejection means *unknown*, and
 * callers fail closed. Times are milliseconds since the epoch.
 */

/** Parts of a key, the first being its name space. `['ab','c']` and `['a','bc']` are different keys. */
export type Key = readonly [space: string, ...parts: string[]];

export interface Versioned {
  readonly value: string;
  /** Opaque; changes with every `put`. */
  readonly version: string;
}

export interface PutOptions {
  /** Milliseconds since the epoch; left out: never. */
  readonly expiresAt?: number;
  /** Store only if the present version is this one; `null`: only if there is none. */
  readonly ifVersion?: string | null;
}

export interface Store {
  /**
   * Atomic over all callers, processes and replicas: the first caller's value is kept until `expiresAt`, and everyone,
   * the first caller included, gets the value that won. Resolves when the claim is durable.
   * @param from nobody can have claimed it before. Left out: whether an earlier claim was lost does not matter
   * @throws ClaimsUnknown when `from` is before the time since when the store knows all claims, and it has none at the key
   */
  claim(key: Key, value: string, expiresAt?: number, from?: number): Promise<string>;
  get(key: Key): Promise<Versioned | undefined>;
  /** @returns false when `ifVersion` did not hold; then nothing was stored. Resolves when durable. */
  put(key: Key, value: string, options?: PutOptions): Promise<boolean>;
  /** Adds to a counter that starts at 0 and ends at the `expiresAt` of its first caller. @returns the new count */
  increment(key: Key, by: number, expiresAt: number): Promise<number>;
  /** An append-only log by name, so that nothing is ever scanned. */
  log(name: string): Log;
  /** Left out: it answers as long as this process runs. */
  status?(): StoreStatus;
  /** Counts over all machines; left out: the store is of this one alone. */
  limiter?(limit: Limit): SharedLimiter;
  /** Finishes what was begun. */
  close(): Promise<void>;
}

/** So many in a time. */
export interface Limit {
  readonly requests: number;
  /** Seconds. */
  readonly per: number;
}

/** Windows that begin with their first request. Each method rejects when it is not known. */
export interface SharedLimiter {
  /** Atomic; what is too much does not count. @returns milliseconds until there is one more; 0: this was one */
  take(key: Key): Promise<number>;
  /** One that was taken in this window, and was not used. */
  putBack(key: Key): Promise<void>;
}

export interface StoreStatus {
  readonly type: string;
  readonly isAnswering: boolean;
  /** Since when all claims are known. */
  readonly since: number;
}

/** The store may have lost a claim: it was emptied, or its server was replaced, at `since` or before. */
export class ClaimsUnknown extends Error {
  override readonly name = 'ClaimsUnknown';
  /** @param since milliseconds since the epoch */
  constructor(readonly since: number) {
    super(`Claims of before ${new Date(since).toISOString()} may have been lost.`);
  }
}

export interface LogEntry {
  readonly cursor: string;
  readonly entry: string;
}

export interface Log {
  /** @returns the entry's cursor; cursors sort as strings, in the order of the appends */
  append(entry: string, expiresAt: number): Promise<string>;
  /**
   * Entries after the cursor (or from the start) that have not expired, oldest first, at most `limit` (default 1,000). After a
   * cursor that the store has lost they come from the start again.
   */
  read(after?: string, limit?: number): Promise<readonly LogEntry[]>;
}
