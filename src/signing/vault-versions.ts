/** The versions of a transit key, and which of them signs. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { JsonObject } from '../jwt/json.js';
import { type PublicKey, publicKeyOf } from './public-key.js';
import type { SigningAlgorithm } from './signer.js';

/** Milliseconds between two looks for new versions. */
export const lookEvery = 60_000;

/**
 * Milliseconds since a version was made, after which it signs: `/jwks` may be cached for 300 s, every replica looks once in 60 s, and
 * clocks may differ by 60 s.
 */
export const publishedFor = 420_000;

export interface Version {
  readonly number: number;
  /** Milliseconds since the epoch, by Vault's clock. */
  readonly madeAt: number;
  /** Whether Vault signs with it: not with those before `min_encryption_version`. */
  readonly signs: boolean;
  readonly publicKey: PublicKey;
}

/**
 * All from `min_decryption_version` on.
 * @param data of `GET MOUNT/keys/NAME`
 * @throws Error that says what was expected, and quotes nothing of the answer
 */
export async function versionsOf(data: JsonObject, algorithm: SigningAlgorithm): Promise<readonly Version[]> {
  const { keys, supports_signing: supportsSigning, derived } = data;
  const [oldest, oldestThatSigns] = [data.min_decryption_version, data.min_encryption_version];
  if (supportsSigning !== true || derived === true)
    throw new Error(`the key does not sign as ${algorithm}: it is of another type, or derived`);
  if (typeof keys !== 'object' || keys === null || typeof oldest !== 'number' || typeof oldestThatSigns !== 'number') {
    throw new Error('expected keys, min_decryption_version and min_encryption_version of a transit key');
  }
  const versions = Object.entries(keys).flatMap(([version, value]) => {
    const number = /^[1-9][0-9]{0,8}$/.test(version) ? Number(version) : 0;
    return number === 0 || number < oldest
      ? []
      : [readVersion(number, value, { algorithm, signs: number >= oldestThatSigns })];
  });
  return Object.freeze((await Promise.all(versions)).sort((one, other) => one.number - other.number));
}

/**
 * The newest one that has been published for long enough; where none has, the oldest that Vault signs with, which is the one that may be
 * known already.
 * @param now milliseconds since the epoch
 */
export function activeOf(versions: readonly Version[], now: number): Version | undefined {
  const signing = versions.filter(({ signs }) => signs);
  return signing.findLast(({ madeAt }) => now - madeAt >= publishedFor) ?? signing[0];
}

async function readVersion(
  number: number,
  value: unknown,
  { algorithm, signs }: { readonly algorithm: SigningAlgorithm; readonly signs: boolean },
): Promise<Version> {
  const { creation_time: creation, public_key: key } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as JsonObject;
  const madeAt = typeof creation === 'string' ? Date.parse(creation) : Number.NaN;
  if (Number.isNaN(madeAt) || typeof key !== 'string') {
    throw new Error(`expected creation_time and public_key of version ${number} of an asymmetric key`);
  }
  return Object.freeze({ number, madeAt, signs, publicKey: await publicKeyOf(algorithm, readKey(key)) });
}

/** PEM; of Ed25519 its 32 bytes in base64. */
function readKey(text: string): KeyObject {
  try {
    if (text.startsWith('-----BEGIN PUBLIC KEY-----')) return createPublicKey(text);
    const x = Buffer.from(text, 'base64').toString('base64url');
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    // A parser quotes what it could not read.
    throw new Error('expected a public key as PEM, or the 32 bytes of an Ed25519 one in base64');
  }
}
