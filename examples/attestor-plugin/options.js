/** The block of the configuration: which machines there are, and their public keys. */
import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { issuer as noIssuer, tokenType } from './evidence.js';

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name: letters, digits, ".", "_" and "-"');
const text = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,253}$/u, 'a text of 1 to 253 visible characters');

const jwk = z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string().length(43) });

const machine = z.strictObject({
  publicKey: z.union([text, jwk], 'the path of a PEM file, or a JWK { kty: OKP, crv: Ed25519, x }'),
  environment: name.optional(),
  labels: z.record(name, text).default({}),
});

/** Strict: a key that is misspelt is refused when the configuration is loaded. */
export const options = z.strictObject({ machines: z.record(name, machine) });

/** @type {import('counterseal/attestor').AttestorType<z.output<typeof options>>['plan']} */
export function plan({ machines }, issuer) {
  const keys = Object.entries(machines).map(([machineName, { publicKey }]) => ({
    path: ['machines', machineName, 'publicKey'],
    publicKey,
  }));
  return {
    accepts: Object.freeze([Object.freeze({ tokenType, issuer: noIssuer, audience: issuer })]),
    faults: keys.flatMap(({ path, publicKey }) =>
      typeof publicKey === 'string' || isKey(publicKey) ? [] : [{ path, message: 'x is no Ed25519 public key' }],
    ),
    files: keys.flatMap(({ path, publicKey: file }) => (typeof file === 'string' ? [{ path, file }] : [])),
  };
}

/** @param {z.output<typeof jwk>} key */
function isKey(key) {
  try {
    createPublicKey({ key, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string | z.output<typeof jwk>} publicKey
 * @param {(relative: string) => string} path of the host
 */
export async function loadKey(publicKey, path) {
  if (typeof publicKey !== 'string') return createPublicKey({ key: publicKey, format: 'jwk' });
  const pem = await readFile(path(publicKey), 'utf8');
  if (!pem.startsWith('-----BEGIN PUBLIC KEY-----')) {
    throw new Error(
      `${publicKey} is no public key in PEM: name the .pub.pem file, and leave the private key on the machine`,
    );
  }
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`${publicKey} is no Ed25519 key: make one with enrol`);
  return key;
}
