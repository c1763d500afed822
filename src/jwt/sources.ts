/** Where the keys of a key set come from. */
import { readFile } from 'node:fs/promises';
import type { KeySource } from '../../attestors/attestor.js';
import { isLoopback } from '../../attestors/options.js';
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

type Loader = Pick<KeySetOptions, 'name' | 'load' | 'freshFor' | 'use'>;

export function keyLoader(source: KeySource, room: KeySourceRoom): Loader {
  if ('file' in source) {
    const path = room.path(source.file);
    return { name: source.file, load: (signal) => readJson(path, signal), freshFor: fileFreshFor, use: source.use };
  }
  if ('uri' in source) {
    return { name: source.uri, load: (signal) => room.outbound.getJson(source.uri, { signal }), use: source.use };
  }
  if ('issuer' in source) {
    const uri = discoveryUri(source.issuer);
    return { name: uri, load: (signal) => discoverKeys(source.issuer, uri, room.outbound, signal) };
  }
  return { name: source.name, load: source.load };
}

/** OpenID Connect Discovery 1.0 §4.1: appended to the issuer's path, less a slash at its end. */
const discoveryUri = (issuer: string): string => `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;

/**
 * Both requests in one load, so that an issuer that moves its keys is followed.
 * @throws Unavailable `discovery_document`, `discovery_issuer`, `discovery_jwks_uri`, or one of the way out; nothing of the document
 *   is in it
 */
async function discoverKeys(issuer: string, uri: string, outbound: Outbound, signal: AbortSignal): Promise<unknown> {
  const document = await outbound.getJson(uri, { signal });
  if (typeof document !== 'object' || document === null) {
    throw new Unavailable('discovery_document', `${uri} is no discovery document: a JSON object is expected.`);
  }
  const { issuer: named, jwks_uri: jwksUri } = document as Readonly<Record<string, unknown>>;
  // §4.3, and RFC 8414 §3.3: else whoever may write there could speak for another issuer.
  if (named !== issuer) {
    throw new Unavailable(
      'discovery_issuer',
      `${uri} does not have the issuer ${issuer}: write issuer as it stands there, byte for byte.`,
    );
  }
  if (!isCallable(jwksUri)) {
    throw new Unavailable(
      'discovery_jwks_uri',
      `${uri} has no jwks_uri with https (http only on loopback): name the keys with jwksUri or jwksFile.`,
    );
  }
  return outbound.getJson(jwksUri, { signal, foundIn: uri });
}

function isCallable(uri: unknown): uri is string {
  if (typeof uri !== 'string' || !URL.canParse(uri)) return false;
  const { protocol, hostname, username, password } = new URL(uri);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
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
