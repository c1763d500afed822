/** jose as the oracle of our verifier, and the list of reasons for which ours may refuse what jose accepts. */
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { audience, claims, encode, issuer, jwks, keys, now, signParts, signText, token } from '../support/tokens.js';

const keyOf = createLocalJWKSet(jwks as unknown as JSONWebKeySet);
const options = {
  issuer,
  audience,
  requiredClaims: ['exp', 'iat'],
  algorithms: ['RS256', 'ES256', 'ES384', 'EdDSA'],
  currentDate: new Date(now * 1000),
};

/** With our skew: 60 seconds for `nbf`, none for `exp`, for which jose has a single setting. */
export async function acceptedByJose(text: string): Promise<boolean> {
  return (await verifies(text, 0)) ?? ((await verifies(text, 60)) === true && hasTimeLeft(text));
}

/** @returns null when only `nbf` is in the way */
async function verifies(text: string, clockTolerance: number): Promise<boolean | null> {
  try {
    await jwtVerify(text, keyOf, { ...options, clockTolerance });
    return true;
  } catch (error) {
    if (!(error instanceof errors.JOSEError || error instanceof TypeError)) throw error;
    const isEarly = error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf' && clockTolerance === 0;
    return isEarly ? null : false;
  }
}

function hasTimeLeft(text: string): boolean {
  return Number(decodeJwt(text).exp) > now;
}

const header = JSON.stringify({ alg: 'ES256', kid: keys.ES256.kid });
const payload = JSON.stringify(claims);
const sign = (first: string | Buffer, second: string | Buffer) => signParts(keys.ES256, first, second);

/** The payload with further text before its end. */
const adding = (members: string) => `${payload.slice(0, -1)},${members}}`;

function padded(): string {
  const text = encode(`${payload}${' '.repeat(3 - (payload.length % 3) + 1)}`);
  const input = `${encode(header)}.${text}${'='.repeat((4 - (text.length % 4)) % 4)}`;
  return `${input}.${encode(signText(keys.ES256, input))}`;
}

interface Stricter {
  readonly why: string;
  /** A token that jose accepts, and we refuse with this reason. */
  readonly example: string;
}

/** The whole list: the differential test fails on a reason that is not here, and on one here that it never meets. */
export const stricterReasons: Readonly<Record<string, Stricter>> = {
  jwt_base64url: { why: 'padding and other spellings of the same bytes (RFC 7515 §2)', example: padded() },
  jwt_too_large: { why: 'over 16 KiB', example: token({ more: 'x'.repeat(16_384) }) },
  jwt_json: { why: 'a byte order mark (RFC 8259 §8.1)', example: sign(header, `\ufeff${payload}`) },
  jwt_duplicate_member: { why: 'two claims of one name (RFC 7519 §4)', example: sign(header, adding('"a":1,"a":1')) },
  jwt_forbidden_member: { why: 'a member named __proto__', example: sign(header, adding('"__proto__":{}')) },
  jwt_lone_surrogate: {
    why: 'half of a surrogate pair (RFC 7493 §2.1)',
    example: sign(header, adding('"a":"\\ud800"')),
  },
  jwt_too_deep: { why: 'over 16 levels', example: sign(header, adding(`"a":${'['.repeat(20)}${']'.repeat(20)}`)) },
  jwt_header_parameter: {
    why: 'parameters that name or bring a key',
    example: token({}, { jku: 'https://evil.example' }),
  },
  jwt_type: { why: 'a typ other than JWT (RFC 8725 §3.11)', example: token({}, { typ: 'at+jwt' }) },
  jwt_key_id: { why: 'no kid, where one key has the alg', example: token({}, { kid: undefined }) },
  jwt_audience: { why: 'further audiences beside ours', example: token({ aud: [audience, 'https://other'] }) },
  jwt_exp_form: { why: 'exp that is fractional or huge', example: token({ exp: now + 0.5 }) },
  jwt_iat_form: { why: 'iat that is fractional, negative or huge', example: token({ iat: now - 0.5 }) },
  jwt_nbf_form: { why: 'nbf that is fractional or negative', example: token({ nbf: -1 }) },
  jwt_issued_in_future: { why: 'iat more than 60 seconds ahead', example: token({ iat: now + 61 }) },
  jwt_exp_before_iat: { why: 'exp that is not after iat', example: token({ iat: now + 20, exp: now + 10 }) },
  jwt_lifetime: { why: 'exp − iat over maxLifetime', example: token({ exp: now + 10_000 }) },
  jwt_delegated: { why: 'act or may_act (RFC 8693)', example: token({ act: { sub: 'x' } }) },
};
