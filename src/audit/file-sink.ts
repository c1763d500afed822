/** A file that is only ever appended to, one record a line. */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AuditSink } from './log.js';

export interface FileSinkOptions {
  readonly path: string;
  /** True: a write resolves when its bytes are on disk. False: when the operating system has them. */
  readonly sync: boolean;
  /** Milliseconds, from any origin. Default: the monotonic clock. */
  readonly now?: () => number;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly device: number;
  readonly inode: number;
  /** The file does not end where a line ends: the next write starts on a fresh one. */
  torn: boolean;
}

/** Milliseconds between two looks at whether the path still names our file. */
const lookEvery = 1000;
const lineEnd = 0x0a;

/**
 * Opens the file (mode 0600; a missing folder is made with 0700). The caller makes one write at a time. A file that was
 * moved, as logrotate does, is opened anew within a second, and until then still gets what is written; one that was
 * removed is opened anew before the next write, because nobody could read what it got.
 * @throws Error that names the path and what to do about it; so do `write` and `close`
 */
export async function openFileSink(options: FileSinkOptions): Promise<AuditSink> {
  const { path, sync, now = () => performance.now() } = options;
  let file = await openForAppend(path, sync).catch((error) => fail('open', path, error));
  let lookedAt = now();

  async function followRotation(): Promise<void> {
    const { nlink } = await file.handle.stat();
    if (nlink > 0 && now() - lookedAt < lookEvery) return;
    if (nlink === 0 || !(await isAt(path, file))) {
      const old = file;
      file = await openForAppend(path, sync);
      await old.handle.close();
    }
    lookedAt = now();
  }

  return Object.freeze({
    name: `file ${path}`,
    write: (lines: string) =>
      followRotation()
        .then(() => appendTo(file, lines))
        .catch((error) => fail('write', path, error)),
    close: () => file.handle.close().catch((error) => fail('close', path, error)),
  });
}

async function openForAppend(path: string, sync: boolean): Promise<OpenFile> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // O_DSYNC rather than write and fdatasync: one trip to the thread pool, measured 10 to 20 % faster.
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (sync ? constants.O_DSYNC : 0);
  const handle = await open(path, flags, 0o600);
  try {
    const { dev, ino, size } = await handle.stat();
    if (sync && size === 0) await syncFolder(folder);
    return { handle, device: dev, inode: ino, torn: size > 0 && !(await endsLine(handle, size)) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A new file is on disk only when its folder's entry is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function endsLine(handle: FileHandle, size: number): Promise<boolean> {
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === lineEnd;
}

async function isAt(path: string, file: OpenFile): Promise<boolean> {
  try {
    const there = await stat(path);
    return there.dev === file.device && there.ino === file.inode;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** After a failure nobody knows how much of the lines is in the file, so the next write ends the line first. */
async function appendTo(file: OpenFile, lines: string): Promise<void> {
  const bytes = Buffer.from(file.torn ? `\n${lines}` : lines);
  file.torn = true;
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.handle.write(bytes, written, bytes.length - written, null);
    written += bytesWritten;
  }
  file.torn = false;
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full: free space there, or point audit.sinks at another disk',
  EDQUOT: 'the quota is used up: free space there, or raise the quota',
  EFBIG: 'the file is at its size limit: rotate it, or raise the limit (ulimit -f)',
  EACCES: 'let the user of the service write this file and its folder',
  EPERM: 'let the user of the service write this file and its folder',
  EROFS: 'its file system is read-only: mount it writable, or point audit.sinks at another path',
  EISDIR: 'this is a folder: name a file in it',
  ENOTDIR: 'a part of the path is no folder: correct the path in audit.sinks',
  EIO: 'its disk fails: see the log of the operating system',
};

function fail(act: 'open' | 'write' | 'close', path: string, error: unknown): never {
  const code = codeOf(error);
  const remedy = remedies[code] ?? 'see that the path of this sink in audit.sinks can be written';
  throw new Error(`cannot ${act} the audit file ${path} (${code}): ${remedy}`, { cause: error });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
