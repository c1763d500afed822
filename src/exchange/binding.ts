/** Stage 2, its first half: what the client shows beside its evidence, to which a token can be bound. */
import { certificateThumbprint } from '../binding/certificate.js';
import type { Dpop, Proof } from '../binding/dpop.js';
import type { Policy } from '../policy/compile.js';
import type { Asked, Binding } from '../policy/facts.js';
import type { WireRequest } from './wire.js';

/** Undefined: none was sent. @throws Refusal `dpop_proof_invalid`, NonceNeeded */
export function verifyProof(
  dpop: Dpop,
  { dpop: header }: WireRequest,
  policy: Policy,
  { resource }: Asked,
): Promise<Proof> | undefined {
  return header === undefined ? undefined : dpop.verify(header, needsNonce(policy, resource));
}

/**
 * Told before anything is claimed, so that evidence which is good once is good for the second try. A request without a target is asked for a
 * nonce if any resource wants one.
 */
export function needsNonce({ resources }: Policy, target: string | null): boolean {
  if (target !== null) return resources.get(target)?.dpopNonce === true;
  return [...resources.values()].some(({ dpopNonce }) => dpopNonce);
}

/** Undefined: there is nothing. @throws Refusal `client_certificate_unreadable` */
export function bindingOf(proof: Proof | undefined, { certificate }: WireRequest): Binding | undefined {
  if (proof === undefined && certificate === undefined) return undefined;
  return Object.freeze({
    ...(proof && { dpop: proof.thumbprint }),
    ...(certificate !== undefined && { mtls: certificateThumbprint(certificate) }),
  });
}
