/** Servers for the black-box suite, on ports of their own, with their profiles. */
import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { loadProfile, type Profile } from '../../conformance/profile.js';
import { loadConfiguration } from '../../src/config/load.js';
import { serve } from '../../src/server.js';
import { openEmbeddedStore } from '../../src/store/embedded.js';
import { root } from '../support/command-line.js';
import { createFolder } from '../support/folder.js';
import { freePort } from '../support/upstream.js';

export interface Tested {
  readonly profile: Profile;
  /** Of the profile's file. */
  readonly file: string;
  close(): Promise<void>;
}

export interface IssuerKey {
  readonly jwk: JsonWebKey;
  readonly jwks: { readonly keys: readonly JsonWebKey[] };
}

/** Of the issuer that the suite plays. */
export function makeIssuerKey(): IssuerKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const named = { kid: 'conformance', alg: 'ES256', use: 'sig' };
  return {
    jwk: { ...privateKey.export({ format: 'jwk' }), ...named },
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), ...named }] },
  };
}

const example = (name: string) => readFile(join(root, 'conformance/examples', name), 'utf8');

export interface Ours extends Tested {
  /** Of a client with a key of its own, on the same server. */
  readonly client: Profile;
}

/** The example's configuration and profiles, as they are but for the port. @param path of the issuer */
export async function startOurs(path = ''): Promise<Ours> {
  const folder = await createFolder();
  const port = await freePort();
  const onPort = (text: string) =>
    text
      .replaceAll('http://127.0.0.1:18081', `http://127.0.0.1:${port}${path}`)
      .replace('port: 18081', `port: ${port}`);
  const { jwk, jwks } = makeIssuerKey();
  await folder.write({
    'counterseal.yaml': onPort(await example('counterseal.yaml')),
    'profile.yaml': onPort(await example('profile.yaml')),
    'client.yaml': onPort(await example('client.yaml')),
    'key.jwk': JSON.stringify(jwk),
    'jwks.json': JSON.stringify(jwks),
  });
  // One that was there before: a new one refuses for a minute what is good once, since it may have been used already.
  await (await openEmbeddedStore({ path: join(folder.path, 'store'), now: () => 0 })).close();
  const configuration = await loadConfiguration(join(folder.path, 'counterseal.yaml'));
  const service = await serve(configuration, { now: Date.now, stdout: new PassThrough(), warn: () => {} });
  const file = join(folder.path, 'profile.yaml');
  return {
    profile: await loadProfile(file),
    client: await loadProfile(join(folder.path, 'client.yaml')),
    file,
    async close() {
      await service.close();
      await folder.remove();
    },
  };
}
