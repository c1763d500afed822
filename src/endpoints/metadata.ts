/** RFC 8414 and OpenID Connect Discovery. A field is advertised only when it is enforced. */

import { verificationAlgorithms } from '../../attestors/attestor.js';
import { authorizationDetailsTypes } from '../authorization-details/details.js';
import { proofAlgorithms } from '../binding/proof-key.js';
import { grantTypes } from '../exchange/grants/index.js';
import type { SigningAlgorithm } from '../signing/signer.js';

export interface MetadataRoom {
  readonly issuer: string;
  readonly signer: { readonly algorithms: readonly SigningAlgorithm[] };
  /** Null: there is no introspection. */
  readonly introspection: object | null;
  /** Whether clients can show certificates. */
  readonly seesCertificates: boolean;
}

/** Also what DPoP proofs are for. */
export const tokenEndpoint = (issuer: string): string => `${issuer}/token`;

/** RFC 8414 §2. */
export function authorizationServerMetadata({
  issuer,
  introspection,
  signer,
  seesCertificates,
}: MetadataRoom): Record<string, unknown> {
  return {
    issuer,
    token_endpoint: tokenEndpoint(issuer),
    jwks_uri: `${issuer}/jwks`,
    grant_types_supported: [...grantTypes.keys()],
    ...tokenEndpointMetadata,
    // Both have to be there for clients of the Model Context Protocol; nobody signs in, so no response type is there.
    authorization_endpoint: `${issuer}/authorize`,
    response_types_supported: [],
    dpop_signing_alg_values_supported: proofAlgorithms,
    // RFC 9396 §10.
    authorization_details_types_supported: authorizationDetailsTypes,
    // RFC 8705 §3.3.
    ...(seesCertificates && { tls_client_certificate_bound_access_tokens: true }),
    ...revocationMetadata(issuer),
    ...(introspection === null ? {} : introspectionMetadata(issuer, signer)),
  };
}

/** A workload's evidence is its authentication: with `client_credentials` as a client's JWT, with the other grants beside none. */
const tokenEndpointMetadata = Object.freeze({
  token_endpoint_auth_methods_supported: Object.freeze(['none', 'private_key_jwt']),
  token_endpoint_auth_signing_alg_values_supported: verificationAlgorithms,
});

/** RFC 8414 §2. The client's JWT is one that its platform signed: of the registered methods, `private_key_jwt` says that. */
function revocationMetadata(issuer: string): Record<string, unknown> {
  return {
    revocation_endpoint: `${issuer}/revoke`,
    revocation_endpoint_auth_methods_supported: ['private_key_jwt'],
    revocation_endpoint_auth_signing_alg_values_supported: verificationAlgorithms,
  };
}

/** With the same authentication. */
function introspectionMetadata(issuer: string, { algorithms }: MetadataRoom['signer']): Record<string, unknown> {
  return {
    introspection_endpoint: `${issuer}/introspect`,
    introspection_endpoint_auth_methods_supported: ['private_key_jwt'],
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
