/** Who asks: an attested workload, and which configured clients it is. Its platform's token is its authentication. */

import type { Attestation, Clock } from '../../attestors/attestor.js';
import { jwtType } from '../../attestors/token-types.js';
import type { ProvenRequest } from '../binding/dpop.js';
import { pinAlerts } from '../binding/pins.js';
import { type Fault, isOfEvidence, Refusal, Unavailable } from '../errors.js';
import type { Attest } from '../exchange/attest.js';
import { assertionType } from '../exchange/client.js';
import { gatherFacts } from '../exchange/facts.js';
import type { Form } from '../exchange/form.js';
import { type CompiledClient, visibleTo } from '../policy/clients.js';
import type { Revocation } from '../revocation/revocation.js';
import { type ProofRoom, verifyShown } from './proof.js';

/** Pinned evidence was shown by somebody else than its owner, or was by its owner after that. */
export interface EvidenceAlert {
  readonly attestor: string;
  readonly subject: string;
  /** One of `pinAlerts`. */
  readonly reason: string;
  readonly detail: string;
}

export interface WorkloadRoom extends ProofRoom {
  readonly attest: Attest;
  readonly revocation: Pick<Revocation, 'refresh' | 'refuseRevoked'>;
  /** Must not throw. */
  readonly alarm: (alert: EvidenceAlert) => void;
}

export interface CallerRoom extends WorkloadRoom {
  /** Those in force. */
  readonly clients: () => readonly CompiledClient[];
  readonly now: Clock;
}

export interface Caller {
  /** What its token proves. */
  readonly subject: string;
  /** Whose tokens it may see: those of all clients that it is. */
  readonly resources: ReadonlySet<string>;
}

/** @throws Refusal `client_authentication_ambiguous`, `fault` */
export function readAssertion({ values }: Form, authorization: string | undefined, fault: Fault): string {
  const assertion = values.get('client_assertion');
  const ways = [assertion, authorization, values.get('client_secret')].filter((way) => way !== undefined);
  if (ways.length > 1) {
    throw new Refusal('client_authentication_ambiguous', 'client_twice', `${ways.length} ways of authentication.`);
  }
  if (assertion === undefined || values.get('client_assertion_type') !== assertionType) {
    throw new Refusal(fault, 'client_assertion', 'client_assertion or its type is missing or another.');
  }
  return assertion;
}

/** @throws Refusal `fault` for a `client_id` that is another's */
export function checkClientId({ values }: Form, subject: string, fault: Fault): void {
  const id = values.get('client_id');
  if (id === undefined || id === subject) return;
  throw new Refusal(fault, 'client_is_not_subject', `client_id is not ${subject}.`);
}

/** What a workload's token is shown for. */
export interface Shown {
  /** Of the platform; white space at its end is ignored, because clients send files as they are. */
  readonly token: string;
  /** Names the request, should the evidence be of a kind that is used once. */
  readonly requestId: string;
  /** What the caller is told when it is nobody that we know. */
  readonly fault: Fault;
  /** The header; undefined: there was none. */
  readonly dpop: string | undefined;
  /** What the proof has to be for; left out: a POST. */
  readonly proven?: ProvenRequest;
  /** From where. */
  readonly address: string;
}

/**
 * Any workload that an attestor vouches for. What was revoked until now is known afterwards.
 * @throws Refusal `fault`, `dpop_proof_invalid`, `dpop_proof_missing`, NonceNeeded, Unavailable
 */
export async function authenticateWorkload(room: WorkloadRoom, shown: Shown): Promise<Attestation> {
  const { attest, dpop, revocation } = room;
  const { token, requestId, fault, address } = shown;
  const proof = await verifyShown(room, shown.dpop, shown.proven);
  let known: Attestation | undefined;
  const verified = (attestation: Attestation) => {
    known = attestation;
  };
  try {
    const evidence = Object.freeze({ tokenType: jwtType, token: token.trimEnd() });
    const showing = { address, audience: 'alone', thumbprint: proof?.thumbprint, verified } as const;
    const attestation = await attest(evidence, requestId, showing);
    if (proof !== undefined) await dpop.claim(proof, requestId);
    await revocation.refresh();
    revocation.refuseRevoked(attestation);
    return attestation;
  } catch (error) {
    if (known !== undefined) tell(room, known, error);
    throw isOfEvidence(error) ? new Refusal(fault, error.reason, error.detail) : error;
  }
}

function tell({ alarm }: WorkloadRoom, { attestor, subject }: Attestation, error: unknown): void {
  if (!(error instanceof Refusal) || !pinAlerts.has(error.reason)) return;
  alarm({ attestor, subject, reason: error.reason, detail: error.detail });
}

/** A configured client. @throws as `authenticateWorkload` */
export async function authenticate(room: CallerRoom, shown: Shown): Promise<Caller> {
  const attestation = await authenticateWorkload(room, shown);
  const resources = visibleTo(room.clients(), gatherFacts(attestation, { now: room.now(), ip: null, reads: [] }));
  if (resources === 'unavailable') {
    throw new Unavailable(
      'client_unknown',
      `What would tell whether ${attestation.subject} is a client did not answer.`,
    );
  }
  if (resources === 'none') {
    throw new Refusal(shown.fault, 'not_a_client', `${attestation.subject} is no configured client.`);
  }
  return Object.freeze({ subject: attestation.subject, resources });
}
