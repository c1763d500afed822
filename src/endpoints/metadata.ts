/**
 * RFC 8414 and OpenID Connect Discovery. A field is advertised only when it is enforced. There is no
 * `authorization_endpoint`: nobody signs in here.
 */

import { verificationAlgorithms } from '../../attestors/attestor.js';
import { grantTypes } from '../exchange/grants/index.js';
import type { SigningAlgorithm } from '../signing/signer.js';

export interface MetadataRoom {
  readonly issuer: string;
  readonly signer: { readonly algorithms: readonly SigningAlgorithm[] };
  /** Null: there is no introspection. */
  readonly introspection: object | null;
}

/** RFC 8414 §2. */
export function authorizationServerMetadata({ issuer, introspection, signer }: MetadataRoom): Record<string, unknown> {
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    grant_types_supported: [...grantTypes.keys()],
    token_endpoint_auth_methods_supported: ['none'],
    // Required by RFC 8414; empty, because there is no authorization endpoint.
    response_types_supported: [],
    ...revocationMetadata(issuer),
    ...(introspection === null ? {} : introspectionMetadata(issuer, signer)),
  };
}

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
