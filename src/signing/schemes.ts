/** How each algorithm signs, and which keys it takes. */
import type { KeyObject, SigningOptions } from 'node:crypto';
import type { SigningAlgorithm } from './signer.js';

interface Scheme {
  /** Null where the signature scheme fixes it. */
  readonly hash: string | null;
  readonly options: SigningOptions;
  /** By what OpenSSL read, not by what a JWK says about itself. */
  readonly fits: (key: KeyObject) => boolean;
}

export const schemes: Readonly<Record<SigningAlgorithm, Scheme>> = {
  ES256: {
    hash: 'sha256',
    options: { dsaEncoding: 'ieee-p1363' },
    fits: (key) => key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1',
  },
  RS256: {
    hash: 'sha256',
    options: {},
    fits: (key) => key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048,
  },
  EdDSA: { hash: null, options: {}, fits: (key) => key.asymmetricKeyType === 'ed25519' },
};
