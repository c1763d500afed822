/** The signer that the configuration names. */
import type { Store } from '../store/store.js';
import { createLocalSigner } from './local.js';
import type { Signer, SigningAlgorithm } from './signer.js';

export interface SigningOptions {
  /** The first is the default. */
  readonly algorithms: readonly SigningAlgorithm[];
}

export interface SigningRoom {
  readonly store: Store;
}

/** @throws Error when a key is damaged; the store's own errors as they come */
export function openSigner({ algorithms }: SigningOptions, { store }: SigningRoom): Promise<Signer> {
  return createLocalSigner({ algorithms, store });
}
