/** What a request has shown of itself so far; whatever ends it, the record is made from this. */
import { hash } from 'node:crypto';
import type { Attestation } from '../../attestors/attestor.js';
import { clientSecretType } from '../../attestors/token-types.js';
import type { AuditRecord, RecordedDelegator, RecordedFacts, RecordedGrant, RecordedRequest } from '../audit/record.js';
import { pinAlerts } from '../binding/pins.js';
import { faults, type Refusal } from '../errors.js';
import type { Policy } from '../policy/compile.js';
import type { Decision, Granted } from '../policy/decision.js';
import type { Facts } from '../policy/facts.js';
import { identifierOf } from '../policy/token-type.js';
import { scrub } from '../text.js';
import { actOf, type Delegation } from './delegation.js';
import type { Form } from './form.js';
import type { Issued } from './mint.js';
import type { TokenRequest } from './request.js';
import type { Timeline } from './timeline.js';
import type { Trace } from './trace.js';

export interface Trail {
  readonly decisionId: string;
  /** Milliseconds since the epoch. */
  readonly arrivedAt: number;
  readonly address: string;
  /** In force when it arrived. */
  readonly policy: Policy;
  readonly timeline: Timeline;
  /** Undefined: there is none that anybody sees. */
  readonly trace: Trace | undefined;
  form?: Form;
  request?: TokenRequest;
  /** To which the evidence was routed; it may have been refused there. */
  attestor?: string;
  attestation?: Attestation;
  /** To which the delegator's evidence was routed, after that of who asks was accepted. */
  delegatorAttestor?: string;
  /** Left out: the workload asks for itself, or it is not known yet for whom. */
  delegation?: Delegation;
  facts?: Facts;
  decision?: Decision;
  issued?: Issued;
  /** What the client is told instead of a token. */
  refusal?: Refusal;
}

export interface Deployment {
  readonly environment: string;
  readonly region: string | null;
}

/** @param refusal what ended the request; undefined when a token was issued */
export function recordOf(trail: Trail, deployment: Deployment, endedAt: number, refusal?: Refusal): AuditRecord {
  const { attestation, decision, form, request } = trail;
  return {
    time: new Date(trail.arrivedAt).toISOString(),
    decision_id: trail.decisionId,
    ...(trail.trace && { trace_id: trail.trace.traceId }),
    outcome: refusal === undefined ? 'permitted' : 'refused',
    error: refusal === undefined ? null : faults[refusal.fault].error,
    reason: refusal?.reason ?? decision?.reason ?? 'granted',
    alert: refusal !== undefined && pinAlerts.has(refusal.reason) ? refusal.reason : null,
    detail: refusal === undefined ? (decision?.detail ?? null) : scrub(refusal.detail),
    grant_type: scrubbed(form?.values.get('grant_type')),
    attestor: attestation?.attestor ?? null,
    subject: attestation?.subject ?? null,
    instance: attestation?.instance ?? null,
    assurance: attestation?.assurance ?? null,
    evidence_sha256: request === undefined ? null : recordedEvidence(request),
    evidence_id: attestation?.evidenceId ?? null,
    selectors: attestation?.selectors ?? null,
    facts: recordedFacts(trail.facts),
    request: { ...recordedRequest(form, request), ...recordedChain(trail) },
    rules: decision?.rules ?? null,
    shadow: recordedShadow(decision?.shadow ?? null),
    granted: recordedGrant(refusal === undefined ? trail.issued : undefined),
    policy_revision: trail.policy.revision,
    environment: deployment.environment,
    region: deployment.region,
    address: trail.address,
    duration_ms: Math.max(0, Math.round((endedAt - trail.arrivedAt) * 1000) / 1000),
    skew_s: skew(attestation),
  };
}

/** A hash of a secret that somebody sent, the client's or another, could be looked for among those that people choose. */
const recordedEvidence = ({ asker: { evidence } }: TokenRequest): string | null =>
  evidence.tokenType === clientSecretType ? null : hash('sha256', evidence.token);

function recordedFacts(facts: Facts | undefined): RecordedFacts | null {
  if (facts === undefined) return null;
  const { workload, ...others } = facts;
  const { attestor: _, selectors: __, ...rest } = workload;
  return { ...rest, ...others };
}

/** Before the request is parsed as a whole, what its form said. */
function recordedRequest(
  form: Form | undefined,
  request: TokenRequest | undefined,
): Omit<RecordedRequest, keyof RecordedChain> {
  const scope = form?.values.get('scope');
  const targets = form === undefined ? [] : [...form.resource, ...form.audience];
  return {
    resource: request === undefined ? targets.slice(0, 8).map(scrub) : asList(request.asked.resource),
    scope: request === undefined ? asList(scrubbed(scope)) : request.asked.scope,
    requested_token_type: scrubbed(form?.values.get('requested_token_type')),
    authorization_details: request?.asked.authorizationDetails ?? null,
  };
}

type RecordedChain = Pick<RecordedRequest, 'actor' | 'delegator'>;

/** Of a delegator whose evidence was not accepted, the hash alone. */
function recordedChain({ attestation, delegation, request }: Trail): RecordedChain {
  if (!request?.delegator) return { actor: null, delegator: null };
  const unknown = { attestor: null, subject: null, instance: null, assurance: null, evidence_id: null };
  const delegator: Omit<RecordedDelegator, 'evidence_sha256'> =
    delegation === undefined
      ? unknown
      : { ...delegation.delegator, assurance: delegation.assurance, evidence_id: delegation.evidenceId };
  return {
    actor: attestation === undefined ? null : actOf(attestation, delegation),
    delegator: { ...delegator, evidence_sha256: hash('sha256', request.delegator.token) },
  };
}

function recordedGrant(issued: Issued | undefined): AuditRecord['granted'] {
  if (issued === undefined) return null;
  return { ...outcomeOf(issued.granted), jti: issued.jti };
}

function recordedShadow(shadow: Decision['shadow']): AuditRecord['shadow'] {
  if (shadow === null || shadow.granted === null)
    return shadow === null ? null : { reason: shadow.reason, granted: null };
  return { reason: shadow.reason, granted: outcomeOf(shadow.granted) };
}

function outcomeOf(granted: Granted): Omit<RecordedGrant, 'jti'> {
  const { resource, scope, lifetime, binding, tokenType, authorizationDetails } = granted;
  return {
    resource,
    scope,
    ...(authorizationDetails && { authorization_details: authorizationDetails }),
    lifetime,
    ...(binding && { binding }),
    ...(tokenType && { issued_token_type: identifierOf(tokenType) }),
  };
}

function skew(attestation: Attestation | undefined): number | null {
  if (attestation === undefined) return null;
  const { iat } = attestation.claims;
  return typeof iat === 'number' ? Math.max(0, Math.round((iat - attestation.attestedAt) * 1000) / 1000) : 0;
}

const asList = (value: string | null): readonly string[] => (value === null ? [] : [value]);
const scrubbed = (value: string | undefined): string | null => (value === undefined ? null : scrub(value));
