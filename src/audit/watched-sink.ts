/** What every sink is wrapped in: a deadline, and a word to the operators when it starts and stops failing. */
import type { AuditSink } from './log.js';

/** Milliseconds after which a write counts as failed. */
const writeDeadline = 5000;

export interface WatchedSink extends AuditSink {
  /** Writes that failed, since the start. */
  failures(): number;
}

/** Rejects after the deadline; while the late write has still not come back, further ones are rejected at once. */
export function watchSink(sink: AuditSink, warn: (message: string) => void): WatchedSink {
  let busy = false;
  let failing = false;
  let failures = 0;

  async function write(lines: string): Promise<void> {
    if (busy) {
      failures += 1;
      throw new Error(`the audit sink ${sink.name} has not finished an earlier write`);
    }
    busy = true;
    const written = sink.write(lines).finally(() => {
      busy = false;
    });
    try {
      await beforeDeadline(written, sink.name);
    } catch (error) {
      failures += 1;
      if (!failing) warn(`No tokens are issued until the audit record is kept again: ${messageOf(error)}`);
      failing = true;
      throw error;
    }
    if (failing) warn(`The audit sink ${sink.name} keeps records again.`);
    failing = false;
  }

  return Object.freeze({ name: sink.name, write, close: () => sink.close(), failures: () => failures });
}

function beforeDeadline(written: Promise<void>, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`the audit sink ${name} took longer than ${writeDeadline / 1000} s`)),
      writeDeadline,
    );
    written.then(resolve, reject).finally(() => clearTimeout(late));
  });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
