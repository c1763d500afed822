/** Where records go. */
import type { AuditRecord } from './record.js';

/** A place that keeps lines. */
export interface AuditSink {
  /** For messages to operators, such as `file ./data/audit.jsonl`. */
  readonly name: string;
  /** Resolves when the lines are kept as well as this sink can keep them; rejects when they are not. */
  write(lines: string): Promise<void>;
  close(): Promise<void>;
}

export interface AuditLog {
  /**
   * Resolves when the record is kept as the configured durability asks.
   * @throws Refusal `audit_unavailable` when a sink fails: then no token may leave
   */
  append(record: AuditRecord): Promise<void>;
  /**
   * Whether a refusal that anybody can cause, without verified evidence or over a limit, may still be written for this address in this second.
   * False: it is counted instead, so that garbage cannot fill the disk.
   */
  admit(address: string): boolean;
  close(): Promise<void>;
}
