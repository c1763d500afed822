/** Durability `strict`: whoever appends waits until every sink has the line; all that wait share one write. */
import { type LineKeeper, logClosed, mostWaiting, sinkFailed, sinksTooSlow } from './keeper.js';
import type { AuditSink } from './log.js';

/** Milliseconds for which lines are gathered while they keep coming: a synced write costs as much as several exchanges. */
const longestGathering = 4;
/** Turns of the event loop without a new line, after which no more is expected: a signature takes one of its own. */
const quietTurns = 2;

interface Batch {
  lines: string;
  readonly kept: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Lines that arrive in one turn of the event loop, or while a write is under way, go into the next write. When it fails
 * on any sink, all of its appends reject; the next append tries again.
 */
export function createGroupCommit(sinks: readonly AuditSink[]): LineKeeper {
  let gathering: Batch | undefined;
  let writing: Promise<void> | undefined;
  let closed = false;

  function append(line: string): Promise<void> {
    if (closed) return Promise.reject(logClosed());
    if ((gathering?.lines.length ?? 0) + line.length > mostWaiting) return Promise.reject(sinksTooSlow());
    gathering ??= createBatch();
    gathering.lines += line;
    writing ??= writeAll();
    return gathering.kept;
  }

  async function writeAll(): Promise<void> {
    while (gathering !== undefined) {
      const batch = gathering;
      await gather(batch);
      gathering = undefined;
      await writeBatch(sinks, batch);
    }
    writing = undefined;
  }

  async function drain(): Promise<void> {
    closed = true;
    await writing;
  }

  return { append, drain };
}

async function writeBatch(sinks: readonly AuditSink[], batch: Batch): Promise<void> {
  try {
    await Promise.all(sinks.map((sink) => sink.write(batch.lines)));
    batch.resolve();
  } catch (error) {
    batch.reject(sinkFailed(error));
  }
}

/** Lines share a write as long as more of them keep coming. */
async function gather(batch: Batch): Promise<void> {
  const began = performance.now();
  for (let quiet = 0; quiet < quietTurns && performance.now() - began < longestGathering; ) {
    const { length } = batch.lines;
    await nextTurn();
    quiet = batch.lines.length > length ? 0 : quiet + 1;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function createBatch(): Batch {
  let resolve = (): void => {};
  let reject = (_error: Error): void => {};
  const kept = new Promise<void>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { lines: '', kept, resolve, reject };
}
