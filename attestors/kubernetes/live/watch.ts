/**
 * List-and-watch of one kind of object, for as long as the service runs: whatever breaks, it goes on by itself, and says
 * when its picture was last known to be complete.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Unavailable } from '../../../src/errors.js';
import type { ApiServer, Resource } from '../api.js';

export interface WatchOptions {
  readonly server: ApiServer;
  readonly resource: Resource;
  /** Seconds. A watch lasts a third of it: its end, and the bookmark before that, prove that nothing was missed. */
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
  /** All that there is. */
  listed(objects: readonly unknown[]): void;
  /** Added or changed. */
  present(object: unknown): void;
  deleted(object: unknown): void;
}

export interface ResourceWatch {
  /** Seconds since the epoch at which the picture was complete; null: never yet. */
  completeAt(): number | null;
  /** Resolves when the first list is there, or has failed once. */
  readonly attempted: Promise<void>;
  close(): void;
}

/** Seconds after which everything is listed again although no event is known to be lost. */
const resyncEvery = 600;
/** Seconds that a page of a list may take. */
const pageTime = 20;
/** Seconds beyond its time after which a watch counts as stalled. */
const stallTime = 3;
/** Milliseconds between two attempts; doubled with each that fails. */
const firstDelay = 100;
const longestDelay = 5_000;
/** Failures in a row after which the version is given up and everything is listed. */
const patience = 3;

const metadata = z.looseObject({ resourceVersion: z.string().min(1), continue: z.string().optional() });
const pageSchema = z.object({ metadata, items: z.array(z.unknown()) });
const eventSchema = z.object({
  type: z.string(),
  object: z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().optional() }).optional() }),
});

interface State {
  /** Where to watch from; null: everything has to be listed. */
  version: string | null;
  listedAt: number;
  completeAt: number | null;
  failures: number;
}

export function watchResource(options: WatchOptions): ResourceWatch {
  const closed = new AbortController();
  const state: State = { version: null, listedAt: 0, completeAt: null, failures: 0 };
  const attempted = new Promise<void>((resolve) => void forever(options, state, closed.signal, resolve));
  return Object.freeze({ completeAt: () => state.completeAt, attempted, close: () => closed.abort() });
}

async function forever(options: WatchOptions, state: State, closed: AbortSignal, attempted: () => void): Promise<void> {
  while (!closed.aborted) {
    const began = performance.now();
    try {
      if (state.version === null || options.now() - state.listedAt > resyncEvery) await list(options, state, closed);
      attempted();
      await follow(options, state, closed);
    } catch (error) {
      if (!closed.aborted) failed(options, state, error);
    }
    attempted();
    // A watch that ends early, however politely, must not become a busy loop.
    const isEarly = performance.now() - began < 1_000;
    if (state.failures > 0 || isEarly) await pause(state.failures, closed);
  }
}

function failed({ resource, warn }: WatchOptions, state: State, error: unknown): void {
  state.failures += 1;
  if (state.failures % patience === 0) state.version = null;
  if (state.failures === patience) warn(`watching ${resource} does not work, and is tried on: ${sentence(error)}`);
}

const sentence = (error: unknown) => (error instanceof Unavailable ? error.detail : String(error));

function works({ resource, warn }: WatchOptions, state: State, completeAt: number): void {
  state.completeAt = completeAt;
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
  const { server, resource, follower, now } = options;
  const began = now();
  const objects: unknown[] = [];
  let next = '';
  let version: string;
  follower.listing();
  do {
    const from = { continue: next };
    const answer = await within(pageTime, closed, (signal) => server.list(resource, from, signal));
    if (answer === null) throw unreadable('the API server gave up the list half-way');
    const page = pageSchema.safeParse(answer);
    if (!page.success) throw unreadable(`the API server's answer is not a list of ${resource}`);
    objects.push(...page.data.items);
    version = page.data.metadata.resourceVersion;
    next = page.data.metadata.continue ?? '';
  } while (next !== '');
  follower.listed(objects);
  state.version = version;
  state.listedAt = began;
  works(options, state, began);
}

/** One watch, from the version that is known to the time at which the API server ends it. */
async function follow(options: WatchOptions, state: State, closed: AbortSignal): Promise<void> {
  const { server, resource, maxAge, now } = options;
  const seconds = Math.max(1, Math.floor(maxAge / 3));
  const resourceVersion = state.version ?? '';
  const began = performance.now();
  await within(seconds + stallTime, closed, async (signal) => {
    const lines = await server.watch(resource, { resourceVersion, seconds }, signal);
    if (lines === null) {
      state.version = null;
      return;
    }
    for await (const line of lines) {
      if (!take(options, state, line)) return;
    }
    // A connection that was cut off is no proof of anything; one that lasted its time is.
    if (performance.now() - began >= seconds * 1_000 - 500) works(options, state, now());
  });
}

/** @returns false when the version is too old: everything has to be listed */
function take(options: WatchOptions, state: State, line: string): boolean {
  const { type, object } = readEvent(line);
  if (type === 'ERROR') {
    if (object.code !== 410) throw unreadable(`the watch ended with status ${String(object.code)}`);
    state.version = null;
    return false;
  }
  if (type === 'ADDED' || type === 'MODIFIED') options.follower.present(object);
  else if (type === 'DELETED') options.follower.deleted(object);
  state.version = object.metadata?.resourceVersion ?? state.version;
  works(options, state, options.now());
  return true;
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
  }
}
