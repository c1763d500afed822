/**
 * List-and-watch of one kind of object, for as long as the service runs: whatever breaks, it goes on by itself, and says
 * when its picture was last known to be complete.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Unavailable } from '../../../src/errors.js';
import { type ApiServer, pageSize, type Resource } from '../api.js';
import { tooLongReason } from '../connection.js';

export interface WatchOptions {
  readonly server: ApiServer;
  readonly resource: Resource;
  /** Seconds. A watch lasts a third of it at most: its end, and the bookmark before that, prove that nothing was missed. */
  readonly maxAge: number;
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly follower: Follower;
  /** A line for operators: when it breaks, and when it works again. */
  readonly warn: (message: string) => void;
}

/** Who is told what is there. Objects are not validated. */
export interface Follower {
  /** A list begins: what exists now will be in it. */
  listing(): void;
  /** One of its pages, but for the last. What is not kept of them is not held while the others are read. */
  page(objects: readonly unknown[]): void;
  /** The last page: that was all that there is. */
  listed(objects: readonly unknown[]): void;
  /** Added or changed. */
  present(object: unknown): void;
  deleted(object: unknown): void;
}

export interface ResourceWatch {
  /** Seconds since the epoch at which the picture was complete; null: never yet. */
  completeAt(): number | null;
  /** Seconds since then, by the clock or by what has really passed, whichever is more. */
  age(): number;
  /** Resolves when the first list is there, or has failed once. */
  readonly attempted: Promise<void>;
  close(): void;
}

/** Seconds after which everything is listed again although no event is known to be lost. */
const resyncEvery = 600;
/** Seconds that a page of a list may take. */
const pageTime = 20;
/** Seconds of one watch, however old the picture may be: only between two of them everything is listed again. */
const longestWatch = 300;
/** Seconds beyond its time after which a watch counts as stalled. */
const stallTime = 3;
/** Milliseconds between two attempts; doubled with each that fails. */
const firstDelay = 100;
const longestDelay = 5_000;
/** Failures in a row after which the version is given up and everything is listed. */
const patience = 3;

/** Seconds by which a picture may seem to be of the future. */
const clockStep = 1;

/** Watching from an empty version would begin anywhere. */
const resourceVersion = z.string().min(1);
const pageSchema = z.object({
  metadata: z.object({ resourceVersion, continue: z.string().optional() }),
  items: z.array(z.unknown()),
});
/** What cannot be told apart from others cannot be taken out of the picture either. */
const identified = z.object({ resourceVersion, uid: z.string().min(1), name: z.string().min(1) });
type Page = z.output<typeof pageSchema>;
const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED']), object: z.looseObject({ metadata: identified.loose() }) }),
  z.object({ type: z.literal('BOOKMARK'), object: z.object({ metadata: z.object({ resourceVersion }) }) }),
  z.object({ type: z.literal('ERROR'), object: z.object({ code: z.int().optional() }) }),
]);

interface State {
  /** Where to watch from; null: everything has to be listed. */
  version: string | null;
  listedAt: number;
  completeAt: number | null;
  /** `performance.now()` of the same moment: no clock that is set changes it. */
  tick: number;
  failures: number;
}

export function watchResource(options: WatchOptions): ResourceWatch {
  const closed = new AbortController();
  const state: State = { version: null, listedAt: 0, completeAt: null, tick: 0, failures: 0 };
  const attempted = new Promise<void>((resolve) => void forever(options, state, closed.signal, resolve));
  return Object.freeze<ResourceWatch>({
    completeAt: () => state.completeAt,
    age: () => ageOf(state, options.now()),
    attempted,
    close: () => closed.abort(),
  });
}

function ageOf({ completeAt, tick }: State, now: number): number {
  if (completeAt === null) return Number.POSITIVE_INFINITY;
  const byClock = now - completeAt;
  // A clock that was set back must not make an old picture young.
  return byClock < -clockStep ? Number.POSITIVE_INFINITY : Math.max(0, byClock, (performance.now() - tick) / 1_000);
}

async function forever(options: WatchOptions, state: State, closed: AbortSignal, attempted: () => void): Promise<void> {
  while (!closed.aborted) {
    try {
      // Nothing waits for a list that is only a precaution, and has just failed.
      const isResyncDue = options.now() - state.listedAt > resyncEvery && state.failures === 0;
      if (state.version === null || isResyncDue) await list(options, state, closed);
      attempted();
      await follow(options, state, closed);
    } catch (error) {
      if (!closed.aborted) failed(options, state, error);
    }
    attempted();
    if (state.failures > 0) await pause(state.failures, closed);
  }
}

