/** The public half of a key that somebody else keeps: whether it fits its algorithm, its JWK, and the check of signatures. */
import { type KeyObject, verify } from 'node:crypto';
import type { JWK } from 'jose';
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import { schemes } from './schemes.js';
import type { SigningAlgorithm } from './signer.js';

export interface PublicKey {
  readonly algorithm: SigningAlgorithm;
  /** With `kid` (RFC 7638), `alg` and `use`. */
  readonly jwk: JWK & { readonly kid: string };
  /** @param signature as JOSE has it */
  verifies(input: Buffer, signature: Buffer): boolean;
}

/** What the keys of others are, which nobody here has made: the longest RSA keys cost too much to verify. */
const kinds: Readonly<Record<SigningAlgorithm, string>> = {
  ES256: 'an EC key on P-256',
  RS256: 'an RSA key of 2,048 to 4,096 bits',
  EdDSA: 'an Ed25519 key',
};
const longestModulus = 4096;

/** @throws Error that says which key the algorithm takes */
export async function publicKeyOf(algorithm: SigningAlgorithm, key: KeyObject): Promise<PublicKey> {
  const { hash, options, fits } = schemes[algorithm];
  if (!fits(key) || (key.asymmetricKeyDetails?.modulusLength ?? 0) > longestModulus) {
    throw new Error(`the key does not fit ${algorithm}, which takes ${kinds[algorithm]}`);
  }
  const members = key.export({ format: 'jwk' }) as JWK;
  const kid = await calculateJwkThumbprint(members);
  return Object.freeze<PublicKey>({
    algorithm,
    jwk: Object.freeze({ ...members, kid, alg: algorithm, use: 'sig' }),
    verifies: (input, signature) => verify(hash, input, { key, ...options }, signature),
  });
}
