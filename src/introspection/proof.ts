/** What a client shows beside its platform's token: a DPoP proof (RFC 9449), for evidence that is pinned to its key, or has to be. */
import type { Dpop, Proof, ProvenRequest } from '../binding/dpop.js';
import type { WireResponse } from '../exchange/wire.js';

export interface ProofRoom {
  /** For the URL of the endpoint. */
  readonly dpop: Dpop;
  /** Whether proofs have to carry a nonce of ours. */
  readonly needsNonce: () => boolean;
}

/** @param header undefined: none was sent. @throws Refusal `dpop_proof_invalid`, NonceNeeded */
export async function verifyShown(
  { dpop, needsNonce }: ProofRoom,
  header: string | undefined,
  request: ProvenRequest | undefined,
): Promise<Proof | undefined> {
  return header === undefined ? undefined : dpop.verify(header, needsNonce(), request);
}

/** To who sent a proof each answer brings the nonce of the next (RFC 9449 §8.2). */
export function withNonce(
  { dpop, needsNonce }: ProofRoom,
  header: string | undefined,
  response: WireResponse,
): WireResponse {
  if (header === undefined || !needsNonce()) return response;
  return { ...response, headers: { ...response.headers, 'DPoP-Nonce': dpop.nonce() } };
}
