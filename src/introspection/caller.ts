/** Who asks: an attested workload or registered client, and which clients of the configuration it is. */
import { randomUUID } from 'node:crypto';
import type { Attestation, Clock, Evidence } from '../../attestors/attestor.js';
import type { ProvenRequest } from '../binding/dpop.js';
import { pinAlerts } from '../binding/pins.js';
import { type Fault, isOfEvidence, Refusal, Unavailable } from '../errors.js';
import type { Attest } from '../exchange/attest.js';
import { type ClaimedClient, checkClient, type Drafts, readClient } from '../exchange/client.js';
import { gatherFacts } from '../exchange/facts.js';
import type { Form } from '../exchange/form.js';
import type { WireRequest } from '../exchange/wire.js';
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
  readonly drafts: Drafts;
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

/** @throws Refusal as `readClient`, and `fault` where there is no authentication */
export function readCaller({ drafts }: Pick<WorkloadRoom, 'drafts'>, form: Form, asked: AskedBy): Shown {
  const { wire, fault } = asked;
  const { authorization, dpop, address } = wire;
  const { claimed, authentication } = readClient(form, authorization, drafts);
  if (authentication === null) throw new Refusal(fault, 'client_assertion', 'The client did not authenticate.');
  return Object.freeze({ evidence: authentication.evidence, claimed, requestId: randomUUID(), fault, dpop, address });
}

interface AskedBy {
  readonly wire: WireRequest;
  /** What whoever is nobody that we know is told. */
  readonly fault: Fault;
}

/** What evidence is shown for. */
export interface Shown {
  readonly evidence: Evidence;
  /** Null: the caller did not say who it is. */
  readonly claimed: ClaimedClient | null;
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
 * Any workload or client that an attestor vouches for. What was revoked until now is known afterwards.
 * @throws Refusal `fault`, `dpop_proof_invalid`, `dpop_proof_missing`, NonceNeeded, Unavailable
 */
export async function authenticateWorkload(room: WorkloadRoom, shown: Shown): Promise<Attestation> {
  const { attest, dpop, revocation } = room;
  const { evidence, claimed, requestId, fault, address } = shown;
  const proof = await verifyShown(room, shown.dpop, shown.proven);
  let known: Attestation | undefined;
  const verified = (attestation: Attestation) => {
    known = attestation;
  };
  try {
    const showing = { address, audience: 'alone', thumbprint: proof?.thumbprint, verified } as const;
    const attestation = await attest(evidence, requestId, showing);
    if (proof !== undefined) await dpop.claim(proof, requestId);
    checkClient(claimed, attestation, null);
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
