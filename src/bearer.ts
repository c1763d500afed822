/** A bearer token that somebody we call wants, from its file, which whoever rotates it writes anew. */
import { readFile } from 'node:fs/promises';
import { Unavailable } from './errors.js';
import { versionOf } from './file-version.js';

/** RFC 6750 §2.1, at most 8 KiB. */
const form = /^[A-Za-z0-9._~+/-]{1,8192}={0,8}$/;

export type BearerOf = (file: string) => Promise<string>;

/**
 * Reads a file again when it has changed.
 * @param reason of the error: Unavailable with the path, and nothing of the file
 */
export function createBearers(reason: string): BearerOf {
  const known = new Map<string, { readonly version: string; readonly token: string }>();
  return async (file) => {
    // Before it is read: what is written meanwhile is another version.
    const version = await versionOf(file);
    const before = known.get(file);
    if (before?.version === version) return before.token;
    const token = await read(file, reason);
    known.set(file, { version, token });
    return token;
  };
}

async function read(file: string, reason: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new Unavailable(reason, `The bearer token cannot be read from ${file} (${code}).`);
  }
  const token = text.trimEnd();
  if (form.test(token)) return token;
  throw new Unavailable(reason, `${file} does not hold a bearer token (RFC 6750 §2.1) alone.`);
}
