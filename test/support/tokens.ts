/** Keys and tokens of a stand-in issuer, made by hand so that they can be wrong in every way. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { JwtExpectations, VerificationAlgorithm } from '../../attestors/attestor.js';
import { Refusal } from '../../src/errors.js';
import { decodeJwt } from '../../src/jwt/decode.js';
import { createKeySet, type HostKeySet } from '../../src/jwt/key-set.js';
import { verifyJwt } from '../../src/jwt/verify.js';

/** Seconds since the epoch. */
export const now = 1_790_000_000;
export const issuer = 'https://kubernetes.default.svc';
export const audience = 'https://sts.example.com';
export const expectations: JwtExpectations = { issuer, audience, otherAudiences: 'refuse', maxLifetime: 7200 };

export interface TestKey {
  readonly kid: string;
  readonly algorithm: VerificationAlgorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Public. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

type Members = Readonly<Record<string, unknown>>;

export function makeKey(algorithm: VerificationAlgorithm, kid: string = `key-${algorithm}`): TestKey {
  const { privateKey, publicKey } = generate(algorithm);
  return { kid, algorithm, privateKey, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' } };
}

function generate(algorithm: VerificationAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384' });
}

/** One of each algorithm, the same in the whole test run: an RSA key takes a while. */
export const keys: Readonly<Record<VerificationAlgorithm, TestKey>> = {
  RS256: makeKey('RS256'),
  ES256: makeKey('ES256'),
  ES384: makeKey('ES384'),
  EdDSA: makeKey('EdDSA'),
};

export const jwks = { keys: Object.values(keys).map(({ jwk }) => jwk) };

/** Claims as the kubelet's projected tokens have them. */
export const claims: Members = {
  iss: issuer,
  aud: [audience],
  sub: 'system:serviceaccount:agents:calendar-agent',
  iat: now - 10,
  nbf: now - 10,
  exp: now + 3590,
  jti: '0f0e5f3c-8a4c-4f0e-9c9d-8a2f7a5f3c11',
  'kubernetes.io': { namespace: 'agents', pod: { name: 'calendar-0', uid: 'b7d2' } },
};

export const encode = (text: string | Buffer): string => Buffer.from(text).toString('base64url');

const digests = { RS256: 'sha256', ES256: 'sha256', ES384: 'sha384', EdDSA: null } as const;

/** A signature over any text, whether or not it is the start of a JWS. */
export function signText(key: TestKey, text: string): Buffer {
  return sign(digests[key.algorithm], Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
}

/** A token over header and payload exactly as they are given. */
export function signParts(key: TestKey, header: string | Buffer, payload: string | Buffer): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${encode(signText(key, input))}`;
}

/** A good token, with members of header and payload changed, or left out when undefined. */
export function token(change: Members = {}, header: Members = {}, key: TestKey = keys.ES256): string {
  const fullHeader = { alg: key.algorithm, kid: key.kid, ...header };
  return signParts(key, JSON.stringify(fullHeader), JSON.stringify({ ...claims, ...change }));
}

/** A loaded key set over the stand-in issuer's keys. */
async function loadKeys(): Promise<HostKeySet> {
  const load = async () => jwks;
  const made = createKeySet({ name: 'test keys', load, now: () => now, maxStale: 3600, warn: () => {} });
  await made.ready();
  return made;
}

const ready = loadKeys();

/** Both steps, as the service takes them. */
export async function accept(text: string, changes: Partial<JwtExpectations> = {}, at: number = now) {
  return verifyJwt(decodeJwt(text), await ready, { ...expectations, ...changes }, at);
}

/** The reason code with which the token is refused; null when it is accepted. */
export async function refusal(text: string, changes: Partial<JwtExpectations> = {}, at: number = now) {
  try {
    await accept(text, changes, at);
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.reason;
    throw error;
  }
}

/** Its signature is one of the same key, over something else. */
export function withSignatureOf(other: string, token: string): string {
  return token.slice(0, token.lastIndexOf('.')) + other.slice(other.lastIndexOf('.'));
}
