/** The local signer with what the service gives it, as far as a test does not. */
import { createLocalSigner } from '../../src/signing/local.js';
import { createRingKeeper, type RingKeeperRoom } from '../../src/signing/ring-keeper.js';
import type { RingsRoom } from '../../src/signing/rings-in-use.js';
import type { Signer, SigningAlgorithm } from '../../src/signing/signer.js';
import type { Store } from '../../src/store/store.js';

export const day = 86_400;

type Changes = Partial<Omit<RingKeeperRoom, 'store'> & Pick<RingsRoom, 'warn' | 'lookEvery'>>;

export const keeperOf = (store: Store, changes: Changes = {}) =>
  createRingKeeper({
    store,
    now: () => Date.now() / 1000,
    rotateEvery: 30 * day,
    masterKeys: null,
    takePlain: true,
    firstKey: null,
    ...changes,
  });

export function localSigner(
  algorithms: readonly SigningAlgorithm[],
  store: Store,
  changes: Changes = {},
): Promise<Signer> {
  const { now = () => Date.now() / 1000, warn = () => {}, lookEvery } = changes;
  return createLocalSigner({ algorithms, keeper: keeperOf(store, changes), now, warn, lookEvery });
}
