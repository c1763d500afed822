/** The public half of a key that somebody else keeps: whether it fits its algorithm, its JWK, and the check of signatures. */
import { type KeyObject, type SigningOptions, verify } from 'node:crypto';
import type { JWK } from 'jose';
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import type { SigningAlgorithm } from './signer.js';

export interface PublicKey {
  readonly algorithm: SigningAlgorithm;
  /** With `kid` (RFC 7638), `alg` and `use`. */
  readonly jwk: JWK & { readonly kid: string };
  /** @param signature as JOSE has it */
  verifies(input: Buffer, signature: Buffer): boolean;
}

interface Scheme {
  /** Null where the signature scheme fixes it. */
  readonly hash: string | null;
  readonly options: SigningOptions;
  readonly expected: string;
  readonly fits: (key: KeyObject) => boolean;
}

const schemes: Readonly<Record<SigningAlgorithm, Scheme>> = {
  ES256: {
    hash: 'sha256',
    options: { dsaEncoding: 'ieee-p1363' },
    expected: 'an EC key on P-256',
    fits: (key) => key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1',
  },
  RS256: {
    hash: 'sha256',
    options: {},
    expected: 'an RSA key of 2,048 to 4,096 bits',
    fits({ asymmetricKeyType, asymmetricKeyDetails: { modulusLength = 0 } = {} }) {
      return asymmetricKeyType === 'rsa' && modulusLength >= 2048 && modulusLength <= 4096;
    },
  },
  EdDSA: {
    hash: null,
    options: {},
    expected: 'an Ed25519 key',
    fits: (key) => key.asymmetricKeyType === 'ed25519',
  },
};

/** @throws Error that says which key the algorithm takes */
export async function publicKeyOf(algorithm: SigningAlgorithm, key: KeyObject): Promise<PublicKey> {
  const { hash, options, expected, fits } = schemes[algorithm];
  if (!fits(key)) throw new Error(`the key does not fit ${algorithm}, which takes ${expected}`);
  const members = key.export({ format: 'jwk' }) as JWK;
  const kid = await calculateJwkThumbprint(members);
  return Object.freeze<PublicKey>({
    algorithm,
    jwk: Object.freeze({ ...members, kid, alg: algorithm, use: 'sig' }),
    verifies: (input, signature) => verify(hash, input, { key, ...options }, signature),
  });
}
