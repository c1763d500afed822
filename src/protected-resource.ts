/** OAuth 2.0 Protected Resource Metadata (RFC 9728): what a resource server serves of itself, so that clients find us. */
import type { Configuration } from './config/configuration.js';

export interface ProtectedResource {
  /** Where clients look for it (§3.1). */
  readonly url: string;
  /** §2. */
  readonly document: Readonly<Record<string, unknown>>;
  /** Of a 401 (§5.1). */
  readonly challenge: string;
}

/** @throws Error when the resource is not configured, or is no URL that could serve it */
export function protectedResource(
  { issuer, policy }: Pick<Configuration, 'issuer' | 'policy'>,
  resource: string,
): ProtectedResource {
  const configured = policy.resources.get(resource);
  if (configured === undefined) {
    throw new Error(
      `no resource of the configuration is ${resource}: one of ${[...policy.resources.keys()].join(', ')}`,
    );
  }
  if (configured.tokenType !== 'access_token') {
    throw new Error(
      `for ${resource} ${configured.tokenType} is issued: only servers that take access tokens have such metadata`,
    );
  }
  const { origin, pathname, protocol, search } = new URL(resource);
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw new Error(`${resource} is no https URL: there is no place for its metadata (RFC 9728 §1.2)`);
  }
  const url = `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}${search}`;
  const { scope } = configured;
  return Object.freeze({
    url,
    document: Object.freeze({ resource, authorization_servers: [issuer], scopes_supported: [...scope] }),
    challenge: `Bearer resource_metadata="${url}", scope="${scope.join(' ')}"`,
  });
}
