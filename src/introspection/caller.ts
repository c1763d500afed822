/** Who asks: an attested workload that is a configured client. Its platform's token is its authentication. */

import type { Attestation, Clock } from '../../attestors/attestor.js';
import { jwtType } from '../../attestors/token-types.js';
import { type Fault, isOfEvidence, Refusal, Unavailable } from '../errors.js';
import type { Attest } from '../exchange/attest.js';
import { gatherFacts } from '../exchange/facts.js';
import { type CompiledClient, visibleTo } from '../policy/clients.js';

export interface CallerRoom {
  readonly attest: Attest;
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

/**
 * @param token of the platform; white space at its end is ignored, because clients send files as they are
 * @param requestId names the request, should the evidence be of a kind that is used once
 * @param fault what the caller is told when it is nobody that we know
 * @throws Refusal `fault`, Unavailable
 */
export async function authenticate(
  { attest, clients, now }: CallerRoom,
  token: string,
  requestId: string,
  fault: Fault,
): Promise<Caller> {
  let attestation: Attestation;
  try {
    attestation = await attest(Object.freeze({ tokenType: jwtType, token: token.trimEnd() }), requestId);
  } catch (error) {
    throw isOfEvidence(error) ? new Refusal(fault, error.reason, error.detail) : error;
  }
  const resources = visibleTo(clients(), gatherFacts(attestation, { now: now(), ip: null, reads: [] }));
  if (resources === 'unavailable') {
    throw new Unavailable(
      'client_unknown',
      `What would tell whether ${attestation.subject} is a client did not answer.`,
    );
  }
  if (resources === 'none') throw new Refusal(fault, 'not_a_client', `${attestation.subject} is no configured client.`);
  return Object.freeze({ subject: attestation.subject, resources });
}
