/** The audit log that the configuration names. */
import { createAuditLog } from './audit-log.js';
import { openFileSink } from './file-sink.js';
import type { AuditSink } from './log.js';
import { createStdoutSink } from './stdout-sink.js';

export interface AuditOptions {
  readonly durability: 'strict' | 'relaxed';
  readonly refusalsPerSecond: number;
  readonly sinks: readonly ({ readonly type: 'stdout' } | { readonly type: 'file'; readonly path: string })[];
}

export interface AuditRoom {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
  readonly stdout: NodeJS.WritableStream;
}

/** @throws Error when a file cannot be opened */
export async function openAudit(options: AuditOptions, { now, warn, stdout }: AuditRoom) {
  const { durability, refusalsPerSecond } = options;
  const sinks: AuditSink[] = [];
  for (const sink of options.sinks) {
    sinks.push(
      sink.type === 'file'
        ? await openFileSink({ path: sink.path, sync: durability === 'strict' })
        : createStdoutSink(stdout),
    );
  }
  return createAuditLog({ durability, sinks, refusalsPerSecond, now, warn });
}
