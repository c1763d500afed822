/** Stage 7: RFC 8693 §2.2 and RFC 6749 §5.2 on the wire. */
import { faults, NonceNeeded, type Refusal, Unavailable } from '../errors.js';
import type { Issued } from './mint.js';
import type { WireResponse } from './wire.js';

export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

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
 * @param issuedTokenType null: of a grant that does not name it
 * @param dpopNonce for the next proof (RFC 9449 §8.2); null: none is needed
 */
export function tokenResponse(
  { token, granted }: Issued,
  issuedTokenType: string | null,
  dpopNonce: string | null,
): WireResponse {
  const rest = {
    ...(issuedTokenType === null ? {} : { issued_token_type: issuedTokenType }),
    token_type: granted.binding?.dpop === undefined ? 'Bearer' : 'DPoP',
    expires_in: granted.lifetime,
    scope: granted.scope.join(' '),
    // RFC 9396 §7.
    ...(granted.authorizationDetails && { authorization_details: granted.authorizationDetails }),
  };
  // A compact JWS has nothing that JSON would escape, and it is most of the body.
  const headers = dpopNonce === null ? baseHeaders : { ...baseHeaders, 'DPoP-Nonce': dpopNonce };
  return { status: 200, headers, body: `{"access_token":"${token}",${JSON.stringify(rest).slice(1)}` };
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
  if (status === 503) headers['Retry-After'] = String(refusal instanceof Unavailable ? refusal.retryAfter : 1);
  const body = {
    ...(error === null ? {} : { error, error_description: description }),
    ...(decisionId === null ? {} : { decision_id: decisionId }),
  };
  return { status, headers, body: JSON.stringify(body) };
}
