/** The lines of the log that all processes of one store share. Times are seconds since the epoch. */

/** Tokens for the resource, issued at `from` or later, that have all expired at `until`, may be held by the instance. */
export interface HeldEntry {
  readonly kind: 'held';
  readonly key: string;
  readonly resource: string;
  readonly from: number;
  readonly until: number;
}

/** Tokens of the instance that were issued at `before` or earlier are revoked; all of them have expired at `until`. */
export interface EndedEntry {
  readonly kind: 'ended';
  readonly key: string;
  readonly before: number;
  readonly until: number;
  readonly reason: string;
}

export type Entry = HeldEntry | EndedEntry;

/** One instance of one attestor. No attestor's name has a slash, so no two have one key. */
export const keyOf = (attestor: string, instance: string): string => `${attestor}/${instance}`;

/** @throws Error for a line that another version has written: to pass it over could leave a revoked token active */
export function readEntry(line: string): Entry {
  const entry = JSON.parse(line) as Entry;
  if (entry.kind === 'held' || entry.kind === 'ended') return entry;
  throw new Error('The log of revocations has an entry of another version: run one version on one store.');
}
