/**
 * The cascade: when an instance ends, or it, a subject or a token is revoked by request, tokens stop being active, in every process
 * that uses the store and after a restart. The log (`entry.ts`) says who may hold tokens, who ended, and what was revoked. An end is
 * written only for instances that may hold tokens, so those of all others cost the store nothing; a request always is.
 *
 * Times are seconds since the epoch. Processes that share a store need clocks that agree to a second.
 */
import { Rejected, Unavailable } from '../errors.js';
import type { Log } from '../store/store.js';
import { byRequest, createEndings, type Ending, endingOf, type ListedEnding } from './endings.js';
import {
  type Bearer,
  type EndedEntry,
  type Entry,
  type HeldEntry,
  instanceKey,
  keysOf,
  type RevokedEntry,
  readEntry,
  subjectKey,
  subjectOfKey,
} from './entry.js';
import { createLedger, type Taken } from './ledger.js';
import { createRequests, type Requested, type Target } from './requests.js';
import { createTail } from './tail.js';
import { createRevokedTokens, type ListedToken } from './tokens.js';
import { createWriter } from './writer.js';

/** Milliseconds between two looks at what other processes have written. */
const lookEvery = 1_000;
/** Looks between two sweeps of what has expired. */
const sweepEvery = 60;

/** A token that has been signed and has not left yet. */
export interface Issue extends Bearer {
  readonly resource: string;
  readonly attestedAt: number;
  /** The token's `iat` and `exp`. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** A token as it was issued. */
export interface IssuedToken {
  /** Its `jti`. */
  readonly id: string;
  /** The `jti`s of the tokens that it was made of. */
  readonly ancestors: readonly string[];
  /** Its `iat`. */
  readonly issuedAt: number;
  /** All that it stands on: what revokes one of them revokes the token. */
  readonly links: readonly Bearer[];
}

/** What holds tokens for some resources, and was revoked. */
export interface Listed {
  /** By `ATTESTOR/INSTANCE`. */
  readonly instances: readonly ListedEnding[];
  /** By subject. */
  readonly subjects: readonly ListedEnding[];
  readonly tokens: readonly ListedToken[];
}

export interface Revocation {
  /**
   * Has to be called before a token leaves. Undefined when the log knows already that this instance may hold tokens for
   * this resource, which is so for all exchanges of a pair but one in each two lifetimes: nothing is to be waited for.
   * @throws Rejected `instance_ended` when the instance ended after it was attested, `instance_revoked` while it is revoked by request
   * @throws Unavailable `store_unavailable`: the token could not be revoked, so it must not leave; `subject_revoked` for a token of
   *   the very second in which its subject was revoked: the next second's are good
   */
  note(issue: Issue): Promise<void> | undefined;
  /** In this process at once; the log is written behind, and again until it works. Never throws. */
  ended(attestor: string, instance: string, reason: string): void;
  /** Instances that may hold tokens which have neither expired nor been revoked; those of other processes within a second. */
  instances(attestor: string): readonly string[];
  /** Reads what other processes have written until now. @throws Unavailable `store_unavailable` */
  refresh(): Promise<void>;
  isRevoked(token: IssuedToken): boolean;
  /** @throws Rejected `instance_revoked` while the instance is revoked by request: its evidence is good for nothing then */
  refuseRevoked(instance: Pick<Bearer, 'attestor' | 'instance'>): void;
  /** Resolves when the log has it: before any later answer about the token, whatever process gives it. @throws as `Requests.revoke` */
  revoke(target: Target): Promise<Requested>;
  /** What was revoked and may be held for one of the resources. */
  list(resources: ReadonlySet<string>): Listed;
  close(): Promise<void>;
}

export interface RevocationRoom {
  readonly log: Log;
  readonly now: () => number;
  readonly warn: (message: string) => void;
  /** Is told what operators revoke. */
  readonly info: (message: string) => void;
}

/** @throws Unavailable when the log cannot be read: what was revoked before is not known then */
export async function openRevocation({ log, now, warn, info }: RevocationRoom): Promise<Revocation> {
  const ledger = createLedger();
  const endings = createEndings();
  const tokens = createRevokedTokens();
  const writer = createWriter(log, endings, warn);
  let isOpen = false;
  const readOn = createTail(log, (line) => {
    const entry = readEntry(line);
    learn(entry);
    if (isOpen) tell(entry, info);
  });
  const requests = createRequests({ log, now, refresh, learn, ledger, endings, tokens });
  const appending = new Map<string, Promise<void>>();

  function learn(entry: Entry): void {
    if (entry.kind === 'held') learnHeld(entry);
    else if (entry.kind === 'token') tokens.add(entry);
    else learnEnded(entry);
  }

  function hold(key: string, ending: Ending, taken: readonly Taken[]): void {
    for (const { resource, until } of taken) endings.keep(key, ending, resource, until);
    if (taken.length > 0) writer.write(key);
  }

  /** Now, and not before what it holds, should the clock have been set back since. */
  function end(key: string, reason: string, taken: readonly Taken[] = []): void {
    const before = Math.max(now(), ledger.latest(key), ...taken.map(({ issuedHere }) => issuedHere));
    const ending = Object.freeze({ before, reason });
    endings.remember(key, ending);
    hold(key, ending, [...taken, ...ledger.take(key, before)]);
  }

  function learnHeld({ key, subject, resource, from, until }: HeldEntry): void {
    for (const each of subject === undefined ? [key] : [key, subjectKey(subject)]) {
      const ending = endings.latest(each);
      if (ending === undefined || ending.before < from) {
        ledger.cover(each, resource, from, until);
        continue;
      }
      // Of another process, or of ours and under way: not known when it ended.
      endings.keep(each, ending, resource, until);
      writer.write(each);
    }
  }

  function learnEnded(entry: EndedEntry | RevokedEntry): void {
    const { key, before } = entry;
    const ending = endingOf(entry);
    endings.learn(entry);
    const taken = ledger.take(key, before);
    hold(key, ending, taken);
    // What we issued after that end and before we heard of it was issued on trust that was gone. By request, no trust is lost.
    const issuedSince = taken.some(({ issuedHere }) => issuedHere > before);
    if (entry.kind === 'ended' && issuedSince) end(key, entry.reason, taken);
  }

  /** A token of the very second of an end would be revoked from the start: it is not handed out either. */
  function refuseEnded(keys: readonly string[], { instance, subject, attestedAt, issuedAt }: Issue): void {
    const [ended, revoked] = keys.map(endings.latest);
    if (ended !== undefined && ended.before >= Math.min(attestedAt, issuedAt)) throw instanceEnded(instance, ended);
    if (revoked === undefined || revoked.before < issuedAt) return;
    const detail = `${subject} is revoked for tokens until ${isoOf(revoked.before)}, and this one would be of then.`;
    throw new Unavailable('subject_revoked', detail, Math.floor(revoked.before) + 1 - issuedAt);
  }

  function covers(keys: readonly string[], { resource, issuedAt, expiresAt }: Issue): boolean {
    return keys.every((key) => ledger.covers(key, resource, issuedAt, expiresAt));
  }

  /** Requests for one pair that come together wait for one entry. */
  async function cover(keys: readonly string[], issue: Issue): Promise<void> {
    const pair = `${issue.resource} ${keys[0]}`;
    while (!covers(keys, issue)) {
      let append = appending.get(pair);
      if (append === undefined) {
        append = appendHeld(issue).finally(() => appending.delete(pair));
        appending.set(pair, append);
      }
      await append;
      refuseEnded(keys, issue);
    }
  }

  /** For twice the lifetime, so that whoever comes again before its token expires writes every other time only. */
  async function appendHeld({ attestor, instance, subject, resource, issuedAt, expiresAt }: Issue): Promise<void> {
    const until = 2 * expiresAt - issuedAt;
    const key = instanceKey(attestor, instance);
    const entry: HeldEntry = { kind: 'held', key, subject, resource, from: issuedAt, until };
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
  isOpen = true;
  const stopLooking = keepLooking(refresh, warn, () => {
    for (const { sweep } of [ledger, endings, tokens]) sweep(now());
  });

  return Object.freeze<Revocation>({
    note(issue) {
      const keys = keysOf(issue);
      refuseEnded(keys, issue);
      return covers(keys, issue) ? undefined : cover(keys, issue);
    },
    ended: (attestor, instance, reason) => end(instanceKey(attestor, instance), reason),
    instances(attestor) {
      const prefix = instanceKey(attestor, '');
      return Object.freeze(ledger.keys(prefix, now()).map((key) => key.slice(prefix.length)));
    },
    refresh,
    isRevoked: ({ id, ancestors, issuedAt, links }) =>
      [id, ...ancestors].some(tokens.has) ||
      links.flatMap(keysOf).some((key) => (endings.latest(key)?.before ?? Number.NEGATIVE_INFINITY) >= issuedAt),
    refuseRevoked({ attestor, instance }) {
      const ending = endings.latest(instanceKey(attestor, instance));
      if (ending?.reason === byRequest && ending.before >= now()) throw instanceEnded(instance, ending);
    },
    revoke: requests.revoke,
    list(resources) {
      const all = endings.list(resources, now());
      const subjects = all.flatMap(({ key, ...rest }) => {
        const subject = subjectOfKey(key);
        return subject === undefined ? [] : [{ key: subject, ...rest }];
      });
      const instances = all.filter(({ key }) => subjectOfKey(key) === undefined);
      return Object.freeze({ instances, subjects, tokens: tokens.list(resources, now()) });
    },
    async close() {
      stopLooking();
      await writer.close();
    },
  });
}

/** Of what was revoked until the last `refresh`. @throws Rejected `token_revoked` */
export function refuseRevokedToken({ isRevoked }: Pick<Revocation, 'isRevoked'>, token: IssuedToken): void {
  if (!isRevoked(token)) return;
  throw new Rejected('token_revoked', `The token ${token.id} is revoked, or somebody of its chain has ended.`);
}

function instanceEnded(instance: string, { before, reason }: Ending): Rejected {
  if (reason !== byRequest) {
    return new Rejected('instance_ended', `${instance} ended while its token was being issued: ${reason}.`);
  }
  const detail = `${instance} is revoked until ${isoOf(before)}: nothing is issued to it. The log says by whom, and why.`;
  return new Rejected('instance_revoked', detail);
}

/** What operators did is told by every process; what clients do with their own tokens is not. */
function tell(entry: Entry, info: (message: string) => void): void {
  if (entry.kind !== 'token' && entry.kind !== 'revoked') return;
  if (entry.by === undefined) return;
  const what = entry.kind === 'token' ? `token ${entry.id}` : (subjectOfKey(entry.key) ?? entry.key);
  info(`revocation: ${what} is revoked by ${entry.by}: ${entry.reason}`);
}

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();

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
