/**
 * The one error table. Each fault fixes what the client sees: a registered OAuth error, a status and a sentence that
 * never quotes the request. What an operator needs (`reason`, `detail`) travels beside it and ends in the audit record.
 */
export interface FaultEntry {
  /** The registered `error` value; null where the answer is not an OAuth error (405). */
  readonly error: string | null;
  readonly status: number;
  /** RFC 6749 §5.2 charset: printable ASCII without `"` and `\`. Tells the caller what to do next. */
  readonly description: string;
  /** Where the answer is specified. */
  readonly reference: string;
}

const entry = (error: string | null, status: number, description: string, reference: string): FaultEntry =>
  Object.freeze({ error, status, description, reference });

export const faults = Object.freeze({
  method_not_allowed: entry(null, 405, 'Send the request with POST.', 'RFC 6749 §3.2'),
  body_not_form: entry(
    'invalid_request',
    400,
    'Send the parameters in the body, as application/x-www-form-urlencoded in UTF-8, without a content encoding.',
    'RFC 6749 §3.2, appendix B',
  ),
  body_too_large: entry('invalid_request', 413, 'The request body is over 64 KiB.', 'RFC 9110 §15.5.14'),
  body_incomplete: entry(
    'invalid_request',
    400,
    'The request body ended before it was complete, or came too slowly.',
    'RFC 9110 §8.6',
  ),
  header_repeated: entry(
    'invalid_request',
    400,
    'Send the headers Authorization and Content-Type once each.',
    'RFC 9110 §5.3',
  ),
  query_not_allowed: entry(
    'invalid_request',
    400,
    'Send the parameters in the body: this endpoint takes no query.',
    'RFC 6749 §3.2',
  ),
  parameter_repeated: entry(
    'invalid_request',
    400,
    'A parameter was sent more than once; only resource and audience may repeat.',
    'RFC 6749 §3.2',
  ),
  too_many_parameters: entry('invalid_request', 400, 'The request has too many parameters.', 'RFC 6749 §5.2'),
  parameter_missing: entry(
    'invalid_request',
    400,
    'A required parameter is missing: grant_type, and with it subject_token and subject_token_type, assertion, or client_assertion and client_assertion_type; scope, for a transaction token.',
    'RFC 6749 §5.2',
  ),
  parameter_of_another_grant: entry(
    'invalid_request',
    400,
    'Send the evidence in the parameters of the grant that grant_type names, and none of another.',
    'RFC 6749 §5.2',
  ),
  actor_incomplete: entry(
    'invalid_request',
    400,
    'Send actor_token and actor_token_type together, or neither.',
    'RFC 8693 §2.1',
  ),
  grant_type_unsupported: entry(
    'unsupported_grant_type',
    400,
    'Use a grant_type that the metadata lists in grant_types_supported.',
    'RFC 6749 §5.2',
  ),
  token_type_unsupported: entry(
    'invalid_request',
    400,
    'The subject_token_type or actor_token_type is not accepted here, or is not the type of its token.',
    'RFC 8693 §2.2.2',
  ),
  challenge_type_unsupported: entry(
    'invalid_request',
    400,
    'Send as subject_token_type the type of evidence that is to carry the nonce; of other types there are no nonces here.',
    'RFC 6749 §5.2',
  ),
  requested_token_type_unsupported: entry(
    'invalid_request',
    400,
    'The requested_token_type is not issued here. Left out, it is urn:ietf:params:oauth:token-type:access_token.',
    'RFC 8693 §2.1',
  ),
  transaction_context_unsupported: entry(
    'invalid_request',
    400,
    'Nothing is put into transaction tokens that this server does not know by itself: leave out request_context and request_details.',
    'RFC 6749 §5.2',
  ),
  evidence_rejected: entry(
    'invalid_request',
    400,
    'The subject_token or actor_token was not accepted. An operator finds the reason in the audit log under the decision_id.',
    'RFC 8693 §2.2.2',
  ),
  assertion_rejected: entry(
    'invalid_grant',
    400,
    'The assertion was not accepted. An operator finds the reason in the audit log under the decision_id.',
    'RFC 7523 §3.1',
  ),
  client_assertion_missing: entry(
    'invalid_client',
    401,
    'Send the token that the platform gave to this workload as client_assertion, with client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer.',
    'RFC 7523 §3.2',
  ),
  client_assertion_rejected: entry(
    'invalid_client',
    401,
    'The client_assertion was not accepted. An operator finds the reason in the audit log under the decision_id.',
    'RFC 7523 §3.2',
  ),
  client_secret_rejected: entry(
    'invalid_client',
    401,
    'No client is registered with this client_id and secret. An operator finds the reason in the audit log under the decision_id.',
    'RFC 6749 §5.2',
  ),
  grant_type_not_allowed: entry(
    'unauthorized_client',
    400,
    'This client may not use this grant. Whoever runs this service can allow it.',
    'RFC 6749 §5.2',
  ),
  target_malformed: entry(
    'invalid_target',
    400,
    'Name one target, a resource as an absolute URI without a fragment; if resource and audience are both sent, they must be the same.',
    'RFC 8707 §2',
  ),
  target_refused: entry(
    'invalid_target',
    400,
    'No token is issued to this workload for this target. An operator finds the reason in the audit log under the decision_id.',
    'RFC 8707 §2',
  ),
  scope_malformed: entry(
    'invalid_scope',
    400,
    'The scope is not a list of scope tokens that are separated by single spaces.',
    'RFC 6749 §3.3',
  ),
  scope_refused: entry(
    'invalid_scope',
    400,
    'None of the requested scope is granted. Leave scope out to get all that is.',
    'RFC 6749 §5.2',
  ),
  authorization_details_malformed: entry(
    'invalid_authorization_details',
    400,
    'Send authorization_details as a JSON array of objects of the types that the metadata lists in authorization_details_types_supported, each with the members of its type and no others, for the target of the request.',
    'RFC 9396 §5',
  ),
  authorization_details_refused: entry(
    'invalid_authorization_details',
    400,
    'Nothing of the requested authorization_details is granted. Leave them out to get all that is.',
    'RFC 9396 §5',
  ),
  client_authentication_ambiguous: entry(
    'invalid_request',
    400,
    'Identify the client in one way only: in the Authorization header, by a client_assertion, or in the body.',
    'RFC 6749 §2.3',
  ),
  client_invalid: entry(
    'invalid_client',
    401,
    'Authenticate with a client_assertion, or in the Authorization header, and with neither beside other evidence, which is the authentication. A client_id, if sent, must be your own.',
    'RFC 6749 §5.2',
  ),
  dpop_proof_invalid: entry(
    'invalid_dpop_proof',
    400,
    'The DPoP proof was not accepted. Make a new one for each request, for its method and the URL of the endpoint as the metadata has it.',
    'RFC 9449 §5',
  ),
  dpop_proof_missing: entry(
    'invalid_dpop_proof',
    400,
    'A DPoP proof is needed here: the token that is asked for, or the evidence, is bound to a key.',
    'RFC 9449 §5',
  ),
  dpop_nonce_needed: entry(
    'use_dpop_nonce',
    400,
    'Make a new DPoP proof, with the nonce of the DPoP-Nonce header of this answer.',
    'RFC 9449 §8',
  ),
  client_certificate_unreadable: entry(
    'invalid_request',
    400,
    'The client certificate did not arrive as one that can be read. Whoever runs the proxy in front of this service has to look at it.',
    'RFC 9440 §2.2',
  ),
  client_certificate_missing: entry(
    'invalid_client',
    401,
    'A token that is bound to a certificate is needed here: connect with a client certificate.',
    'RFC 8705 §3',
  ),
  introspection_token_missing: entry('invalid_request', 400, 'Send the token to look at as token.', 'RFC 7662 §2.1'),
  caller_invalid: entry(
    'invalid_client',
    401,
    'Send the token that the platform gave to this workload as client_assertion, with client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer; the workload has to be one of the configured clients.',
    'RFC 7662 §2.3',
  ),
  workload_invalid: entry(
    'invalid_client',
    401,
    'Send the token that the platform gave to this workload as client_assertion, with client_assertion_type urn:ietf:params:oauth:client-assertion-type:jwt-bearer.',
    'RFC 7009 §2.1',
  ),
  revocation_token_missing: entry('invalid_request', 400, 'Send the token to revoke as token.', 'RFC 7009 §2.1'),
  revocation_type_unsupported: entry(
    'unsupported_token_type',
    400,
    'Only tokens that the token endpoint has issued can be revoked here.',
    'RFC 7009 §2.2.1',
  ),
  bearer_invalid: entry(
    'invalid_token',
    401,
    'Send the token that the platform gave to this workload as Authorization: Bearer, or DPoP where a proof is sent, or a client secret as Basic; the workload has to be one of the configured clients.',
    'RFC 6750 §3.1',
  ),
  read_only: entry(null, 405, 'Send the request with GET.', 'RFC 9110 §15.5.6'),
  dependency_unavailable: entry(
    'temporarily_unavailable',
    503,
    'A service that is needed for the decision did not answer. Try again later.',
    'RFC 6749 §4.1.2.1',
  ),
  overloaded: entry(
    'temporarily_unavailable',
    503,
    'Too many requests are being received at once. Try again later.',
    'RFC 6749 §4.1.2.1',
  ),
  rate_limited: entry(
    'temporarily_unavailable',
    429,
    'Too many requests. Try again after the seconds that Retry-After says, and not before.',
    'RFC 6585 §4',
  ),
  audit_unavailable: entry(
    'temporarily_unavailable',
    503,
    'The decision could not be recorded, so no token was issued. Try again later.',
    'RFC 6749 §4.1.2.1',
  ),
  internal: entry(
    'server_error',
    500,
    'The server failed. An operator finds the cause in its log.',
    'RFC 6749 §4.1.2.1',
  ),
});

