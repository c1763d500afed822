import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
  type SigningOptions,
  sign,
  verify,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { JWK } from 'jose';
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import type { NewKey } from './ring.js';
import { damaged, orUndefined } from './ring-text.js';
import { schemes } from './schemes.js';
import { type SigningAlgorithm, signingAlgorithms } from './signer.js';

export type PublicJwk = JWK & { readonly kid: string };

export interface LocalKey {
  readonly algorithm: SigningAlgorithm;
  /** Null where the signature scheme fixes it. */
  readonly hash: string | null;
  readonly input: { readonly key: KeyObject } & SigningOptions;
  readonly publicJwk: PublicJwk;
}

const generate = promisify(generateKeyPair);

const kinds = {
  ES256: {
    ...schemes.ES256,
    form: 'an EC key on P-256',
    generate: () => generate('ec', { namedCurve: 'P-256' }),
  },
  RS256: {
    ...schemes.RS256,
    form: 'an RSA key of at least 2048 bits',
    generate: () => generate('rsa', { modulusLength: 2048 }),
  },
  EdDSA: { ...schemes.EdDSA, form: 'an Ed25519 key', generate: () => generate('ed25519') },
} as const;

export async function makeKey(algorithm: SigningAlgorithm): Promise<NewKey> {
  const { privateKey } = await kinds[algorithm].generate();
  return newKeyOf(privateKey);
}

/** @throws Error that the stored key is damaged */
export async function takeKey(algorithm: SigningAlgorithm, jwk: JsonWebKey): Promise<NewKey> {
  return newKeyOf(readPrivateKey(algorithm, jwk));
}

async function newKeyOf(key: KeyObject): Promise<NewKey> {
  const kid = await calculateJwkThumbprint(createPublicKey(key).export({ format: 'jwk' }) as JWK);
  return Object.freeze({ kid, jwk: key.export({ format: 'jwk' }) });
}

export interface FirstKey {
  readonly algorithm: SigningAlgorithm;
  readonly key: NewKey;
}

/**
 * @param file PEM of a private key: PKCS #8, SEC 1 or PKCS #1
 * @throws Error that tells what a file has to hold, and nothing of what it holds; that of the file system as it comes
 */
export async function readFirstKey(file: string, algorithms: readonly SigningAlgorithm[]): Promise<FirstKey> {
  const text = await readFile(file, 'latin1');
  const key = orUndefined(() => createPrivateKey({ key: text, format: 'pem' }));
  if (key === undefined) throw new Error('a first key is a private key in PEM, without a passphrase');
  const algorithm = signingAlgorithms.find((each) => kinds[each].fits(key));
  if (algorithm === undefined || !algorithms.includes(algorithm)) {
    const forms = algorithms.map((each) => `${kinds[each].form} (${each})`).join(', ');
    throw new Error(`the key is for none of signing.algorithms, which take ${forms}`);
  }
  return Object.freeze({ algorithm, key: await newKeyOf(key) });
}

/** @throws Error that the stored key is damaged */
export async function importPrivate(algorithm: SigningAlgorithm, { kid, jwk }: NewKey): Promise<LocalKey> {
  const { hash, options } = kinds[algorithm];
  const key = readPrivateKey(algorithm, jwk);
  const publicJwk = await publicJwkOf(algorithm, createPublicKey(key));
  if (publicJwk.kid !== kid) throw damaged(algorithm);
  return Object.freeze({ algorithm, hash, input: Object.freeze({ key, ...options }), publicJwk });
}

/** @throws Error that the stored key is damaged */
export async function importPublic(algorithm: SigningAlgorithm, { kid, jwk }: NewKey): Promise<PublicJwk> {
  const key = orUndefined(() => createPublicKey({ key: jwk, format: 'jwk' }));
  if (key === undefined || !kinds[algorithm].fits(key)) throw damaged(algorithm);
  const publicJwk = await publicJwkOf(algorithm, key);
  if (publicJwk.kid !== kid) throw damaged(algorithm);
  return publicJwk;
}

async function publicJwkOf(algorithm: SigningAlgorithm, key: KeyObject): Promise<PublicJwk> {
  const members = key.export({ format: 'jwk' }) as JWK;
  return Object.freeze({ ...members, kid: await calculateJwkThumbprint(members), alg: algorithm, use: 'sig' });
}

function readPrivateKey(algorithm: SigningAlgorithm, jwk: JsonWebKey): KeyObject {
  const key = orUndefined(() => createPrivateKey({ key: jwk, format: 'jwk' }));
  if (key === undefined || !kinds[algorithm].fits(key)) throw damaged(algorithm);
  if (!orUndefined(() => signsWhatVerifies(algorithm, key))) throw damaged(algorithm);
  return key;
}

/** A JWK whose halves do not belong together is imported without complaint. */
function signsWhatVerifies(algorithm: SigningAlgorithm, key: KeyObject): boolean {
  const { hash } = kinds[algorithm];
  const probe = Buffer.from('counterseal');
  return verify(hash, probe, createPublicKey(key), sign(hash, probe, key));
}
