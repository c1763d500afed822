/** Stage 7: RFC 8693 §2.2 and RFC 6749 §5.2 on the wire. */
import { faults, NonceNeeded, RateLimited, type Refusal, Unavailable } from '../errors.js';
import type { Granted } from '../policy/decision.js';
import { identifierOf } from '../policy/token-type.js';
import type { Issued } from './mint.js';
import type { WireResponse } from './wire.js';

export const accessTokenType = identifierOf('access_token');

/** RFC 6749 §5.1. */
const baseHeaders = Object.freeze({
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  Pragma: 'no-cache',
});

export function jsonResponse(body: Readonly<Record<string, unknown>>): WireResponse {
  return { status: 200, headers: baseHeaders, body: JSON.stringify(body) };
}

/**
 * @param namesTokenType whether it has `issued_token_type`
 * @param dpopNonce for the next proof (RFC 9449 §8.2); null: none is needed
 */
export function tokenResponse(
  { token, granted }: Issued,
  namesTokenType: boolean,
  dpopNonce: string | null,
): WireResponse {
  const rest = {
    ...(namesTokenType && { issued_token_type: identifierOf(granted.tokenType ?? 'access_token') }),
    token_type: usedAs(granted),
    expires_in: granted.lifetime,
    scope: granted.scope.join(' '),
    // RFC 9396 §7.
    ...(granted.authorizationDetails && { authorization_details: granted.authorizationDetails }),
  };
  // A compact JWS has nothing that JSON would escape, and it is most of the body.
  const headers = dpopNonce === null ? baseHeaders : { ...baseHeaders, 'DPoP-Nonce': dpopNonce };
  return { status: 200, headers, body: `{"access_token":"${token}",${JSON.stringify(rest).slice(1)}` };
}

/** RFC 8693 §2.2.1, `token_type`: how the token is shown to a resource server, `N_A` where it is no access token. */
function usedAs({ binding, tokenType }: Granted): string {
  if (tokenType !== undefined) return 'N_A';
  return binding?.dpop === undefined ? 'Bearer' : 'DPoP';
}

/**
 * @param decisionId null when no record was written: an id that explains nothing is not handed out
 * @param authorizationUsed RFC 6749 §5.2: then a 401 names the scheme
 */
export function errorResponse(refusal: Refusal, decisionId: string | null, authorizationUsed: boolean): WireResponse {
  const { error, status, description } = faults[refusal.fault];
  const headers: Record<string, string> = { ...baseHeaders };
  if (status === 405) headers.Allow = 'POST';
  if (status === 413) headers.Connection = 'close';
  if (status === 401 && authorizationUsed) headers['WWW-Authenticate'] = 'Basic realm="counterseal"';
  if (refusal instanceof NonceNeeded) headers['DPoP-Nonce'] = refusal.nonce;
  if (status === 503 || status === 429) headers['Retry-After'] = String(retryAfter(refusal));
  const body = {
    ...(error === null ? {} : { error, error_description: description }),
    ...(decisionId === null ? {} : { decision_id: decisionId }),
  };
  return { status, headers, body: JSON.stringify(body) };
}

/** Seconds. */
const retryAfter = (refusal: Refusal): number =>
  refusal instanceof Unavailable || refusal instanceof RateLimited ? refusal.retryAfter : 1;
