/** Verification keys from a JWK Set (RFC 7517). What a key may verify is fixed here, by the key, before any token is seen. */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { KeyUse, VerificationAlgorithm } from '../../attestors/attestor.js';
import { Unavailable } from '../errors.js';
import { quoteClaim } from './quote.js';

export interface VerificationKey {
  readonly kid: string;
  /** The only algorithm that the key is used with (RFC 8725 §3.1). */
  readonly algorithm: VerificationAlgorithm;
  readonly key: KeyObject;
}

/** One without a name, such as that in a header. */
export type PublicKey = Pick<VerificationKey, 'algorithm' | 'key'>;

/** Bits; RFC 7518 §3.3. */
const minModulusLength = 2048;
const kidForm = /^[A-Za-z0-9._~+=-]{1,128}$/;
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

type Member = Readonly<Record<string, unknown>>;

interface KeyType {
  readonly algorithm: VerificationAlgorithm;
  /** Members that make the public key. */
  readonly members: readonly string[];
}

/** By `kty`, and `crv` where the type has curves. */
const keyTypes: ReadonlyMap<string, KeyType> = new Map<string, KeyType>([
  ['RSA', { algorithm: 'RS256', members: ['n', 'e'] }],
  ['EC P-256', { algorithm: 'ES256', members: ['crv', 'x', 'y'] }],
  ['EC P-384', { algorithm: 'ES384', members: ['crv', 'x', 'y'] }],
  ['OKP Ed25519', { algorithm: 'EdDSA', members: ['crv', 'x'] }],
]);

/** Whether a `kid` has a form that a key of ours can have. Paths, URLs and control characters have not. */
export function isKid(kid: string): boolean {
  return kidForm.test(kid);
}

/**
 * The keys that verify signatures, by `kid`. Skipped, as RFC 7517 §5 advises: keys for encryption, symmetric keys, keys
 * of another type, curve or algorithm, RSA keys under 2048 bits, keys without a usable `kid`, malformed keys.
 * @param jwks a parsed JWK Set
 * @param use keys of another one are skipped as well
 * @throws Unavailable `keys_unusable` when it is no JWK Set, has a private key, has two signature keys with one `kid`, or
 *   has no key that is left
 */
export function importKeys(jwks: unknown, use: KeyUse = 'sig'): ReadonlyMap<string, VerificationKey> {
  const entries = isObject(jwks) ? jwks.keys : undefined;
  if (!Array.isArray(entries)) throw unusable('it is not a JWK Set: it has no array named keys');
  const keys = new Map<string, VerificationKey>();
  for (const entry of entries) {
    if (!isObject(entry)) continue;
    if (isPrivate(entry)) {
      throw unusable(
        `the key with kid ${quoteClaim(entry.kid)} is private; publish its public members only, and replace it`,
      );
    }
    const key = importKey(entry, use);
    if (key === undefined) continue;
    if (keys.has(key.kid)) throw unusable(`two keys have the kid ${quoteClaim(key.kid)}`);
    keys.set(key.kid, key);
  }
  if (keys.size === 0) {
    const ofUse = use === 'sig' ? '' : ` of use ${use}`;
    throw unusable(
      `it has no key${ofUse} for RS256, ES256, ES384 or EdDSA signatures with a kid of 1 to 128 URL-safe characters`,
    );
  }
  return keys;
}

function importKey(jwk: Member, wanted: KeyUse): VerificationKey | undefined {
  const { kid } = jwk;
  if (typeof kid !== 'string' || !isKid(kid)) return undefined;
  const key = importPublicKey(jwk, wanted);
  return key && Object.freeze({ kid, ...key });
}

export const isPrivate = (jwk: Member): boolean => privateMembers.some((member) => jwk[member] !== undefined);

/** @returns undefined for what `importKeys` skips */
export function importPublicKey(jwk: Member, wanted: KeyUse = 'sig'): PublicKey | undefined {
  const { kty, crv, alg, use, key_ops: operations } = jwk;
  // RFC 7517 §4.2: optional; SPIFFE Trust Domain and Bundle §4.2.2: every key has to say it.
  if (use !== wanted && !(use === undefined && wanted === 'sig')) return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined;
  const type = keyTypes.get(kty === 'RSA' ? 'RSA' : `${kty} ${crv}`);
  if (type === undefined || (alg !== undefined && alg !== type.algorithm)) return undefined;
  const key = importPublic(jwk, type);
  if (key === undefined || (kty === 'RSA' && modulusLength(key) < minModulusLength)) return undefined;
  return Object.freeze({ algorithm: type.algorithm, key });
}

function importPublic(jwk: Member, type: KeyType): KeyObject | undefined {
  const members = type.members.map((member) => [member, jwk[member]]);
  try {
    return createPublicKey({ key: { kty: jwk.kty, ...Object.fromEntries(members) } as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}

const modulusLength = (key: KeyObject) => key.asymmetricKeyDetails?.modulusLength ?? 0;

const isObject = (value: unknown): value is Member => typeof value === 'object' && value !== null;

const unusable = (why: string) => new Unavailable('keys_unusable', `The JWK Set cannot be used: ${why}.`);
