/** The form of a record: one line of printable JSON, whatever a client put into it. */
import { printable } from '../text.js';
import type { AuditRecord } from './record.js';

/** The record as one line that ends in `\n`: no character in it can move a cursor, reorder text or end the line early. */
export function auditLine(record: AuditRecord): string {
  return `${printable(JSON.stringify(record))}\n`;
}
