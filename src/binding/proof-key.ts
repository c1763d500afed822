/** The key that a DPoP proof brings with it (RFC 9449 §4.2): what it may be is looked at before anything is computed with it. */
import { calculateJwkThumbprint } from 'jose';
import { type VerificationAlgorithm, verificationAlgorithms } from '../../attestors/attestor.js';
import { Rejected } from '../errors.js';
import { importPublicKey, isPrivate, type PublicKey } from '../jwt/key.js';
import { quoteClaim } from '../jwt/quote.js';

/** Values of `alg`, for the metadata too. RFC 9864 gives EdDSA with this curve a name of its own. */
export const proofAlgorithms = Object.freeze([...verificationAlgorithms, 'Ed25519'] as const);

/** Bits of an RSA key; below it `importPublicKey` takes none. */
const maxModulusLength = 4096;
/** Characters of base64url that so many bits have. */
const longestModulus = Math.ceil(maxModulusLength / 6);
/** 65537, as everybody has it: a long exponent costs time, and 1 makes every text its own signature. */
const exponent = 'AQAB';

export interface ProofKey extends PublicKey {
  /** RFC 7638, with SHA-256. */
  readonly thumbprint: string;
}

type Header = Readonly<Record<string, unknown>>;

/** @throws Rejected `dpop_algorithm`, `dpop_key` */
export async function readProofKey({ alg, jwk }: Header): Promise<ProofKey> {
  const algorithm = algorithmOf(alg);
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) throw keyFault('is no JSON object');
  const members = jwk as Header;
  if (isPrivate(members) || members.k !== undefined) throw keyFault('has private members: it is not secret any more');
  if (members.alg !== undefined && members.alg !== alg) throw keyFault(`is for ${quoteClaim(members.alg)}`);
  checkSize(members);
  const key = importPublicKey({ ...members, alg: algorithm });
  if (key === undefined) throw keyFault(`is no public key for ${algorithm} signatures`);
  const canonical = key.key.export({ format: 'jwk' });
  // Another spelling of the same key would have another thumbprint.
  const isCanonical = Object.entries(canonical).every(([name, value]) => members[name] === value);
  if (!isCanonical) throw keyFault('is not in its canonical form');
  return Object.freeze({ ...key, thumbprint: await calculateJwkThumbprint(canonical as object, 'sha256') });
}

/** RFC 9449 §4.3, number 5: asymmetric, and of those that we know. */
function algorithmOf(alg: unknown): VerificationAlgorithm {
  const known = proofAlgorithms.find((one) => one === alg);
  if (known === undefined) {
    const detail = `alg: expected one of ${proofAlgorithms.join(', ')}; found ${quoteClaim(alg)}.`;
    throw new Rejected('dpop_algorithm', detail);
  }
  return known === 'Ed25519' ? 'EdDSA' : known;
}

function checkSize({ kty, n, e }: Header): void {
  if (kty !== 'RSA') return;
  if (typeof n !== 'string' || n.length > longestModulus) throw keyFault(`has more than ${maxModulusLength} bits`);
  if (e !== exponent) throw keyFault('has another exponent than 65537');
}

const keyFault = (what: string) => new Rejected('dpop_key', `jwk: the key ${what}.`);
