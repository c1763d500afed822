/** The claims that every accepted JWT has (RFC 7519 §4.1), in the one form that is accepted. */
import type { JwtExpectations, UnverifiedJwt, VerifiedJwt } from '../../attestors/attestor.js';
import { Rejected } from '../errors.js';
import type { JsonObject } from './json.js';
import { quoteClaim } from './quote.js';
import { trustDomainOf } from './spiffe-id.js';

/** Seconds that an issuer's clock may be ahead of ours, for `nbf` and `iat`. None for `exp`. */
const skew = 60;

/** No platform's clock is past the year 36812; more is a mistake or milliseconds. */
const maxTime = 2 ** 40;

type TimeClaim = 'exp' | 'iat' | 'nbf';

/**
 * @param claims of a JWT whose signature holds
 * @param now seconds since the epoch
 * @param alias under which the audience may be named, too
 * @throws Rejected `jwt_issuer`, `jwt_spiffe_id`, `jwt_audience`, `jwt_exp_form`, `jwt_iat_form`, `jwt_nbf_form`, `jwt_expired`,
 *   `jwt_not_yet_valid`, `jwt_issued_in_future`, `jwt_exp_before_iat`, `jwt_lifetime`, `jwt_delegated`
 */
export function checkClaims(
  claims: JsonObject,
  expect: JwtExpectations,
  now: number,
  alias?: UnverifiedJwt['audienceAlias'],
): VerifiedJwt {
  checkIssuer(claims, expect);
  const audience = checkAudience(claims.aud, expect, alias);
  const { exp, iat } = checkTimes(claims, expect.maxLifetime, now);
  checkDelegation(claims, expect.delegation ?? 'refuse');
  return Object.freeze({ claims, exp, iat, audience });
}

/** RFC 8693 §4.1, §4.4: a chain of actors that we do not understand must not be dropped by issuing without it. */
function checkDelegation({ act, may_act }: JsonObject, accepted: NonNullable<JwtExpectations['delegation']>): void {
  if (accepted === 'act' || (act === undefined && (accepted === 'may_act' || may_act === undefined))) return;
  throw new Rejected('jwt_delegated', 'The token has act or may_act, and is not accepted with it here.');
}

/** RFC 7519 §4.1.1; of an SVID, the trust domain says whose it is (JWT-SVID §3.1). */
function checkIssuer({ iss, sub }: JsonObject, { issuer, trustDomain }: JwtExpectations): void {
  if (trustDomain !== undefined) {
    if (trustDomainOf(sub) !== trustDomain) {
      const expected = quoteClaim(`spiffe://${trustDomain}/…`);
      throw new Rejected('jwt_spiffe_id', `sub: expected a SPIFFE ID ${expected}; found ${quoteClaim(sub)}.`);
    }
    if (iss === undefined) return;
  }
  if (iss === undefined || iss !== issuer) {
    throw new Rejected('jwt_issuer', `iss: expected ${quoteClaim(issuer)}; found ${quoteClaim(iss)}.`);
  }
}

/** RFC 7519 §4.1.3, RFC 8725 §3.9. */
function checkAudience(
  aud: unknown,
  { audience, otherAudiences }: JwtExpectations,
  alias: UnverifiedJwt['audienceAlias'],
): string {
  if (aud === audience) return audience;
  const names = alias?.of === audience ? [audience, alias.alias] : [audience];
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const isWellFormed = list.every((value) => typeof value === 'string' && value !== '');
  const found = isWellFormed ? names.find((name) => list.includes(name)) : undefined;
  const isAlone = list.every((value) => names.includes(value as string));
  if (found !== undefined && (isAlone || otherAudiences === 'allow')) return found;
  const expected = otherAudiences === 'allow' ? 'among others' : 'and nothing else';
  throw new Rejected('jwt_audience', `aud: expected ${quoteClaim(audience)} ${expected}; found ${quoteClaim(aud)}.`);
}

/** RFC 7519 §4.1.4 to §4.1.6. */
function checkTimes(claims: JsonObject, maxLifetime: number, now: number): { exp: number; iat: number } {
  const exp = readTime(claims, 'exp');
  const iat = readTime(claims, 'iat');
  const nbf = claims.nbf === undefined ? 0 : readTime(claims, 'nbf');
  if (now >= exp) throw new Rejected('jwt_expired', `exp: the token expired at ${exp}; it is ${now}.`);
  if (nbf > now + skew) throw new Rejected('jwt_not_yet_valid', `nbf: the token is valid from ${nbf}; it is ${now}.`);
  if (iat > now + skew) throw new Rejected('jwt_issued_in_future', `iat: the token is of ${iat}; it is ${now}.`);
  if (exp <= iat) throw new Rejected('jwt_exp_before_iat', `exp is ${exp}, which is not after iat, ${iat}.`);
  if (exp - iat > maxLifetime) {
    throw new Rejected('jwt_lifetime', `exp - iat: expected at most ${maxLifetime} seconds; found ${exp - iat}.`);
  }
  return { exp, iat };
}

/** The value counts, not its spelling: `1e3` is 1000. */
function readTime(claims: JsonObject, name: TimeClaim): number {
  const value = claims[name];
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < maxTime) return value as number;
  throw new Rejected(
    `jwt_${name}_form`,
    `${name}: expected whole seconds since the epoch; found ${quoteClaim(value)}.`,
  );
}
