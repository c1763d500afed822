/** From a token of an OpenID Connect issuer to an attestation. */
import { Rejected } from '../../src/errors.js';
import type {
  Attestation,
  Attestor,
  AttestorHost,
  JwtExpectations,
  KeySet,
  Route,
  UnverifiedJwt,
  VerifiedJwt,
} from '../attestor.js';
import { evidenceIdOf, readJti } from '../evidence-id.js';
import { idJagType } from '../token-types.js';
import { checkRequirements, type Requirement, readSubject, selectorsOf } from './claims.js';

export interface OidcParts {
  readonly name: string;
  readonly accepts: readonly Route[];
  readonly expect: JwtExpectations;
  readonly environment: string;
  readonly keys: KeySet;
  readonly requirements: readonly Requirement[];
  /** A claim by the name of its selectors. */
  readonly mapping: Readonly<Record<string, string>>;
  /** The claim that names the workload. */
  readonly subject: string;
  readonly host: AttestorHost;
}

export function createOidcAttestor(parts: OidcParts): Attestor {
  const { name, accepts, expect, keys, host } = parts;
  return Object.freeze<Attestor>({
    name,
    accepts,
    async attest({ jwt, tokenType }) {
      if (jwt === undefined)
        throw new Rejected('not_a_jwt', 'A token of an OpenID Connect issuer is a JWT; this is none.');
      const isIdJag = tokenType === idJagType;
      const verified = await host.verifyJwt(jwt, keys, isIdJag ? { ...expect, kind: 'ID-JAG' } : expect);
      checkRequirements(verified.claims, parts.requirements);
      if (isIdJag && readJti(verified.claims.jti) === undefined) {
        throw new Rejected('jwt_jti', 'jti: expected a text of 1 to 256 characters.');
      }
      return attestation(parts, verified, jwt, isIdJag);
    },
    async close() {
      keys.close();
    },
  });
}

const nothing = Object.freeze({});

/** @param singleUse of what was made for this one request */
function attestation(
  parts: OidcParts,
  { claims, exp }: VerifiedJwt,
  jwt: UnverifiedJwt,
  singleUse: boolean,
): Attestation {
  const { name, host } = parts;
  const attestedAt = host.now();
  if (attestedAt >= exp) throw new Rejected('jwt_expired', 'The token expired while the keys were loaded.');
  const subject = readSubject(claims, parts.subject);
  return Object.freeze<Attestation>({
    attestor: name,
    subject: host.spiffeId(name, 'subject', subject),
    // A SPIFFE ID, by which such clients are registered elsewhere.
    ...(parts.expect.trustDomain !== undefined && { clientId: String(claims.sub) }),
    // Claims that would name a run differ from issuer to issuer, and nobody tells us when one is over.
    instance: `subject:${subject}`,
    environment: parts.environment,
    selectors: selectorsOf(claims, parts.mapping),
    unknownSelectors: nothing,
    claims,
    facts: nothing,
    evidenceId: evidenceIdOf(readJti(claims.jti), jwt),
    singleUse,
    assurance: 'low',
    attestedAt,
    expiresAt: exp,
    vouchesUntil: exp,
  });
}
