/** The audit log: every record on every sink, or no token. */
import { createBudget } from './budget.js';
import { createGroupCommit } from './group-commit.js';
import { auditLine } from './line.js';
import type { AuditLog, AuditSink } from './log.js';
import { watchSink } from './watched-sink.js';
import { createWriteBehind } from './write-behind.js';

export interface AuditLogOptions {
  /** `strict`: an append resolves when every sink has kept the line. `relaxed`: at once, and written within 100 ms. */
  readonly durability: 'strict' | 'relaxed';
  readonly sinks: readonly AuditSink[];
  /** Without verified evidence, of each address. */
  readonly refusalsPerSecond: number;
  /** Milliseconds. */
  readonly now: () => number;
  /** One line for operators. */
  readonly warn: (message: string) => void;
}

export interface CountingAuditLog extends AuditLog {
  /** Refusals that `admit` did not admit, since the start. */
  suppressed(): number;
  /** Writes that failed, by the name of the sink, since the start. */
  failures(): Readonly<Record<string, number>>;
}

/** `close` writes what is buffered and closes the sinks; it rejects when records were lost. */
export function createAuditLog(options: AuditLogOptions): CountingAuditLog {
  const { durability, warn } = options;
  const sinks = options.sinks.map((sink) => watchSink(sink, warn));
  const keeper = durability === 'strict' ? createGroupCommit(sinks) : createWriteBehind(sinks);
  const budget = createBudget(options);

  async function close(): Promise<void> {
    budget.close();
    try {
      await keeper.drain();
    } finally {
      await Promise.all(sinks.map((sink) => sink.close()));
    }
  }

  return Object.freeze<CountingAuditLog>({
    append: (record) => keeper.append(auditLine(record)),
    admit: budget.admit,
    suppressed: budget.suppressed,
    failures: () => Object.fromEntries(sinks.map((sink) => [sink.name, sink.failures()])),
    close,
  });
}
