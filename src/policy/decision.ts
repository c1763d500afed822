/** The outcome of `decide`, complete enough to explain it to a person. */
import type { AuthorizationDetails } from '../authorization-details/details.js';
import type { SigningAlgorithm } from '../signing/signer.js';
import type { Binding } from './facts.js';
import type { TokenType } from './token-type.js';

/** Three values: a clause that reads a missing or stale fact is unknown, which stops a grant and triggers a denial. */
export type Verdict = 'holds' | 'fails' | 'unknown';

export interface RuleVerdict {
  readonly rule: string;
  readonly effect: 'grant' | 'deny';
  /** Only of rules in `mode: shadow`. */
  readonly shadow?: true;
  readonly verdict: Verdict;
  /** The clause that settled it, such as `workload.selectors`; null when every clause holds. */
  readonly clause: string | null;
  readonly expected: string | null;
  readonly seen: string | null;
}

export interface Granted {
  readonly resource: string;
  /** Sorted; never empty. */
  readonly scope: readonly string[];
  /** Whole seconds, at least 1; already capped by what the evidence vouches for. */
  readonly lifetime: number;
  /** The resource's choice among the signer's algorithms; null: the signer's default. */
  readonly algorithm: SigningAlgorithm | null;
  /** Left out: the token is a bearer's. */
  readonly binding?: Binding;
  /** Left out: an access token. */
  readonly tokenType?: TokenType;
  /** Left out: the token is limited by its scope alone. */
  readonly authorizationDetails?: AuthorizationDetails;
}

/** What a decision would have been with the rules in `mode: shadow` in force. */
export interface ShadowOutcome {
  readonly reason: string;
  readonly granted: Granted | null;
}

/** Why nothing is granted: stable codes for operators. Other reasons in a record are not the policy's. */
export const refusalReasons = Object.freeze([
  'authorization_details_not_granted',
  'binding_missing',
  'denied_by_rule',
  'deny_unknown',
  'fact_unavailable',
  'fact_unknown',
  'no_rule_grants',
  'no_target',
  'no_time_left',
  'other_token_type',
  'scope_not_granted',
  'unknown_resource',
] as const);

export type RefusalReason = (typeof refusalReasons)[number];

export const decisionFaults = Object.freeze([
  'target_refused',
  'scope_refused',
  'authorization_details_refused',
  'dependency_unavailable',
  'dpop_proof_missing',
  'client_certificate_missing',
] as const);

export type DecisionFault = (typeof decisionFaults)[number];

export interface Decision {
  /** Null exactly when something is granted. */
  readonly fault: DecisionFault | null;
  readonly reason: 'granted' | RefusalReason;
  readonly detail: string;
  readonly granted: Granted | null;
  /** The candidates, sorted by the rule's name. */
  readonly rules: readonly RuleVerdict[];
  /** Null: no candidate is in `mode: shadow`. */
  readonly shadow: ShadowOutcome | null;
}
