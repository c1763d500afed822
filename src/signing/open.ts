/** The signer that the configuration names. */
import type { Outbound } from '../outbound.js';
import type { Store } from '../store/store.js';
import { createKmsSigner, type KmsSigning } from './aws-kms.js';
import { createLocalSigner } from './local.js';
import type { Signer, SigningAlgorithm } from './signer.js';
import { createVaultSigner, type VaultSigning } from './vault.js';

/** One of the types of signers, as the configuration has them; durations are seconds, paths absolute. */
export type SigningOptions = LocalSigning | KmsSigning | VaultSigning;

interface LocalSigning {
  readonly type: 'local';
  /** The first is the default. */
  readonly algorithms: readonly SigningAlgorithm[];
}

export interface SigningRoom {
  readonly store: Store;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A line for operators. */
  readonly warn: (message: string) => void;
  /** A way out for the signer alone, which closes it. */
  readonly openOutbound: () => Promise<Outbound>;
}

/** @throws Error when a key is damaged, or cannot be used; the store's own errors as they come */
export async function openSigner(signing: SigningOptions, room: SigningRoom): Promise<Signer> {
  const { store, now, warn, openOutbound } = room;
  if (signing.type === 'local') return createLocalSigner({ algorithms: signing.algorithms, store });
  const remote = { now, warn, outbound: await openOutbound() };
  return signing.type === 'vault' ? createVaultSigner(signing, remote) : createKmsSigner(signing, remote);
}
