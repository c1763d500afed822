/** Evidence that is pinned to a DPoP key: from its first use with one, it is good with no other, until it expires. */
import { Refusal, Rejected, Unavailable } from '../errors.js';
import { claimFirst } from '../store/claim-once.js';
import type { Store } from '../store/store.js';

/** `first-use`: a proof pins, and evidence that nobody pinned is good without one; `required`: every use needs a proof. */
export const pinModes = ['none', 'first-use', 'required'] as const;
export type PinMode = (typeof pinModes)[number];

export interface PinnedUse {
  readonly attestor: string;
  readonly evidenceId: string;
  /** Seconds since the epoch: nobody can have used the evidence before. */
  readonly from: number;
  /** Seconds since the epoch: from then on it is good for nobody. */
  readonly end: number;
  /** The thumbprint of the key that was proven; undefined: there was no proof. */
  readonly thumbprint: string | undefined;
  readonly requestId: string;
}

/** Reasons of refusals that say that evidence is, or was first, in other hands than its owner's. */
export const pinAlerts: ReadonlySet<string> = new Set(['evidence_pinned', 'evidence_pinned_to_another_key']);

/**
 * @throws Rejected `evidence_pinned_to_another_key`
 * @throws Refusal `evidence_pinned`, `evidence_needs_proof`, both as `dpop_proof_missing`
 * @throws Unavailable when it cannot be known
 */
export async function checkPin(store: Store, mode: Exclude<PinMode, 'none'>, use: PinnedUse): Promise<void> {
  if (use.thumbprint === undefined) await checkUnproven(store, mode, use);
  else await pin(store, use, use.thumbprint);
}

const keyOf = ({ attestor, evidenceId }: PinnedUse) => ['pin', attestor, evidenceId] as const;

async function checkUnproven(store: Store, mode: PinMode, use: PinnedUse): Promise<void> {
  if (mode === 'required') {
    const detail = `Attestor ${use.attestor} has pin: required, and there was no DPoP proof.`;
    throw new Refusal('dpop_proof_missing', 'evidence_needs_proof', detail);
  }
  const held = await store.get(keyOf(use)).catch((cause: unknown) => {
    throw new Unavailable('store_unavailable', 'It could not be seen whether the evidence is pinned.', 1, { cause });
  });
  if (held !== undefined) {
    throw new Refusal('dpop_proof_missing', 'evidence_pinned', `${firstUse(held.value)}; there was no DPoP proof.`);
  }
  const { attestor, evidenceId, from, end } = use;
  // Nothing is kept of it but that the store knew then, since when it knows: what a store has lost cannot be read from it.
  await claimFirst(store, { key: ['unpinned', attestor, evidenceId], value: '', from, end, what: 'The evidence' });
}

async function pin(store: Store, use: PinnedUse, thumbprint: string): Promise<void> {
  const { from, end, requestId } = use;
  const first = await claimFirst(store, {
    key: keyOf(use),
    value: `${thumbprint} ${requestId}`,
    from,
    end,
    what: 'The evidence',
  });
  if (first.split(' ')[0] === thumbprint) return;
  throw new Rejected('evidence_pinned_to_another_key', `${firstUse(first)}; this one has the key ${thumbprint}.`);
}

function firstUse(value: string): string {
  const [thumbprint, requestId] = value.split(' ');
  return `The evidence was pinned to the key ${thumbprint} by request ${requestId}`;
}
