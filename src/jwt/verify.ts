/** Verifies a JWT (RFC 7519 §7.2, RFC 8725): header, then key, then signature, then claims. The hot path. */
import {
  type JwtExpectations,
  type JwtKind,
  type UnverifiedJwt,
  type VerificationAlgorithm,
  type VerifiedJwt,
  verificationAlgorithms,
} from '../../attestors/attestor.js';
import { Rejected } from '../errors.js';
import { checkClaims } from './claims.js';
import type { HostKeySet } from './key-set.js';
import { quoteClaim } from './quote.js';
import { signatureHolds } from './signature.js';

/** Each would tell us where to find a key, or to read the signature in another way. Known to us or not: refused. */
const refusedParameters = ['crit', 'b64', 'jku', 'x5u', 'jwk', 'x5c'] as const;

/** What a token may say to be in its `typ`; no plug-in takes our own access tokens. */
export type TokenKind = JwtKind | 'access token' | 'token of ours';

/** Where `verifyJwt` finds the key of a `kid`, and of a client's assertion without one. */
export type KeyFinder = Pick<HostKeySet, 'name' | 'find'> & Partial<Pick<HostKeySet, 'only'>>;

/**
 * @param jwt made by `decodeJwt`
 * @param now seconds since the epoch
 * @throws Rejected `jwt_algorithm`, `jwt_header_parameter`, `jwt_type`, `jwt_key_id`, `jwt_unknown_key`, `jwt_signature`, or
 *   one of `checkClaims`
 * @throws Unavailable when the keys cannot be had
 */
export async function verifyJwt(
  jwt: UnverifiedJwt,
  keys: KeyFinder,
  expect: JwtExpectations,
  now: number,
  kind: TokenKind = expect.kind ?? (expect.trustDomain === undefined ? 'evidence' : 'SVID'),
): Promise<VerifiedJwt> {
  const { alg, kid } = checkHeader(jwt.header, kind, expect.algorithms);
  const found = findKey(keys, kind, alg, kid);
  // Awaited only when it has to be: a known key costs no turn.
  const key = found instanceof Promise ? await found : found;
  if (alg !== key.algorithm) {
    throw new Rejected(
      'jwt_algorithm',
      `alg: expected ${quoteClaim(key.algorithm)}, which is the key's; found ${quoteClaim(alg)}.`,
    );
  }
  if (!signatureHolds(key, jwt.signingInput, jwt.signature)) {
    throw new Rejected(
      'jwt_signature',
      `The signature does not hold with the key ${quoteClaim(key.kid)} of ${keys.name}.`,
    );
  }
  return checkClaims(jwt.claims, expect, now, jwt.audienceAlias);
}

/** What can be said without the key, so that a hostile header costs neither a look-up nor a request. */
function checkHeader(
  header: UnverifiedJwt['header'],
  kind: TokenKind,
  allowed: readonly VerificationAlgorithm[] = verificationAlgorithms,
): { readonly alg: VerificationAlgorithm; readonly kid: unknown } {
  const { alg, kid } = header;
  if (!isOneOf(allowed, alg)) {
    throw new Rejected('jwt_algorithm', `alg: expected one of ${allowed.join(', ')}; found ${quoteClaim(alg)}.`);
  }
  for (const parameter of refusedParameters) {
    if (header[parameter] !== undefined) {
      throw new Rejected('jwt_header_parameter', `The header has ${parameter}, which is never accepted.`);
    }
  }
  checkType(header.typ, kind);
  return { alg, kid };
}

const isOneOf = (allowed: readonly VerificationAlgorithm[], alg: unknown): alg is VerificationAlgorithm =>
  allowed.some((each) => each === alg);

function findKey(keys: KeyFinder, kind: TokenKind, alg: VerificationAlgorithm, kid: unknown) {
  if (kid === undefined && kind === 'client assertion' && keys.only !== undefined) return keys.only(alg);
  if (typeof kid !== 'string') throw new Rejected('jwt_key_id', `kid: expected a string; found ${quoteClaim(kid)}.`);
  return keys.find(kid);
}

/** By RFC 8725 §3.11 what says to be of another kind is not accepted, so our own access tokens (RFC 9068 §2.1) are no evidence; JWT-SVID §2.3; rfc7523bis. */
const types: Readonly<Record<TokenKind, { readonly expected: string; readonly holds: (typ: unknown) => boolean }>> = {
  evidence: { expected: '"JWT" or none', holds: (typ) => typ === undefined || isJwt(typ) },
  SVID: { expected: '"JWT", "JOSE" or none', holds: (typ) => typ === undefined || typ === 'JOSE' || isJwt(typ) },
  'client assertion': {
    expected: '"client-authentication+jwt", "JWT" or none',
    holds: (typ) => typ === undefined || typ === 'client-authentication+jwt' || isJwt(typ),
  },
  'ID-JAG': { expected: '"oauth-id-jag+jwt"', holds: (typ) => typ === 'oauth-id-jag+jwt' },
  'access token': { expected: '"at+jwt"', holds: (typ) => typ === 'at+jwt' },
  'token of ours': {
    expected: '"at+jwt", "JWT", "txntoken+jwt" or "oauth-id-jag+jwt"',
    holds: (typ) => ['at+jwt', 'JWT', 'txntoken+jwt', 'oauth-id-jag+jwt'].some((one) => one === typ),
  },
};

const isJwt = (typ: unknown) => typeof typ === 'string' && typ.toUpperCase() === 'JWT';

function checkType(typ: unknown, kind: TokenKind): void {
  const { expected, holds } = types[kind];
  if (!holds(typ)) throw new Rejected('jwt_type', `typ: expected ${expected}; found ${quoteClaim(typ)}.`);
}