export type Fault = keyof typeof faults;

/** Tells our refusals, also those of another copy of this package, which a plug-in may have beside it. */
const brand = Symbol.for('counterseal.refusal');

/** Ends a request with an entry of the table. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal';
  /**
   * @param fault what the client is told
   * @param reason a stable code for operators and tests, such as `jwt_expired`
   * @param detail for the audit record only; may quote claims and parameters, never a token
   */
  constructor(
    readonly fault: Fault,
    readonly reason: string,
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${reason}: ${detail}`, options);
  }
}

/** Evidence is not accepted, and that is the evidence's fault. The grant decides which OAuth error it is. */
export class Rejected extends Refusal {
  override readonly name = 'Rejected';
  readonly [brand] = 'rejected';
  constructor(reason: string, detail: string, options?: ErrorOptions) {
    super('evidence_rejected', reason, detail, options);
  }
}

/** A DPoP proof has to carry a nonce of ours (RFC 9449 §8). */
export class NonceNeeded extends Refusal {
  override readonly name = 'NonceNeeded';
  /** @param nonce a new one; sent as `DPoP-Nonce` */
  constructor(
    reason: string,
    detail: string,
    readonly nonce: string,
  ) {
    super('dpop_nonce_needed', reason, detail);
  }
}

/** A dependency did not answer, so nothing can be said about the evidence: 503, never a token. */
export class Unavailable extends Refusal {
  override readonly name = 'Unavailable';
  readonly [brand] = 'unavailable';
  /** @param retryAfter seconds until a retry makes sense; sent as `Retry-After` */
  constructor(
    reason: string,
    detail: string,
    readonly retryAfter = 1,
    options?: ErrorOptions,
  ) {
    super('dependency_unavailable', reason, detail, options);
  }
}

/** More was asked than a limit allows: 429. */
export class RateLimited extends Refusal {
  override readonly name = 'RateLimited';
  /** @param retryAfter seconds until one more is allowed; sent as `Retry-After` */
  constructor(
    reason: string,
    detail: string,
    readonly retryAfter: number,
  ) {
    super('rate_limited', reason, detail);
  }
}

/** The store did not answer, or cannot just now, and may by itself later: nobody has to change anything. */
export class StoreAway extends Error {
  override readonly name = 'StoreAway';
}

/** Neither a dependency's fault nor ours. */
export function isOfEvidence(error: unknown): error is Refusal {
  return error instanceof Refusal && (error.fault === 'evidence_rejected' || error.fault === 'token_type_unsupported');
}

/**
 * What code of another package threw: a Rejected or Unavailable of its own copy of this package becomes ours, everything
 * else stays as it is, and is then nobody's refusal.
 */
export function recognise(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Refusal) return error;
  const { [brand]: kind, reason, detail, retryAfter } = error as Error & Readonly<Record<PropertyKey, unknown>>;
  if (typeof reason !== 'string' || typeof detail !== 'string') return error;
  if (kind === 'rejected') return new Rejected(reason, detail, { cause: error });
  if (kind !== 'unavailable') return error;
  return new Unavailable(reason, detail, Number(retryAfter) > 0 ? Number(retryAfter) : 1, { cause: error });
}
