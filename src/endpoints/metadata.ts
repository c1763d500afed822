/** RFC 8414 and OpenID Connect Discovery. A field is advertised only when it is enforced. */

import { verificationAlgorithms } from '../../attestors/attestor.js';
import { authorizationDetailsTypes } from '../authorization-details/details.js';
import { proofAlgorithms } from '../binding/proof-key.js';
import { grantTypes } from '../exchange/grants/index.js';
import { identifierOf, type TokenType } from '../policy/token-type.js';
import type { SigningAlgorithm } from '../signing/signer.js';

export interface MetadataRoom {
  readonly issuer: string;
  readonly signer: { readonly algorithms: readonly SigningAlgorithm[] };
  /** Null: there is no introspection. */
  readonly introspection: object | null;
  /** Whether clients can show certificates. */
  readonly seesCertificates: boolean;
  /** That are issued by the policy in force. */
  readonly tokenTypes: () => ReadonlySet<TokenType>;
  /** Whether a client is registered with a secret. */
  readonly takesSecrets: boolean;
  /** Whether clients can ask with identity assertions of people. */
  readonly takesIdJags: boolean;
}

/** Also what DPoP proofs are for. */
export const tokenEndpoint = (issuer: string): string => `${issuer}/token`;

/** What proofs of clients there are for. */
export const revocationEndpoint = (issuer: string): string => `${issuer}/revoke`;
export const introspectionEndpoint = (issuer: string): string => `${issuer}/introspect`;
export const revocationList = (issuer: string): string => `${issuer}/revocations`;

/** RFC 8414 §2. */
export function authorizationServerMetadata({
  issuer,
  introspection,
  signer,
  seesCertificates,
  tokenTypes,
  takesSecrets,
  takesIdJags,
}: MetadataRoom): Record<string, unknown> {
  return {
    issuer,
    token_endpoint: tokenEndpoint(issuer),
    jwks_uri: `${issuer}/jwks`,
    grant_types_supported: [...grantTypes.keys()],
    token_endpoint_auth_methods_supported: ['none', ...authenticationMethods(takesSecrets)],
    token_endpoint_auth_signing_alg_values_supported: verificationAlgorithms,
    ...(takesIdJags && { authorization_grant_profiles_supported: [idJagProfile] }),
    // Both have to be there for clients of the Model Context Protocol; nobody signs in, so no response type is there.
    authorization_endpoint: `${issuer}/authorize`,
    response_types_supported: [],
    dpop_signing_alg_values_supported: proofAlgorithms,
    // RFC 9396 §10.
    authorization_details_types_supported: authorizationDetailsTypes,
    // RFC 8705 §3.3.
    ...(seesCertificates && { tls_client_certificate_bound_access_tokens: true }),
    ...chainingMetadata(tokenTypes()),
    ...revocationMetadata(issuer, takesSecrets),
    ...(introspection === null ? {} : introspectionMetadata(issuer, signer, takesSecrets)),
  };
}

/** draft-ietf-oauth-identity-assertion-authz-grant-04 §7.2. */
const idJagProfile = 'urn:ietf:params:oauth:grant-profile:id-jag';

/** Draft of identity chaining §3: what buys an access token in another trust domain. */
function chainingMetadata(issued: ReadonlySet<TokenType>): Record<string, unknown> {
  const types = (['jwt', 'id-jag'] as const).filter((type) => issued.has(type)).map(identifierOf);
  return types.length === 0 ? {} : { identity_chaining_requested_token_types_supported: types };
}

/**
 * A workload's JWT is one that its platform signed: of the registered methods, `private_key_jwt` says that. With the grants whose evidence is the
 * authentication, there is none beside it.
 */
const authenticationMethods = (takesSecrets: boolean): readonly string[] => [
  'private_key_jwt',
  ...(takesSecrets ? ['client_secret_basic'] : []),
];

/** RFC 8414 §2. */
function revocationMetadata(issuer: string, takesSecrets: boolean): Record<string, unknown> {
  return {
    revocation_endpoint: revocationEndpoint(issuer),
    revocation_endpoint_auth_methods_supported: authenticationMethods(takesSecrets),
    revocation_endpoint_auth_signing_alg_values_supported: verificationAlgorithms,
  };
}

/** With the same authentication. */
function introspectionMetadata(
  issuer: string,
  { algorithms }: MetadataRoom['signer'],
  takesSecrets: boolean,
): Record<string, unknown> {
  return {
    introspection_endpoint: introspectionEndpoint(issuer),
    introspection_endpoint_auth_methods_supported: authenticationMethods(takesSecrets),
    introspection_endpoint_auth_signing_alg_values_supported: verificationAlgorithms,
    // RFC 9701 §7: whoever asks, its answers are signed with the default.
    introspection_signing_alg_values_supported: algorithms.slice(0, 1),
  };
}

/** For resource servers whose library finds the keys by OpenID discovery; no ID token is issued. */
export function openidConfiguration(room: MetadataRoom): Record<string, unknown> {
  return {
    ...authorizationServerMetadata(room),
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...room.signer.algorithms],
  };
}

/** Where the two documents are asked for: RFC 8414 §3.1, and OpenID's own placing, which differs when the issuer has a path. */
export function metadataPaths(issuerPath: string): {
  readonly oauth: readonly string[];
  readonly openid: readonly string[];
} {
  return {
    oauth: [`/.well-known/oauth-authorization-server${issuerPath}`],
    openid: [
      ...new Set([`/.well-known/openid-configuration${issuerPath}`, `${issuerPath}/.well-known/openid-configuration`]),
    ],
  };
}
