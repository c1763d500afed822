/**
 * The cascade: when an instance ends, tokens that were issued to it stop being active, in every process that uses the
 * store and after a restart. The log has two kinds of entries (`entry.ts`): who may hold tokens, and who ended. An end is
 * written only for instances that may hold tokens, so those of all others cost the store nothing.
 *
 * Times are seconds since the epoch. Processes that share a store need clocks that agree to a second.
 */
import { Rejected, Unavailable } from '../errors.js';
import type { Log } from '../store/store.js';
import { createEndings, type Ending, type ListedEnding } from './endings.js';
import { type EndedEntry, type HeldEntry, keyOf, readEntry } from './entry.js';
import { createLedger, type Taken } from './ledger.js';
import { createTail } from './tail.js';
import { createWriter } from './writer.js';

/** Milliseconds between two looks at what other processes have written. */
const lookEvery = 1_000;
/** Looks between two sweeps of what has expired. */
const sweepEvery = 60;

/** A token that has been signed and has not left yet. */
export interface Issue {
  readonly attestor: string;
  readonly instance: string;
  readonly resource: string;
  readonly attestedAt: number;
  /** The token's `iat` and `exp`. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface Revocation {
  /**
   * Has to be called before a token leaves. Undefined when the log knows already that this instance may hold tokens for
   * this resource, which is so for all exchanges of a pair but one in each two lifetimes: nothing is to be waited for.
   * @throws Rejected `instance_ended` when the instance ended after it was attested
   * @throws Unavailable `store_unavailable`: the token could not be revoked, so it must not leave
   */
  note(issue: Issue): Promise<void> | undefined;
  /** In this process at once; the log is written behind, and again until it works. Never throws. */
  ended(attestor: string, instance: string, reason: string): void;
  /** Instances that may hold tokens which have neither expired nor been revoked; those of other processes within a second. */
  instances(attestor: string): readonly string[];
  /** Reads what other processes have written until now. @throws Unavailable `store_unavailable` */
  refresh(): Promise<void>;
  /** @param issuedAt the token's `iat` */
  isRevoked(attestor: string, instance: string, issuedAt: number): boolean;
  /** Ends of instances that hold tokens for one of the resources. */
  list(resources: ReadonlySet<string>): readonly ListedEnding[];
  close(): Promise<void>;
}

export interface RevocationRoom {
  readonly log: Log;
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

/** @throws Unavailable when the log cannot be read: what was revoked before is not known then */
export async function openRevocation({ log, now, warn }: RevocationRoom): Promise<Revocation> {
  const ledger = createLedger();
  const endings = createEndings();
  const writer = createWriter(log, endings, warn);
  const readOn = createTail(log, (line) => {
    const entry = readEntry(line);
    if (entry.kind === 'held') learnHeld(entry);
    else learnEnded(entry);
  });
  const appending = new Map<string, Promise<void>>();

  function hold(key: string, ending: Ending, taken: readonly Taken[]): void {
    for (const { resource, until } of taken) endings.keep(key, ending, resource, until);
    if (taken.length > 0) writer.write(key);
  }

  function end(key: string, reason: string): void {
    // Not before what it holds, should the clock have been set back since.
    const ending = Object.freeze({ before: Math.max(now(), ledger.latest(key)), reason });
    endings.remember(key, ending);
    hold(key, ending, ledger.take(key, ending.before));
  }

  function learnHeld({ key, resource, from, until }: HeldEntry): void {
    const ending = endings.latest(key);
    if (ending === undefined || ending.before < from) {
      ledger.cover(key, resource, from, until);
      return;
    }
    // Of another process, or of ours and under way: not known when the instance ended.
    endings.keep(key, ending, resource, until);
    writer.write(key);
  }

  function learnEnded(entry: EndedEntry): void {
    const { key, before, reason } = entry;
    endings.learn(entry);
    const taken = ledger.take(key, before);
    hold(key, Object.freeze({ before, reason }), taken);
    // What we issued after that end and before we heard of it was issued on trust that was gone.
    if (!taken.some(({ issuedHere }) => issuedHere > before)) return;
    hold(key, Object.freeze({ before: now(), reason }), taken);
    end(key, reason);
  }

  /** A token of the very second of an end would be revoked from the start: it is not handed out either. */
  function refuseEnded(key: string, { instance, attestedAt, issuedAt }: Issue): void {
    const ending = endings.latest(key);
    if (ending === undefined || ending.before < Math.min(attestedAt, issuedAt)) return;
    throw new Rejected('instance_ended', `${instance} ended while its token was being issued: ${ending.reason}.`);
  }

  /** Requests for one pair that come together wait for one entry. */
  async function cover(key: string, issue: Issue): Promise<void> {
    const { resource, issuedAt, expiresAt } = issue;
    const pair = `${resource} ${key}`;
    while (!ledger.covers(key, resource, issuedAt, expiresAt)) {
      let append = appending.get(pair);
      if (append === undefined) {
        append = appendHeld(key, issue).finally(() => appending.delete(pair));
        appending.set(pair, append);
      }
      await append;
      refuseEnded(key, issue);
    }
  }

  /** For twice the lifetime, so that whoever comes again before its token expires writes every other time only. */
  async function appendHeld(key: string, { resource, issuedAt, expiresAt }: Issue): Promise<void> {
    const until = 2 * expiresAt - issuedAt;
    const entry: HeldEntry = { kind: 'held', key, resource, from: issuedAt, until };
    try {
      await log.append(JSON.stringify(entry), Math.ceil(until * 1000));
    } catch (cause) {
      throw new Unavailable('store_unavailable', 'The store did not keep who holds the token.', 1, { cause });
    }
    learnHeld(entry);
  }

  async function refresh(): Promise<void> {
    try {
      await readOn();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : 'no reason is known';
      throw new Unavailable('store_unavailable', `The log of revocations cannot be read: ${why}`, 1, { cause });
    }
  }

  await refresh();
  const stopLooking = keepLooking(refresh, warn, () => {
    ledger.sweep(now());
    endings.sweep(now());
  });

  return Object.freeze<Revocation>({
    note(issue) {
      const key = keyOf(issue.attestor, issue.instance);
      refuseEnded(key, issue);
      return ledger.covers(key, issue.resource, issue.issuedAt, issue.expiresAt) ? undefined : cover(key, issue);
    },
    ended: (attestor, instance, reason) => end(keyOf(attestor, instance), reason),
    instances(attestor) {
      const prefix = keyOf(attestor, '');
      return Object.freeze(ledger.keys(prefix, now()).map((key) => key.slice(prefix.length)));
    },
    refresh,
    isRevoked: (attestor, instance, issuedAt) =>
      (endings.latest(keyOf(attestor, instance))?.before ?? Number.NEGATIVE_INFINITY) >= issuedAt,
    list: (resources) => endings.list(resources, now()),
    async close() {
      stopLooking();
      await writer.close();
    },
  });
}

/** @returns a function that ends it */
function keepLooking(refresh: () => Promise<void>, warn: (message: string) => void, sweep: () => void): () => void {
  let looks = 0;
  let failing = false;
  const look = async () => {
    try {
      await refresh();
      // Only now: an end is remembered until everything that was issued before it has been read.
      if (++looks % sweepEvery === 0) sweep();
      if (failing) warn('revocation: the log can be read again');
      failing = false;
    } catch (error) {
      if (!failing) warn(`revocation: ${(error as Error).message}; /introspect and /revocations answer 503`);
      failing = true;
    }
  };
  const timer = setInterval(() => void look(), lookEvery).unref();
  return () => clearInterval(timer);
}