function failed({ resource, warn }: WatchOptions, state: State, error: unknown): void {
  state.failures += 1;
  if (state.failures % patience === 0) state.version = null;
  if (state.failures === patience) warn(`watching ${resource} does not work, and is tried on: ${sentence(error)}`);
}

const sentence = (error: unknown) => (error instanceof Unavailable ? error.detail : String(error));

/** Not said of a list: when nothing but the watch is broken, lists alone must neither end the delays nor say that it works. */
function works({ resource, warn, now }: WatchOptions, state: State): void {
  state.completeAt = now();
  state.tick = performance.now();
  if (state.failures >= patience) warn(`watching ${resource} works again`);
  state.failures = 0;
}

async function pause(failures: number, closed: AbortSignal): Promise<void> {
  const longest = Math.min(longestDelay, firstDelay * 2 ** Math.min(failures, 10));
  // Not all replicas at once.
  const delay = longest * (0.5 + Math.random() / 2);
  await sleep(delay, undefined, { signal: closed, ref: false }).catch(() => {});
}

async function list(options: WatchOptions, state: State, closed: AbortSignal): Promise<void> {
  const { follower, now } = options;
  const began = now();
  const beganTick = performance.now();
  let next = '';
  follower.listing();
  for (;;) {
    const { metadata, items } = await readPage(options, next, closed);
    if (closed.aborted) return;
    next = metadata.continue ?? '';
    if (next === '') {
      follower.listed(items);
      Object.assign(state, { version: metadata.resourceVersion, listedAt: began, completeAt: began, tick: beganTick });
      return;
    }
    follower.page(items);
  }
}

/** One page, with fewer objects where they are too large: anybody who may make pods may make large ones. */
async function readPage({ server, resource }: WatchOptions, next: string, closed: AbortSignal): Promise<Page> {
  for (let limit = pageSize; ; limit = Math.ceil(limit / 10)) {
    try {
      const from = { continue: next, limit };
      const answer = await within(pageTime, closed, (signal) => server.list(resource, from, signal));
      if (answer === null) throw unreadable('the API server gave up the list half-way');
      const page = pageSchema.safeParse(answer);
      if (!page.success) throw unreadable(`the API server's answer is not a list of ${resource}`);
      return page.data;
    } catch (error) {
      if (limit === 1 || !(error instanceof Unavailable) || error.reason !== tooLongReason) throw error;
    }
  }
}

/** One watch, from the version that is known to the time at which the API server ends it. */
async function follow(options: WatchOptions, state: State, closed: AbortSignal): Promise<void> {
  const { server, resource, maxAge } = options;
  const seconds = Math.min(longestWatch, Math.max(1, Math.floor(maxAge / 3)));
  const resourceVersion = state.version ?? '';
  const began = performance.now();
  await within(seconds + stallTime, closed, async (signal) => {
    const lines = await server.watch(resource, { resourceVersion, seconds }, signal);
    if (lines === null) throw forgotten(state);
    for await (const line of lines) {
      if (closed.aborted) return;
      take(options, state, line);
    }
    // A connection that was cut off is no proof of anything, nor is an end before its time, however polite.
    if (performance.now() - began < seconds * 1_000 - 500) throw unreadable('the watch ended before its time');
    works(options, state);
  });
}

function take(options: WatchOptions, state: State, line: string): void {
  const { type, object } = readEvent(line);
  if (type === 'ERROR') {
    throw object.code === 410 ? forgotten(state) : unreadable(`the watch ended with status ${object.code ?? 'none'}`);
  }
  if (type === 'DELETED') options.follower.deleted(object);
  else if (type !== 'BOOKMARK') options.follower.present(object);
  state.version = object.metadata.resourceVersion;
  works(options, state);
}

/** Counts as a failure: an API server that forgets every version at once is not to be asked for one list after another. */
function forgotten(state: State): Unavailable {
  state.version = null;
  return unreadable('the API server does not remember the version that was seen last');
}

function readEvent(line: string): z.output<typeof eventSchema> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw unreadable('an event of the watch is not JSON');
  }
  const event = eventSchema.safeParse(value);
  if (!event.success) throw unreadable('an event of the watch has another form');
  return event.data;
}

const unreadable = (message: string) => new Unavailable('api_unreadable', message);

/** Runs it with a signal that aborts when it is closed, or after so many seconds. */
async function within<T>(seconds: number, closed: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, seconds * 1_000).unref();
  closed.addEventListener('abort', abort, { once: true });
  if (closed.aborted) abort();
  try {
    return await run(controller.signal);
  } finally {
    clearTimeout(timer);
    closed.removeEventListener('abort', abort);
    // Whatever is still open of it.
    abort();
  }
}
