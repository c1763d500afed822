/** The lines of the log that all processes of one store share. Times are seconds since the epoch. */

/** The bound of `lifetime` in the configuration, in seconds: no token lives longer. */
export const longestLife = 86_400;

/**
 * Seconds that what was revoked is remembered beyond its end. A clock that was ahead, and is set back, would else make a token
 * active again after its entry has gone.
 */
export const margin = 3_600;

/** Milliseconds since the epoch. */
export const expiryOf = (until: number): number => Math.ceil((until + margin) * 1000);

/** Tokens for the resource, issued at `from` or later, that have all expired at `until`, may be held by the instance. */
export interface HeldEntry {
  readonly kind: 'held';
  readonly key: string;
  /** Of the tokens; left out by earlier versions. */
  readonly subject?: string;
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

/** Who wanted it, and why; a line of the log of every process. */
export interface Cause {
  readonly by: string;
  readonly reason: string;
}

/** As `ended`, for an instance or a subject, because an operator said so. An instance is revoked until a time to come. */
export interface RevokedEntry extends Cause {
  readonly kind: 'revoked';
  readonly key: string;
  readonly before: number;
  readonly until: number;
}

/** One token, which has expired at `until`. */
export interface TokenEntry extends Partial<Cause> {
  readonly kind: 'token';
  /** Its `jti`. */
  readonly id: string;
  /** Null: not known. */
  readonly resource: string | null;
  readonly until: number;
}

export type Entry = HeldEntry | EndedEntry | RevokedEntry | TokenEntry;

/** One instance of one attestor. No attestor's name has a slash, so no two have one key. */
export const instanceKey = (attestor: string, instance: string): string => `${attestor}/${instance}`;

const ofSubject = 'subject ';

/** A subject, whatever its instances. No attestor's name has a space, so it is no instance's key. */
export const subjectKey = (subject: string): string => `${ofSubject}${subject}`;

/** Undefined: the key is an instance's. */
export const subjectOfKey = (key: string): string | undefined =>
  key.startsWith(ofSubject) ? key.slice(ofSubject.length) : undefined;

/** By which a token can be revoked together with others. */
export interface Bearer {
  readonly attestor: string;
  readonly instance: string;
  readonly subject: string;
}

export const keysOf = ({ attestor, instance, subject }: Bearer): readonly string[] => [
  instanceKey(attestor, instance),
  subjectKey(subject),
];

const kinds: ReadonlySet<string> = new Set<Entry['kind']>(['held', 'ended', 'revoked', 'token']);

/** @throws Error for a line that another version has written: to pass it over could leave a revoked token active */
export function readEntry(line: string): Entry {
  const entry = JSON.parse(line) as Entry;
  if (kinds.has(entry.kind)) return entry;
  throw new Error('The log of revocations has an entry of another version: run one version on one store.');
}
