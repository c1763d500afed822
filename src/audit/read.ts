/** Records of the audit log, read again from a file. */
import { createReadStream } from 'node:fs';
import type { AuditRecord } from './record.js';

/** Bytes. A longer line is no record of ours and is passed over. */
const longestLine = 1024 * 1024;
const lineEnd = 0x0a;

/**
 * The record with this id, or undefined. Reads the file of JSON lines from its start in bounded memory; a line that is
 * torn or is no record is passed over.
 * @throws Error that names the file and what to do about it, when it cannot be read
 */
export async function findRecord(file: string, decisionId: string): Promise<AuditRecord | undefined> {
  try {
    return await searchRecord(file, decisionId);
  } catch (error) {
    throw unreadable(file, error);
  }
}

/**
 * Every record, in the order of the file, in bounded memory; a line that is torn or is no record is passed over.
 * @throws Error that names the file and what to do about it, when it cannot be read
 */
export async function* readRecords(file: string): AsyncGenerator<AuditRecord> {
  try {
    for await (const lines of wholeLines(file)) {
      let start = 0;
      while (start < lines.length) {
        const found = lines.indexOf(lineEnd, start);
        const end = found < 0 ? lines.length : found;
        const record = parseRecord(lines.toString('utf8', start, end));
        if (record !== undefined) yield record;
        start = end + 1;
      }
    }
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  const remedy = remedies[code] ?? 'see that it is a file that can be read';
  return new Error(`cannot read the audit file ${file} (${code}): ${remedy}`, { cause: error });
}

const remedies: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist: name the path of a file sink in audit.sinks, or an older file that was rotated',
  EACCES: 'run this as the user of the service, or as another who may read the file',
  EISDIR: 'this is a folder: name a file in it',
};

async function searchRecord(file: string, decisionId: string): Promise<AuditRecord | undefined> {
  const needle = JSON.stringify(decisionId);
  for await (const lines of wholeLines(file)) {
    let at = lines.indexOf(needle);
    while (at >= 0) {
      const found = lines.indexOf(lineEnd, at);
      const end = found < 0 ? lines.length : found;
      const record = parseRecord(lines.toString('utf8', lines.lastIndexOf(lineEnd, at) + 1, end));
      if (record?.decision_id === decisionId) return record;
      at = lines.indexOf(needle, end);
    }
  }
  return undefined;
}

/** The file in pieces that begin and end where lines do. */
async function* wholeLines(file: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: longestLine })) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(lineEnd) + 1;
    if (end > 0) yield bytes.subarray(0, end);
    rest = bytes.length - end > longestLine ? Buffer.alloc(0) : bytes.subarray(end);
  }
  yield rest;
}

function parseRecord(line: string): AuditRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isRecord = typeof value === 'object' && value !== null && 'decision_id' in value && 'request' in value;
    return isRecord ? (value as AuditRecord) : undefined;
  } catch {
    return undefined;
  }
}
