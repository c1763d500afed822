/**
 * On Redis, for any number of processes. Every entry is judged by our clock; Redis deletes later. What a primary wrote and could
 * lose with its life is not told to anybody until a replica has it, where one is connected.
 *
 * Keys are spread over a fixed number of parts, each with one hash tag, so that a script can read beside an entry the mark of its
 * part: the replication id of the server that made it, and when. A server that was emptied, restarted or promoted has another, or
 * none; the very script that would claim sees it, on the server that decides, so all processes agree without asking each other.
 */
import { createHash, randomUUID } from 'node:crypto';
import { encodeKey } from './key.js';
import { createRedisLimiter } from './redis-limiter.js';
import type { Ran } from './redis-node.js';
import type { RedisOptions } from './redis-options.js';
import { openPrimaries, type Primaries } from './redis-primaries.js';
import * as scripts from './redis-scripts.js';
import { openWatch, type WatchRoom } from './redis-watch.js';
import { ClaimsUnknown, type Key, type Log, type PutOptions, type SharedLimiter, type Store } from './store.js';
import { storeIsClosed } from './table.js';

/** Enough to spread over the primaries of a cluster, and few enough to look after each. */
const partCount = 16;

/** Milliseconds that the clocks of our processes may differ. */
const clocksDiffer = 2_000;

/** What a script is run with. */
type Run = (script: string, keys: readonly string[], values: readonly string[]) => Promise<Ran>;

/**
 * Resolves when Redis answers; until then it is tried again, and told.
 * @throws Error when waiting does not help: a file, a password, a server that is not fit; and when `signal` is aborted
 */
export async function openRedisStore(options: RedisOptions, room: WatchRoom): Promise<Store> {
  const { now } = room;
  const primaries = await openPrimaries(options);
  const run = createRun(primaries);
  // Of one alone nobody takes over.
  const replicaNeeded = options.mode === 'single' ? '' : '1';
  const tagOf = (part: number): string => `${options.prefix}:{${part}}`;
  const touchAll = async (): Promise<number> => {
    const parts = Array.from({ length: partCount }, (_, part) => `${tagOf(part)}:since`);
    const marks = await Promise.all(parts.map((mark) => run(scripts.touch, [mark], [markTime(now()), replicaNeeded])));
    return Math.max(...marks.map(({ reply }) => Number(reply)));
  };
  const reconnect = () => {
    for (let part = 0; part < partCount; part++) {
      try {
        primaries.of(tagOf(part)).reconnect();
      } catch {
        // There is no connection to give up.
      }
    }
  };
  const watch = await openWatch({ touchAll, reconnect, close: primaries.close }, room);
  const pending = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  /** What was begun is finished before the store closes. */
  const begun = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (closing) throw storeIsClosed();
    const done = work();
    pending.add(done);
    try {
      return await done;
    } finally {
      pending.delete(done);
    }
  };
  const keyOf = (kind: string, name: string): string => `${tagOf(partOf(name))}:${kind}:${name}`;
  const entry = createEntries({ run, keyOf, now, replicaNeeded, markOf: (name) => `${tagOf(partOf(name))}:since` });

  return Object.freeze<Store>({
    claim: (key, value, expiresAt, from) => begun(() => entry.claim(key, value, expiresAt ?? null, from)),
    get: (key) => begun(() => entry.get(key)),
    put: (key, value, how) => begun(() => entry.put(key, value, how)),
    increment: (key, by, expiresAt) => begun(() => entry.increment(key, by, expiresAt)),
    log(name) {
      const log = createLog({ run, now, replicaNeeded, key: (kind) => keyOf(kind, encodeKey([name])) });
      return Object.freeze<Log>({
        append: (line, expiresAt) => begun(() => log.append(line, expiresAt)),
        read: (after, limit) => begun(() => log.read(after, limit)),
      });
    },
    limiter(limit) {
      const limiter = createRedisLimiter(limit, { run, keyOf: (key) => keyOf('limit', encodeKey(key)) });
      return Object.freeze<SharedLimiter>({
        take: (key) => begun(() => limiter.take(key)),
        putBack: (key) => begun(() => limiter.putBack(key)),
      });
    },
    status: () => ({ type: 'redis', ...watch.status() }),
    close() {
      closing ??= watch
        .close()
        .then(() => Promise.allSettled(pending))
        .then(() => primaries.close());
      return closing;
    },
  });
}

const partOf = (name: string): number => (createHash('sha256').update(name).digest()[0] ?? 0) % partCount;

