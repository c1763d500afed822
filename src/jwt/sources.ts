/** Where the keys of a key set come from. */
import { readFile } from 'node:fs/promises';
import type { KeySource } from '../../attestors/attestor.js';
import { Unavailable } from '../errors.js';
import type { Outbound } from '../outbound.js';
import type { KeySetOptions } from './key-set.js';

export interface KeySourceRoom {
  readonly outbound: Outbound;
  /** An absolute path for one that is relative to the configuration file. */
  readonly path: (relative: string) => string;
}

/** A file is read again at each load, so that a rotated one takes effect without a restart. */
export function keyLoader(source: KeySource, room: KeySourceRoom): Pick<KeySetOptions, 'name' | 'load'> {
  if ('file' in source) {
    const path = room.path(source.file);
    return { name: source.file, load: (signal) => readJson(path, signal) };
  }
  if ('uri' in source) {
    return { name: source.uri, load: (signal) => room.outbound.getJson(source.uri, { signal }) };
  }
  return { name: source.name, load: source.load };
}

/** @throws Unavailable `key_file` whose detail has the path, and nothing of the file's text, which may be a private key */
async function readJson(path: string, signal: AbortSignal): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, { encoding: 'utf8', signal });
  } catch (error) {
    throw new Unavailable('key_file', `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Unavailable('key_file', `${path} is not JSON; a JWK Set is expected`);
  }
}
