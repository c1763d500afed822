/** DPoP proofs as clients make them, and as none should. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject, randomUUID, sign } from 'node:crypto';

/** Of the endpoints that authenticate clients, where a test shows no proof. */
export const noProofs = {
  dpop: { verify: () => assert.fail(), claim: () => assert.fail(), nonce: () => assert.fail() },
  needsNonce: () => false,
  alarm: () => assert.fail(),
} as const;

type Members = Readonly<Record<string, unknown>>;

export interface ClientKey {
  readonly alg: string;
  /** Public members only. */
  readonly jwk: JsonWebKey;
  readonly privateKey: KeyObject;
}

const makers = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  Ed25519: () => generateKeyPairSync('ed25519'),
  RS256: (modulusLength = 2048, publicExponent = 65_537) =>
    generateKeyPairSync('rsa', { modulusLength, publicExponent }),
};

export function clientKey(alg: keyof typeof makers = 'ES256', ...size: number[]): ClientKey {
  const { publicKey, privateKey } = makers[alg](...size);
  return { alg, jwk: publicKey.export({ format: 'jwk' }), privateKey };
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

const digests: Readonly<Record<string, string | null>> = { ES256: 'sha256', ES384: 'sha384', RS256: 'sha256' };

/** Made anew, with members changed; undefined leaves one out. */
export interface ProofChanges {
  readonly header?: Members;
  readonly claims?: Members;
  /** Signs with HMAC and this secret instead. */
  readonly secret?: string | Buffer;
}

/** @param url for which it is, with POST, now */
export function makeProof(key: ClientKey, url: string, { header, claims, secret }: ProofChanges = {}): string {
  const { alg, jwk, privateKey } = key;
  const head = { typ: 'dpop+jwt', alg, jwk, ...header };
  const body = { jti: randomUUID(), htm: 'POST', htu: url, iat: Math.floor(Date.now() / 1000), ...claims };
  const input = `${base64url(head)}.${base64url(body)}`;
  const signature =
    secret === undefined
      ? sign(digests[alg] ?? null, Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      : createHmac('sha256', secret).update(input).digest();
  return `${input}.${signature.toString('base64url')}`;
}
