/** Durability `relaxed`: an append is done at once, and its line is written within 100 ms. */
import { type LineKeeper, logClosed, mostWaiting, sinkFailed, sinksTooSlow } from './keeper.js';
import type { AuditSink } from './log.js';

/** Milliseconds. */
const longestDelay = 100;

/** Lines on their way, and the sinks that do not have them yet. */
interface Flush {
  readonly lines: string;
  sinks: readonly AuditSink[];
}

const done = Promise.resolve();

/**
 * A failed flush keeps its lines and is tried again every 100 ms, on those sinks that failed; until it succeeds, appends
 * reject. There is a timer only while something is buffered, so an idle log keeps no process alive.
 */
export function createWriteBehind(sinks: readonly AuditSink[]): LineKeeper {
  let buffered = '';
  let failed: Flush | undefined;
  let failure: unknown;
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;
  let closed = false;

  function append(line: string): Promise<void> {
    if (closed) return Promise.reject(logClosed());
    if (failed !== undefined) return Promise.reject(sinkFailed(failure));
    if (buffered.length + line.length > mostWaiting) return Promise.reject(sinksTooSlow());
    buffered += line;
    schedule();
    return done;
  }

  function schedule(): void {
    if (flushing !== undefined || closed || (buffered === '' && failed === undefined)) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      flushing = flush().finally(() => {
        flushing = undefined;
        schedule();
      });
    }, longestDelay);
  }

  async function flush(): Promise<void> {
    const current = failed ?? { lines: buffered, sinks };
    if (failed === undefined) buffered = '';
    const results = await Promise.allSettled(current.sinks.map((sink) => sink.write(current.lines)));
    failure = results.find((result) => result.status === 'rejected')?.reason;
    current.sinks = current.sinks.filter((_, index) => results[index]?.status === 'rejected');
    failed = current.sinks.length > 0 ? current : undefined;
  }

  async function drain(): Promise<void> {
    closed = true;
    clearTimeout(timer);
    await flushing;
    if (failed !== undefined) await flush();
    if (failed === undefined && buffered !== '') await flush();
    if (failed !== undefined) throw sinkFailed(failure);
  }

  return { append, drain };
}
