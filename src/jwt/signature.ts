/** JWS signatures (RFC 7518 §3, RFC 8037 §3.1), synchronously: off the thread, a hop would cost more than it frees. */
import { verify } from 'node:crypto';
import type { VerificationAlgorithm } from '../../attestors/attestor.js';
import type { PublicKey } from './key.js';

const digests: Readonly<Record<VerificationAlgorithm, 'sha256' | 'sha384' | null>> = {
  RS256: 'sha256',
  ES256: 'sha256',
  ES384: 'sha384',
  EdDSA: null,
};

/** False, and no error, for bytes of any kind and length that are not the signature. */
export function signatureHolds(key: PublicKey, signingInput: string, signature: Buffer): boolean {
  const options = { key: key.key, dsaEncoding: 'ieee-p1363' } as const;
  return verify(digests[key.algorithm], Buffer.from(signingInput, 'latin1'), options, signature);
}
