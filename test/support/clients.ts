/** Registered clients: their keys and secrets, as files of a service, and what they show. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { issuer } from './service.js';
import { keys, signParts, type TestKey } from './tokens.js';

/** With the characters that make a difference where Basic is decoded. */
export const secret = 'a%2Bb+c:d%zz/0123456789abcdefghijkl=';

/** `batch` has a key for each of two algorithms, `legacy` a secret, and `narrow` a key that may be used with ES384 only. */
export const clientsBlock = `
  partners:
    type: client
    clients:
      batch:
        keys: { jwksFile: batch.json }
        grantTypes: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange"]
      narrow: { keys: { jwksFile: batch.json }, algorithms: [ES384] }
      legacy: { secret: { file: legacy.secret } }`;

export async function writeClientFiles(folder: string): Promise<void> {
  await writeFile(join(folder, 'batch.json'), JSON.stringify({ keys: [keys.ES256.jwk, keys.ES384.jwk] }));
  await writeFile(join(folder, 'legacy.secret'), `${secret}\n`);
}

type Members = Readonly<Record<string, unknown>>;

/** Of `batch`, unless changed; what is undefined is left out. */
export function assertion(changes: Members = {}, header: Members = {}, key: TestKey = keys.ES256): string {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: 'batch', sub: 'batch', aud: issuer, iat, exp: iat + 60, jti: randomUUID(), ...changes };
  return signParts(key, JSON.stringify({ alg: key.algorithm, kid: key.kid, ...header }), JSON.stringify(claims));
}

export const basic = (id: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`,
});
