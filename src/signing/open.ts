/** The signer that the configuration names. */
import type { Outbound } from '../outbound.js';
import type { Store } from '../store/store.js';
import { createKmsSigner, type KmsSigning } from './aws-kms.js';
import { createLocalSigner } from './local.js';
import { readFirstKey } from './local-key.js';
import { readMasterKey } from './master-key.js';
import { createRingKeeper, type RingKeeper } from './ring-keeper.js';
import type { MasterKeys } from './ring-text.js';
import type { Signer, SigningAlgorithm } from './signer.js';
import { createVaultSigner, type VaultSigning } from './vault.js';

/** One of the types of signers, as the configuration has them; durations are seconds, paths absolute. */
export type SigningOptions = LocalSigning | KmsSigning | VaultSigning;

interface File {
  readonly file: string;
}

export interface LocalSigning {
  readonly type: 'local';
  /** The first is the default. */
  readonly algorithms: readonly SigningAlgorithm[];
  readonly rotateEvery: number;
  readonly masterKey?: (File & { readonly previous?: File | undefined }) | undefined;
  readonly firstKey?: File | undefined;
}

export interface SigningRoom {
  readonly store: Store;
  /** Whether others than we may write to the store: a ring that is not encrypted is none of ours then. */
  readonly storeIsShared: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A line for operators. */
  readonly warn: (message: string) => void;
  /** As `createLocalSigner` has it. */
  readonly lookEvery?: number | undefined;
  /** A way out for the signer alone, which closes it. */
  readonly openOutbound: () => Promise<Outbound>;
}

/** @throws Error when a key or a file cannot be used; the store's own errors as they come */
export async function openSigner(options: SigningOptions, room: SigningRoom): Promise<Signer> {
  const { warn, lookEvery, now } = room;
  if (options.type === 'local') {
    const keeper = await openRingKeeper(options, room);
    return createLocalSigner({ algorithms: options.algorithms, keeper, now: () => now() / 1000, warn, lookEvery });
  }
  const remote = { now, warn, outbound: await room.openOutbound() };
  return options.type === 'vault' ? createVaultSigner(options, remote) : createKmsSigner(options, remote);
}

/** Over the rings, without a signer. @throws as `openSigner` */
export async function openRingKeeper(
  { algorithms, rotateEvery, masterKey, firstKey }: LocalSigning,
  { store, storeIsShared, now }: Pick<SigningRoom, 'store' | 'storeIsShared' | 'now'>,
): Promise<RingKeeper> {
  return createRingKeeper({
    store,
    now: () => now() / 1000,
    rotateEvery,
    masterKeys: masterKey ? await readMasterKeys(masterKey) : null,
    takePlain: !storeIsShared,
    firstKey: firstKey ? await readFirstKey(firstKey.file, algorithms) : null,
  });
}

async function readMasterKeys({ file, previous }: NonNullable<LocalSigning['masterKey']>): Promise<MasterKeys> {
  return { current: await readMasterKey(file), previous: previous ? await readMasterKey(previous.file) : null };
}
