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

/**
 * Seconds. A changed file takes effect within it: keys that are added, and above all those that are taken out. The path is
 * read anew instead of watched, because a ConfigMap is exchanged by its symbolic link.
 */
const fileFreshFor = 1;

type Loader = Pick<KeySetOptions, 'name' | 'load' | 'freshFor'>;

export function keyLoader(source: KeySource, room: KeySourceRoom): Loader {
  if ('file' in source) {
    const path = room.path(source.file);
    return { name: source.file, load: (signal) => readJson(path, signal), freshFor: fileFreshFor };
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
