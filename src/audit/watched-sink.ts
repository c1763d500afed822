/** What every sink is wrapped in: a deadline, and a word to the operators when it starts and stops failing. */
import type { AuditSink } from './log.js';

/** Milliseconds after which a write counts as failed. */
const writeDeadline = 5000;

/** Rejects after the deadline; while the late write has still not come back, further ones are rejected at once. */
export function watchSink(sink: AuditSink, warn: (message: string) => void): AuditSink {
  let busy = false;
  let failing = false;

  async function write(lines: string): Promise<void> {
    if (busy) throw new Error(`the audit sink ${sink.name} has not finished an earlier write`);
    busy = true;
    const written = sink.write(lines).finally(() => {
      busy = false;
    });
    try {
      await beforeDeadline(written, sink.name);
    } catch (error) {
      if (!failing) warn(`No tokens are issued until the audit record is kept again: ${messageOf(error)}`);
      failing = true;
      throw error;
    }
    if (failing) warn(`The audit sink ${sink.name} keeps records again.`);
    failing = false;
  }

  return Object.freeze({ name: sink.name, write, close: () => sink.close() });
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
