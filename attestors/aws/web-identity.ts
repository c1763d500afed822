/** From a token of sts:GetWebIdentityToken to an attestation. No request is made once the keys of the issuer are known. */
import { Rejected } from '../../src/errors.js';
import {
  type Attestation,
  type AttestorHost,
  type JwtExpectations,
  type KeySet,
  selector,
  type UnverifiedJwt,
} from '../attestor.js';
import { evidenceIdOf, readJti } from '../evidence-id.js';
import { inOrder, untold } from '../selectors.js';
import { quote, readRole } from './arn.js';
import { checkAccount, instanceKinds, pathOf, roleSelectors, subjectOf } from './identity.js';

/** The member of the token that holds what STS says beside the registered claims. */
const namespace = 'https://sts.amazonaws.com/';
/** Seconds: the longest that GetWebIdentityToken gives. */
export const maxLifetime = 3600;
/** Of one principal: AWS allows 50 tags. */
const mostTags = 50;
/** Bytes of UTF-8 of one value. */
const longest = 1024;
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const nothing = Object.freeze({});
const unknownSelectors = untold('aws:role-id', ...instanceKinds);

export interface WebIdentityAccount {
  readonly account: string;
  readonly environment: string;
  readonly keys: KeySet;
  readonly expect: JwtExpectations;
}

type Claims = Readonly<Record<string, unknown>>;

/** @throws Rejected, Unavailable */
export async function attestWebIdentity(
  attestor: string,
  from: WebIdentityAccount,
  jwt: UnverifiedJwt,
  host: AttestorHost,
): Promise<Attestation> {
  const { claims, exp } = await host.verifyJwt(jwt, from.keys, from.expect);
  const role = readRole(claims.sub);
  const session = claims[namespace];
  if (!isObject(session)) {
    throw new Rejected('claim_malformed', `${namespace}: expected an object; found ${quote(session)}.`);
  }
  checkAccount('aws_account, against the account that has this issuer', session.aws_account, from.account);
  checkAccount('The account in sub, against the account that has this issuer', role.account, from.account);
  const attestedAt = host.now();
  if (attestedAt >= exp) throw new Rejected('jwt_expired', 'The token expired while the keys were loaded.');
  return Object.freeze<Attestation>({
    attestor,
    subject: subjectOf(host, attestor, role),
    instance: `role:${pathOf(role)}`,
    environment: from.environment,
    selectors: inOrder([
      ...roleSelectors(role),
      selector('aws', 'arn', String(claims.sub)),
      ...textSelector('org', session, 'org_id'),
      ...textSelector('ou', session, 'ou_path'),
      ...tagSelectors(session.principal_tags),
    ]),
    unknownSelectors,
    claims: withoutRequestTags(claims, session),
    facts: nothing,
    evidenceId: evidenceIdOf(readJti(claims.jti), jwt),
    singleUse: false,
    assurance: 'low',
    attestedAt,
    expiresAt: exp,
    vouchesUntil: exp,
  });
}

/** STS leaves out what does not apply, such as the organization of an account that is in none: that is known. */
function textSelector(kind: string, session: Claims, claim: string): readonly string[] {
  const value = session[claim];
  if (value === undefined) return [];
  if (!isPlain(value) || value === '') throw malformed(claim, value);
  return [selector('aws', kind, value)];
}

/** The caller writes them: they are neither selectors nor claims that a condition could read. */
function withoutRequestTags(claims: Claims, { request_tags: _, ...session }: Claims): Claims {
  return Object.freeze({ ...claims, [namespace]: Object.freeze(session) });
}

function tagSelectors(tags: unknown): readonly string[] {
  if (tags === undefined) return [];
  if (!isObject(tags) || Object.keys(tags).length > mostTags) throw malformed('principal_tags', tags);
  return Object.entries(tags).map(([key, value]) => {
    if (!isPlain(key) || key === '' || !isPlain(value)) throw malformed('principal_tags', tags);
    return selector('aws', 'principal-tag', key, value);
  });
}

const malformed = (claim: string, found: unknown) =>
  new Rejected('claim_malformed', `${claim}: not of the form that AWS documents; found ${quote(found)}.`);

const isPlain = (value: unknown): value is string =>
  typeof value === 'string' && Buffer.byteLength(value) <= longest && !unprintable.test(value);

const isObject = (value: unknown): value is Claims =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
