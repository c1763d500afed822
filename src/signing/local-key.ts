import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  type SigningOptions,
  sign,
  verify,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { JWK } from 'jose';
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import type { Store } from '../store/store.js';
import type { SigningAlgorithm } from './signer.js';

export interface LocalKey {
  readonly algorithm: SigningAlgorithm;
  /** Null where the signature scheme fixes it. */
  readonly hash: string | null;
  readonly input: { readonly key: KeyObject } & SigningOptions;
  readonly publicJwk: JWK & { readonly kid: string };
}

const generate = promisify(generateKeyPair);

/** `fits` compares what OpenSSL read from the stored key, not what the JWK says about itself. */
const kinds = {
  ES256: {
    hash: 'sha256',
    options: { dsaEncoding: 'ieee-p1363' },
    generate: () => generate('ec', { namedCurve: 'P-256' }),
    fits: (key: KeyObject) => key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1',
  },
  RS256: {
    hash: 'sha256',
    options: {},
    generate: () => generate('rsa', { modulusLength: 2048 }),
    fits: (key: KeyObject) => key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048,
  },
  EdDSA: {
    hash: null,
    options: {},
    generate: () => generate('ed25519'),
    fits: (key: KeyObject) => key.asymmetricKeyType === 'ed25519',
  },
} as const;

/** The key that the store has for the algorithm; made if there is none. Processes that start at once agree on one. */
export async function loadOrMakeKey(algorithm: SigningAlgorithm, store: Store): Promise<LocalKey> {
  const place = ['signing-key', algorithm] as const;
  const stored = (await store.get(place))?.value ?? (await store.claim(place, await makePrivateJwk(algorithm)));
  return importKey(algorithm, stored);
}

async function makePrivateJwk(algorithm: SigningAlgorithm): Promise<string> {
  const { privateKey } = await kinds[algorithm].generate();
  return JSON.stringify(privateKey.export({ format: 'jwk' }));
}

async function importKey(algorithm: SigningAlgorithm, stored: string): Promise<LocalKey> {
  const { hash, options } = kinds[algorithm];
  const key = readPrivateKey(algorithm, stored);
  const members = createPublicKey(key).export({ format: 'jwk' }) as JWK;
  const kid = await calculateJwkThumbprint(members);
  return Object.freeze({
    algorithm,
    hash,
    input: Object.freeze({ key, ...options }),
    publicJwk: Object.freeze({ ...members, kid, alg: algorithm, use: 'sig' }),
  });
}

function readPrivateKey(algorithm: SigningAlgorithm, stored: string): KeyObject {
  try {
    const key = createPrivateKey({ key: JSON.parse(stored), format: 'jwk' });
    if (kinds[algorithm].fits(key) && signsWhatVerifies(algorithm, key)) return key;
  } catch {
    // Without its cause: a parser quotes what it could not read, and that is a private key.
  }
  throw unusable(algorithm);
}

/** A JWK whose halves do not belong together is imported without complaint. */
function signsWhatVerifies(algorithm: SigningAlgorithm, key: KeyObject): boolean {
  const { hash } = kinds[algorithm];
  const probe = Buffer.from('counterseal');
  return verify(hash, probe, createPublicKey(key), sign(hash, probe, key));
}

const unusable = (algorithm: SigningAlgorithm): Error =>
  new Error(
    `The signing key for ${algorithm} in the store is damaged. Restore the store from a backup; or start with an empty ` +
      'store, which makes a new key: tokens signed with the old one then no longer verify.',
  );
