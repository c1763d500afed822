/** The workers of a primary: started, started again when they end, asked, and stopped. */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { type Ask, isAsked } from './messages.js';

/** Milliseconds that a worker has to serve to count as started well, however long its start takes. */
const settled = 5_000;
/** So many in a row that did not: given up. */
const most = 5;
/** Milliseconds before the first new start; doubled by each that ended too early. */
const shortestPause = 250;
/** Milliseconds in which a worker has to say how it is. */
const patience = 1_000;

export interface Pool {
  /** Resolves when all have been ready once. Rejects when one ended before. */
  readonly started: Promise<void>;
  /** Resolves, with the reason, when they are not started again any more. */
  readonly failed: Promise<string>;
  /** By number of the worker; null: it did not answer. */
  ask(what: Ask['ask']): Promise<ReadonlyMap<number, unknown>>;
  /** @throws Error that says which did not end well */
  close(): Promise<void>;
}

export function openPool(count: number, warn: (message: string) => void): Pool {
  const workers = new Map<number, Worker>();
  const asked = new Map<number, (answer: unknown) => void>();
  const faults: string[] = [];
  const pauses = new Set<NodeJS.Timeout>();
  let phase: 'starting' | 'serving' | 'stopping' = 'starting';
  let tooShort = 0;
  let lastAsk = 0;
  let giveUp = (_reason: string) => {};
  const failed = new Promise<string>((resolve) => {
    giveUp = resolve;
  });

  /** @returns when it is ready */
  function fork(number: number): Promise<void> {
    const worker = cluster.fork();
    let readyAt: number | null = null;
    workers.set(number, worker);
    return new Promise((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        if (message === 'ready') {
          readyAt = performance.now();
          resolve();
        } else if (isAsked(message)) asked.get(message.id)?.(message.answer);
      });
      worker.once('exit', (code, signal) => {
        workers.delete(number);
        const how = `worker ${number} ended with ${signal ?? `exit code ${code}`}`;
        reject(new Error(how));
        if (phase === 'stopping') {
          if (code !== 0) faults.push(how);
        } else if (phase === 'serving' || readyAt !== null) {
          restart(number, how, readyAt === null ? 0 : performance.now() - readyAt);
        }
      });
    });
  }

  function restart(number: number, how: string, served: number): void {
    tooShort = served < settled ? tooShort + 1 : 0;
    if (tooShort >= most) {
      giveUp(`${how}, the ${most}th in a row that did not serve for ${settled / 1000} s: given up`);
      return;
    }
    const pause = shortestPause * 2 ** tooShort;
    warn(`${how}: it is started again in ${pause} ms`);
    const timer = setTimeout(() => {
      pauses.delete(timer);
      fork(number).catch(() => {});
    }, pause);
    pauses.add(timer);
  }

  /** The first alone: what is wrong with a start is said once, and what is made at the first start is made once. */
  async function start(): Promise<void> {
    await fork(1);
    if (phase === 'stopping') return;
    await Promise.all(Array.from({ length: count - 1 }, (_, index) => fork(index + 2)));
    if (phase === 'starting') phase = 'serving';
  }

  function askOne(worker: Worker, what: Ask['ask']): Promise<unknown> {
    const id = ++lastAsk;
    return new Promise<unknown>((resolve) => {
      const late = setTimeout(resolve, patience, null);
      asked.set(id, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      // It may have ended since.
      worker.send({ id, ask: what } satisfies Ask, () => {});
    }).finally(() => asked.delete(id));
  }

  async function close(): Promise<void> {
    phase = 'stopping';
    for (const pause of pauses) clearTimeout(pause);
    await Promise.all(
      [...workers.values()].map((worker) => {
        const ended = once(worker, 'exit');
        worker.send('stop', () => {});
        return ended;
      }),
    );
    if (faults.length > 0) throw new Error(faults.join('; '));
  }

  // Whatever ends us, nobody is left behind.
  process.once('exit', () => {
    for (const worker of workers.values()) worker.process.kill('SIGKILL');
  });
  const started = start();
  started.catch(() => {});
  return Object.freeze<Pool>({
    started,
    failed,
    async ask(what) {
      const numbers = Array.from({ length: count }, (_, index) => index + 1);
      const answers = numbers.map(async (number) => {
        const worker = workers.get(number);
        return [number, worker === undefined ? null : await askOne(worker, what)] as const;
      });
      return new Map(await Promise.all(answers));
    },
    close,
  });
}
