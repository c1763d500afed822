/** Durability `relaxed`: an append is done at once, and its line is written within 100 ms. */
import { type LineKeeper, logClosed, mostWaiting, sinkFailed, sinksTooSlow } from './keeper.js';
import type { AuditSink } from './log.js';

/** Milliseconds. Half the bound: the write takes its time too, and timers are late in a busy process. */
const longestDelay = 50;
/** Milliseconds: once a line is older and not written yet, whoever appends waits for the write. */
const longestBehind = 100;

/** Lines on their way, and the sinks that do not have them yet. */
interface Flush {
  lines: string;
  /** When the first of them came. */
  readonly since: number;
  sinks: readonly AuditSink[];
}

const done = Promise.resolve();

/**
 * No append resolves at once while a line is older than 100 ms and not written, so no more than 100 ms brought can be
 * lost: behind a slow sink an append resolves when its own line is written. A failed flush keeps its lines and is tried
 * again every 50 ms, on those sinks that failed; until it succeeds, appends reject. There is a timer only while
 * something is buffered, so an idle log keeps no process alive.
 * @param now milliseconds, from any origin
 */
export function createWriteBehind(sinks: readonly AuditSink[], now = (): number => performance.now()): LineKeeper {
  let buffered: Flush | undefined;
  let underWay: Flush | undefined;
  let failed: Flush | undefined;
  let failure: unknown;
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;
  let closed = false;

  function append(line: string): Promise<void> {
    if (closed) return Promise.reject(logClosed());
    if (failed !== undefined) return Promise.reject(sinkFailed(failure));
    if ((buffered?.lines.length ?? 0) + line.length > mostWaiting) return Promise.reject(sinksTooSlow());
    const time = now();
    buffered ??= { lines: '', since: time, sinks };
    buffered.lines += line;
    schedule();
    return time - (underWay ?? buffered).since > longestBehind ? written() : done;
  }

  /** Resolves when all that is buffered now is written. */
  async function written(): Promise<void> {
    await flushing;
    if (failed === undefined) await startFlush();
    if (failed !== undefined) throw sinkFailed(failure);
  }

  function schedule(): void {
    if (flushing !== undefined || closed) return;
    if (failed !== undefined) timer ??= setTimeout(startFlush, longestDelay);
    else if (buffered !== undefined) {
      timer ??= setTimeout(startFlush, Math.max(0, buffered.since + longestDelay - now()));
    }
  }

  function startFlush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    flushing ??= flush().finally(() => {
      flushing = undefined;
      schedule();
    });
    return flushing;
  }

  async function flush(): Promise<void> {
    const current = failed ?? buffered;
    if (current === undefined) return;
    if (failed === undefined) buffered = undefined;
    underWay = current;
    const results = await Promise.allSettled(current.sinks.map((sink) => sink.write(current.lines)));
    failure = results.find((result) => result.status === 'rejected')?.reason;
    current.sinks = current.sinks.filter((_, index) => results[index]?.status === 'rejected');
    failed = current.sinks.length > 0 ? current : undefined;
    underWay = undefined;
  }

  async function drain(): Promise<void> {
    closed = true;
    clearTimeout(timer);
    await flushing;
    if (failed !== undefined) await startFlush();
    if (failed === undefined) await startFlush();
    if (failed !== undefined) throw sinkFailed(failure);
  }

  return { append, drain };
}
