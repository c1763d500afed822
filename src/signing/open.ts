/** The signer that the configuration names. */
import type { Store } from '../store/store.js';
import { createLocalSigner } from './local.js';
import type { Signer, SigningAlgorithm } from './signer.js';

/** One of the types of signers, as the configuration has them; durations are seconds, paths absolute. */
export type SigningOptions = LocalSigning;

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
}

/** @throws Error when a key is damaged; the store's own errors as they come */
export function openSigner({ algorithms }: SigningOptions, { store }: SigningRoom): Promise<Signer> {
  return createLocalSigner({ algorithms, store });
}
