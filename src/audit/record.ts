/**
 * One JSON record for every request that reaches the token endpoint. Every field is there on every path; null means
 * that the request did not get far enough to know it. Names are the wire's: operators query them.
 */
import type { AuthorizationDetails } from '../authorization-details/details.js';
import type { RuleVerdict } from '../policy/decision.js';
import type { Binding, Facts } from '../policy/facts.js';

export interface AuditRecord {
  /** RFC 3339 in UTC with milliseconds: when the request arrived. */
  readonly time: string;
  readonly decision_id: string;
  /** Only of a request that is traced: 32 hexadecimal digits. */
  readonly trace_id?: string;
  readonly outcome: 'permitted' | 'refused';
  /** The OAuth error that the client got. */
  readonly error: string | null;
  /** A stable code, such as `jwt_expired` or `denied_by_rule`. */
  readonly reason: string;
  /** The reason once more where somebody should look at once: pinned evidence in other hands. Null: no such thing. */
  readonly alert: string | null;
  /** The sentence for a person. May quote claims and parameters, never a token. */
  readonly detail: string | null;
  readonly grant_type: string | null;
  readonly attestor: string | null;
  readonly subject: string | null;
  readonly instance: string | null;
  readonly assurance: string | null;
  /** SHA-256 of the token as it came, hexadecimal. */
  readonly evidence_sha256: string | null;
  readonly evidence_id: string | null;
  readonly selectors: readonly string[] | null;
  /** What the decision read, less the selectors, which stand above. */
  readonly facts: RecordedFacts | null;
  readonly request: RecordedRequest;
  readonly rules: readonly RuleVerdict[] | null;
  readonly granted: RecordedGrant | null;
  /** What would have come of it with the rules in `mode: shadow` in force; null: none was a candidate. */
  readonly shadow: RecordedShadow | null;
  readonly policy_revision: string;
  /** Of this deployment. */
  readonly environment: string;
  readonly region: string | null;
  readonly address: string;
  readonly duration_ms: number;
  /** Seconds by which the evidence's `iat` lies in our future; 0 when it does not. Null without evidence. */
  readonly skew_s: number | null;
}

export interface RecordedFacts extends Omit<Facts['workload'], 'attestor' | 'selectors'>, Omit<Facts, 'workload'> {}

export interface RecordedRequest {
  readonly resource: readonly string[];
  readonly scope: readonly string[] | null;
  /** As it was sent. Null: it was not, so an access token is meant. */
  readonly requested_token_type: string | null;
  /** As they were understood. Null: none were named. */
  readonly authorization_details: AuthorizationDetails | null;
  /** Null: the workload asked for itself. As the token's `act`: who asked, and nested in it who acted before. */
  readonly actor: RecordedActor | null;
  readonly delegator: RecordedDelegator | null;
}

export interface RecordedActor {
  readonly sub: string;
  readonly act?: RecordedActor;
}

/** Null in it: what was shown of the delegator was not accepted. */
export interface RecordedDelegator {
  readonly attestor: string | null;
  readonly subject: string | null;
  readonly instance: string | null;
  /** The least of the delegator's and of those that acted before. */
  readonly assurance: string | null;
  /** Of the subject_token as it came, hexadecimal. */
  readonly evidence_sha256: string;
  /** Of a token of ours, its `jti`. */
  readonly evidence_id: string | null;
}

export interface RecordedShadow {
  readonly reason: string;
  readonly granted: Omit<RecordedGrant, 'jti'> | null;
}

export interface RecordedGrant {
  readonly resource: string;
  readonly scope: readonly string[];
  /** Left out: it has none. */
  readonly authorization_details?: AuthorizationDetails;
  /** Seconds. */
  readonly lifetime: number;
  /** To what it is bound; left out: to nothing. */
  readonly binding?: Binding;
  /** Left out: an access token. */
  readonly issued_token_type?: string;
  readonly jti: string;
}
