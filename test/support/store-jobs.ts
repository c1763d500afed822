import { strict as assert } from 'node:assert';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StoreOptions } from '../../src/store/open.js';
import type { Key, Store } from '../../src/store/store.js';

/** Work that several processes do at once on the same data. */
export interface Job {
  /** Marks what this process writes. */
  readonly worker: string;
  /** How many workers there are; each round begins when all have come to it. */
  readonly workers: number;
  readonly rounds: number;
}

export interface Outcome {
  /** By round: the value that won, as this process was told. */
  readonly winners: readonly string[];
  readonly counts: readonly number[];
  /** Each of this process's log entries with its cursor. */
  readonly appended: readonly (readonly [entry: string, cursor: string])[];
  /** What this process saw while it polled the log as a reader does, from cursor to cursor. */
  readonly polled: readonly string[];
}

export interface StoreProcess {
  run(job: Job): Promise<Outcome>;
  /** As a power cut would, without closing anything. */
  kill(): Promise<void>;
}

export const never = Number.MAX_SAFE_INTEGER;

export async function runJob(store: Store, { worker, workers, rounds }: Job): Promise<Outcome> {
  const log = store.log('jobs');
  const winners: string[] = [];
  const counts: number[] = [];
  const appended: [string, string][] = [];
  const polled: string[] = [];
  let after: string | undefined;
  for (let round = 0; round < rounds; round++) {
    const entry = `${worker}:${round}`;
    await arrive(store, ['job-round', String(round)], workers);
    const [winner, count, cursor] = await Promise.all([
      store.claim(['job', String(round)], worker),
      store.increment(['job-count'], 1, never),
      log.append(entry, never),
    ]);
    winners.push(winner);
    counts.push(count);
    appended.push([entry, cursor]);
    for (const seen of await log.read(after)) {
      polled.push(seen.entry);
      after = seen.cursor;
    }
  }
  return { winners, counts, appended, polled };
}

async function arrive(store: Store, round: Key, workers: number): Promise<void> {
  let arrived = await store.increment(round, 1, never);
  while (arrived < workers) {
    // No event crosses processes, and spinning would take the processor from those that are awaited.
    await setTimeout(1);
    arrived = Number((await store.get(round))?.value);
  }
}

/** Runs `store-process.ts` in a process of its own; resolves when it has opened its store. */
export async function spawnStoreProcess(options: StoreOptions): Promise<StoreProcess> {
  const child = fork(fileURLToPath(new URL('store-process.ts', import.meta.url)), [JSON.stringify(options)], {
    execArgv: ['--import', 'tsx'],
  });
  await answerOf(child);
  return {
    async run(job) {
      child.send(job);
      const outcome = (await answerOf(child)) as Outcome;
      child.disconnect();
      await once(child, 'exit');
      return outcome;
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const exit = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`The store's process ended with ${code}.`);
  });
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal: ended.signal }), exit])) as [unknown];
    assert.notEqual(message, undefined);
    return message;
  } finally {
    exit.catch(() => {});
    ended.abort();
  }
}

/**
 * No key with two winners, no count given twice or lost, no log entry lost, doubled, out of order or missed by a reader.
 * @returns the workers that won something
 */
export async function assertOutcomes(store: Store, outcomes: readonly Outcome[], rounds: number): Promise<Set<string>> {
  const total = outcomes.length * rounds;
  const winners = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const seen = new Set(outcomes.map((outcome) => outcome.winners[round]));
    assert.equal(seen.size, 1, `round ${round} was won by ${[...seen]}`);
    for (const winner of seen) winners.add(String(winner));
  }
  assert.equal(new Set(outcomes.flatMap(({ counts }) => counts)).size, total);
  assert.equal((await store.get(['job-count']))?.value, String(total));

  const kept = await store.log('jobs').read(undefined, total + 1);
  const appended = outcomes.flatMap((outcome) => outcome.appended);
  assert.equal(kept.length, total);
  assert.deepEqual(new Map(kept.map(({ cursor, entry }) => [entry, cursor])), new Map(appended));
  const inOrder = kept.map(({ entry }) => entry);
  for (const { polled } of outcomes) assert.deepEqual(polled, inOrder.slice(0, polled.length));
  return winners;
}