const markTime = (now: number): string => String(Math.ceil(now) + clocksDiffer);

/** Only what a node refused because another one serves the key is sent again: it was certainly not done. */
function createRun(primaries: Primaries): Run {
  return async (script, keys, values) => {
    const [key = ''] = keys;
    try {
      return await primaries.of(key).run(script, keys, values);
    } catch (error) {
      if (!/^MOVED /.test(((error as Error).cause as Error | undefined)?.message ?? '')) throw error;
      await primaries.refresh();
      return primaries.of(key).run(script, keys, values);
    }
  };
}

interface EntriesRoom {
  readonly run: Run;
  /** As the scripts have it. */
  readonly replicaNeeded: '1' | '';
  readonly now: () => number;
  readonly keyOf: (kind: string, name: string) => string;
  readonly markOf: (name: string) => string;
}

function createEntries({ run, now, keyOf, markOf, replicaNeeded }: EntriesRoom) {
  const head = (expiresAt: number | null) => `${expiresAt ?? '-'} ${randomUUID()}`;
  return {
    async claim(key: Key, value: string, expiresAt: number | null, from: number | undefined): Promise<string> {
      const name = encodeKey(key);
      const at = now();
      const values = [String(at), markTime(at), head(expiresAt), JSON.stringify(value)];
      values.push(scripts.ttl(expiresAt, at), from === undefined ? '' : String(from), replicaNeeded);
      const ran = await run(scripts.claim, [keyOf('entry', name), markOf(name)], values);
      const [row, online, since] = ran.reply as [string, number, string];
      if (row === '') throw new ClaimsUnknown(Number(since));
      if (online) await ran.acknowledged();
      return readRow(row).value;
    },
    async get(key: Key) {
      const ran = await run(scripts.get, [keyOf('entry', encodeKey(key))], [String(now())]);
      if (ran.reply === null) return undefined;
      const { value, version } = readRow(ran.reply as string);
      return Object.freeze({ value, version });
    },
    async put(key: Key, value: string, { expiresAt, ifVersion }: PutOptions = {}): Promise<boolean> {
      const at = now();
      const values = [String(at), head(expiresAt ?? null), JSON.stringify(value), scripts.ttl(expiresAt ?? null, at)];
      values.push(ifVersion === undefined ? '*' : (ifVersion ?? '-'), replicaNeeded);
      const ran = await run(scripts.put, [keyOf('entry', encodeKey(key))], values);
      const [stored, online] = ran.reply as [number, number];
      if (online) await ran.acknowledged();
      return stored === 1;
    },
    async increment(key: Key, by: number, expiresAt: number): Promise<number> {
      const at = now();
      const values = [String(at), String(by), String(expiresAt), randomUUID(), scripts.ttl(expiresAt, at)];
      const { reply } = await run(scripts.increment, [keyOf('entry', encodeKey(key))], values);
      if (reply === null) throw new Error(`The entry at ${key[0]} is not a counter, or would leave the safe integers.`);
      return Number(reply);
    },
  };
}

function readRow(row: string): { readonly version: string; readonly value: string } {
  const [, version = '', json = ''] = /^\S+ (\S+) (.*)$/s.exec(row) ?? [];
  return { version, value: JSON.parse(json) as string };
}

interface LogRoom {
  readonly run: Run;
  readonly replicaNeeded: '1' | '';
  readonly now: () => number;
  readonly key: (kind: string) => string;
}

/** Digits of a cursor and of an expiry in a member. */
const digits = 16;

function createLog({ run, now, key, replicaNeeded }: LogRoom): Log {
  const [log, expiries, end] = [key('log'), key('log-expiries'), key('log-end')];
  return {
    async append(line, expiresAt) {
      const values = [
        String(now()),
        JSON.stringify(line),
        String(Math.ceil(expiresAt)).padStart(digits, '0'),
        replicaNeeded,
      ];
      const ran = await run(scripts.append, [log, expiries, end], values);
      const [cursor, online] = ran.reply as [string, number];
      if (online) await ran.acknowledged();
      return cursor;
    },
    async read(after = '', limit = 1000) {
      const { reply } = await run(scripts.read, [log, end], [String(now()), after, String(limit)]);
      const members = reply as string[];
      return Object.freeze(
        members.map((member) =>
          Object.freeze({ cursor: member.slice(0, digits), entry: JSON.parse(member.slice(2 * digits)) as string }),
        ),
      );
    },
  };
}
