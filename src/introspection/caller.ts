/** Who asks: an attested workload or registered client, and which clients of the configuration it is. */
import { randomUUID } from 'node:crypto';
import type { Attestation, Clock, Evidence } from '../../attestors/attestor.js';
import { type Fault, isOfEvidence, Refusal, Unavailable } from '../errors.js';
import type { Attest } from '../exchange/attest.js';
import { type ClaimedClient, checkClient, type Drafts, readClient } from '../exchange/client.js';
import { gatherFacts } from '../exchange/facts.js';
import type { Form } from '../exchange/form.js';
import { type CompiledClient, visibleTo } from '../policy/clients.js';
import type { Revocation } from '../revocation/revocation.js';

export interface WorkloadRoom {
  readonly attest: Attest;
  readonly drafts: Drafts;
  readonly revocation: Pick<Revocation, 'refresh' | 'refuseRevoked'>;
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
  const { authorization, fault } = asked;
  const { claimed, authentication } = readClient(form, authorization, drafts);
  if (authentication === null) throw new Refusal(fault, 'client_assertion', 'The client did not authenticate.');
  return Object.freeze({ evidence: authentication.evidence, claimed, requestId: randomUUID(), fault });
}

interface AskedBy {
  readonly authorization: string | undefined;
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
}

/** Any workload or client that an attestor vouches for. What was revoked until now is known afterwards. @throws Refusal `fault`, Unavailable */
export async function authenticateWorkload(
  { attest, revocation }: WorkloadRoom,
  { evidence, claimed, requestId, fault }: Shown,
): Promise<Attestation> {
  try {
    const attestation = await attest(evidence, requestId);
    checkClient(claimed, attestation, null);
    await revocation.refresh();
    revocation.refuseRevoked(attestation);
    return attestation;
  } catch (error) {
    throw isOfEvidence(error) ? new Refusal(fault, error.reason, error.detail) : error;
  }
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
