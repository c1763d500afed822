/** What a configuration with clients serves: `POST /introspect` and `GET /revocations`, each as one function. */
import type { Attestor, Clock } from '../../attestors/attestor.js';
import type { Dpop } from '../binding/dpop.js';
import { proofAlgorithms } from '../binding/proof-key.js';
import { type Fault, faults, type Refusal } from '../errors.js';
import type { Attest } from '../exchange/attest.js';
import type { Drafts } from '../exchange/client.js';
import { errorResponse } from '../exchange/response.js';
import type { WireRequest, WireResponse } from '../exchange/wire.js';
import type { CompiledClient } from '../policy/clients.js';
import type { Revocation } from '../revocation/revocation.js';
import type { Signer } from '../signing/signer.js';
import type { WorkloadRoom } from './caller.js';
import { guarded } from './guarded.js';
import { introspect } from './introspect.js';
import { createReadOwnToken } from './own-token.js';
import { type RevocationsRequest, revocations } from './revocations.js';

export interface IntrospectionRooms {
  readonly issuer: string;
  readonly signer: Pick<Signer, 'publicKeys' | 'sign'>;
  /** For the URL of each. */
  readonly dpop: Readonly<Record<'introspect' | 'revocations', Dpop>>;
  readonly needsNonce: WorkloadRoom['needsNonce'];
  readonly alarm: WorkloadRoom['alarm'];
  readonly attest: Attest;
  readonly attestors: readonly Attestor[];
  readonly drafts: Drafts;
  /** Those in force. */
  readonly clients: () => readonly CompiledClient[];
  readonly revocation: Revocation;
  readonly now: Clock;
  /** For faults of our own. */
  readonly warn: (message: string) => void;
  /** Is told of each request to `POST /introspect`; the fault is that of a refusal. Must not throw. */
  readonly observe: (outcome: IntrospectionOutcome, fault: Fault | null) => void;
}

/** `refused`: the caller, or for want of a dependency. */
export type IntrospectionOutcome = 'active' | 'inactive' | 'refused';

export interface Introspection {
  introspect(wire: WireRequest): Promise<WireResponse>;
  revocations(request: RevocationsRequest): Promise<WireResponse>;
}

export function createIntrospection(rooms: IntrospectionRooms): Introspection {
  const attestorNames = new Set(rooms.attestors.map(({ name }) => name));
  const room = { ...rooms, attestorNames, readOwnToken: createReadOwnToken(rooms) };

  return Object.freeze<Introspection>({
    introspect(wire) {
      const refuse = (refusal: Refusal): WireResponse => {
        rooms.observe('refused', refusal.fault);
        return errorResponse(refusal, null, wire.authorization !== undefined);
      };
      return guarded({ path: '/introspect', warn: rooms.warn, refuse }, async () => {
        const { isActive, response } = await introspect({ ...room, dpop: rooms.dpop.introspect }, wire);
        rooms.observe(isActive ? 'active' : 'inactive', null);
        return response;
      });
    },
    revocations: (request) =>
      guarded({ path: '/revocations', warn: rooms.warn, refuse: refuseGet }, () =>
        revocations({ ...room, dpop: rooms.dpop.revocations }, request),
      ),
  });
}

/** What is wrong with a proof is a 400 where tokens are asked for, and a 401 where one is shown (RFC 9449 §7.1, §9). */
const faultsOfProofs: ReadonlySet<Fault> = new Set(['dpop_proof_invalid', 'dpop_proof_missing', 'dpop_nonce_needed']);

/** RFC 6750 §3: a 401 names the scheme whether or not it was used. */
function refuseGet(refusal: Refusal): WireResponse {
  const { status, headers, body } = errorResponse(refusal, null, false);
  if (faultsOfProofs.has(refusal.fault)) {
    const challenge = `DPoP error="${faults[refusal.fault].error}", algs="${proofAlgorithms.join(' ')}"`;
    return { status: 401, headers: { ...headers, 'WWW-Authenticate': challenge }, body };
  }
  if (status === 401)
    return { status, headers: { ...headers, 'WWW-Authenticate': 'Bearer realm="counterseal"' }, body };
  if (status === 405) return { status, headers: { ...headers, Allow: 'GET, HEAD' }, body };
  return { status, headers, body };
}
