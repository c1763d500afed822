import type { SigningOptions } from './open.js';
import type { SigningAlgorithm } from './signer.js';

/** What a signer of these options signs with; the first is the default of resources. */
export function algorithmsOf(signing: SigningOptions): readonly SigningAlgorithm[] {
  if (signing.type === 'local') return signing.algorithms;
  if (signing.type === 'vault') return signing.keys.map(({ algorithm }) => algorithm);
  return signing.keys.filter(({ state }) => state === 'active').map(({ algorithm }) => algorithm);
}
