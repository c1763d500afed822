/** JWTs signed by hand, so that they can be wrong in every way that a library would refuse to make. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto';

export const algorithms = ['ES256', 'ES384', 'RS256', 'EdDSA'] as const;
export type Algorithm = (typeof algorithms)[number];

export type Members = Readonly<Record<string, unknown>>;

export interface SigningKey {
  readonly alg: Algorithm;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const digests: Readonly<Record<Algorithm, string | null>> = {
  ES256: 'sha256',
  ES384: 'sha384',
  RS256: 'sha256',
  EdDSA: null,
};

const makers: Readonly<Record<Algorithm, () => KeyObject>> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  EdDSA: () => generateKeyPairSync('ed25519').privateKey,
};

export function generateKey(alg: Algorithm, kid: string = randomUUID()): SigningKey {
  const privateKey = makers[alg]();
  return Object.freeze({ alg, kid, privateKey, publicKey: createPublicKey(privateKey) });
}

/** @throws Error that says what is wrong, and quotes nothing of the key */
export function importKey(jwk: Members): SigningKey {
  const { alg, kid } = jwk;
  const known = algorithms.find((one) => one === alg);
  if (known === undefined) throw new Error(`alg: one of ${algorithms.join(', ')} is expected`);
  if (typeof kid !== 'string' || kid === '') throw new Error('kid: the name under which the server knows the key');
  const privateKey = readPrivateKey(jwk);
  const { asymmetricKeyType: kind, asymmetricKeyDetails: { namedCurve } = {} } = privateKey ?? {};
  if (privateKey === undefined || (namedCurve ?? kind) !== kinds[known]) {
    throw new Error(`the members of a private key for ${known} (RFC 7518 §6) are expected`);
  }
  return Object.freeze({ alg: known, kid, privateKey, publicKey: createPublicKey(privateKey) });
}

/** The curve, or else the kind, of a key as node:crypto calls it. */
const kinds: Readonly<Record<Algorithm, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  RS256: 'rsa',
  EdDSA: 'ed25519',
};

function readPrivateKey(jwk: Members): KeyObject | undefined {
  try {
    return createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}

export const encode = (text: string): string => Buffer.from(text).toString('base64url');

/** @param digest of a hash, instead of the one of the key's own algorithm */
export function signBytes({ alg, privateKey }: SigningKey, input: string, digest = digests[alg]): string {
  return sign(digest, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

/** Over header and payload exactly as they are given. */
export function signParts(key: SigningKey, header: string, payload: string): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signBytes(key, input)}`;
}

/** @param header members beside, or instead of, `alg` and `kid`; undefined leaves one out */
export function signJwt(key: SigningKey, claims: Members, header: Members = {}): string {
  return signParts(key, JSON.stringify({ alg: key.alg, kid: key.kid, ...header }), JSON.stringify(claims));
}

/** Public members only. */
export const publicJwk = ({ publicKey }: SigningKey): JsonWebKey => publicKey.export({ format: 'jwk' });

/** The claims of a JWT, unverified; undefined: it is none. */
export function claimsOf(jwt: string): Members | undefined {
  try {
    return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8')) as Members;
  } catch {
    return undefined;
  }
}
