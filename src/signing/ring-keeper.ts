/**
 * The rings in the store. Whoever finds something due writes it, on condition that nobody else has written since; whoever
 * comes second reads again. There are no locks, so a replica may end at any moment.
 */
import type { Key, Store } from '../store/store.js';
import { type FirstKey, makeKey, takeKey } from './local-key.js';
import {
  bringForward,
  firstRing,
  keysOf,
  notRevokedBy,
  publishNext,
  type Ring,
  revoke,
  rotate,
  withKeysOf,
} from './ring.js';
import { type MasterKeys, type RingForm, type RingText, readRing, writeRing } from './ring-text.js';
import type { SigningAlgorithm } from './signer.js';

export interface RingKeeperRoom {
  readonly store: Store;
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** Seconds. */
  readonly rotateEvery: number;
  readonly masterKeys: MasterKeys | null;
  readonly takePlain: boolean;
  /** Null: the first key is made. */
  readonly firstKey: FirstKey | null;
}

export interface KeptRing {
  readonly ring: Ring;
  /** Of the store. */
  readonly version: string;
}

export interface RingKeeper {
  /** What is there, unchanged. */
  read(algorithm: SigningAlgorithm): Promise<Ring | undefined>;
  /** What is there after all that is due has been done; the first ring where there is none, in the form that is written now. */
  open(algorithm: SigningAlgorithm): Promise<KeptRing>;
  /** As `open`, and leaves the form as it is. @param last what was read before: it is kept again if the store has lost it */
  keep(algorithm: SigningAlgorithm, last: Ring): Promise<KeptRing>;
  /** Makes the next key the active one, if it has been published for long enough, or somebody else just did; undefined: there is no ring. */
  rotate(algorithm: SigningAlgorithm): Promise<Rotation | undefined>;
  /** Takes those of the keys out that are there; undefined: there is no ring. */
  revoke(algorithm: SigningAlgorithm, kids: ReadonlySet<string>): Promise<Ring | undefined>;
}

interface Rotation {
  readonly ring: Ring;
  /** False: the next key is not ready. */
  readonly rotated: boolean;
}

/** Writers that may come in between, one after the other. */
const attempts = 20;

/** @throws each function: Error that tells the operator what to do; the store's own errors as they come */
export function createRingKeeper(room: RingKeeperRoom): RingKeeper {
  const { store, now, rotateEvery, firstKey } = room;
  const formOf = (algorithm: SigningAlgorithm): RingForm => ({ ...room, algorithm });

  async function read(algorithm: SigningAlgorithm) {
    const found = await store.get(placeOf(algorithm));
    return found && { text: readRing(found.value, formOf(algorithm)), version: found.version };
  }

  async function ringOf(algorithm: SigningAlgorithm, text: RingText): Promise<Ring> {
    return 'ring' in text ? text.ring : firstRing(await takeKey(algorithm, text.singleKey), now());
  }

  async function makeRing(algorithm: SigningAlgorithm): Promise<Ring> {
    const isFor = firstKey?.algorithm === algorithm;
    return firstRing(isFor ? firstKey.key : await makeKey(algorithm), now());
  }

  const write = (algorithm: SigningAlgorithm, ring: Ring, version: string | null): Promise<boolean> =>
    store.put(placeOf(algorithm), writeRing(ring, formOf(algorithm)), { ifVersion: version });

  /** Who started on an emptied store, before we noticed, has made another ring; and a store may go back to an earlier one. */
  async function withLast(algorithm: SigningAlgorithm, ring: Ring, last: Ring): Promise<Ring> {
    const forgotten = notRevokedBy(ring, last.revoked);
    const sound = forgotten.length === 0 ? ring : revoke(ring, forgotten, await makeKey(algorithm), now());
    return withKeysOf(last, sound, now());
  }

  async function bringUpToDate(algorithm: SigningAlgorithm, { last, rewrite, change }: Work): Promise<KeptRing> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const found = await read(algorithm);
      const before = found ? await ringOf(algorithm, found.text) : (last ?? (await makeRing(algorithm)));
      const whole = last ? await withLast(algorithm, before, last) : before;
      const forward = bringForward((await change?.(whole)) ?? whole, now(), rotateEvery);
      const ring = forward.next ? forward : publishNext(forward, await makeKey(algorithm), now());
      const isInForm = found && 'ring' in found.text && (found.text.isCurrent || !rewrite);
      if (isInForm && ring === before) return { ring, version: found.version };
      // What is there afterwards counts, be it of us or of another.
      await write(algorithm, ring, found?.version ?? null);
    }
    throw new Error(`The signing keys for ${algorithm} in the store could not be kept: others wrote each time.`);
  }

  async function readAsIs(algorithm: SigningAlgorithm): Promise<Ring | undefined> {
    const found = await read(algorithm);
    return found && ringOf(algorithm, found.text);
  }

  return Object.freeze<RingKeeper>({
    read: readAsIs,
    open: (algorithm) => bringUpToDate(algorithm, { rewrite: true }),
    keep: (algorithm, last) => bringUpToDate(algorithm, { last }),
    async rotate(algorithm) {
      const last = await readAsIs(algorithm);
      if (last === undefined) return undefined;
      const change = (ring: Ring) => (ring.active.kid === last.active.kid ? rotate(ring, now()) : ring);
      const { ring } = await bringUpToDate(algorithm, { last, change });
      return { ring, rotated: ring.active.kid !== last.active.kid };
    },
    async revoke(algorithm, kids) {
      const last = await readAsIs(algorithm);
      if (last === undefined) return undefined;
      const change = async (ring: Ring) => {
        const keys = keysOf(ring).filter(({ kid }) => kids.has(kid));
        const revoked = keys.map(({ kid, published }) => ({ kid, published, revoked: now() }));
        return revoke(ring, revoked, await makeKey(algorithm), now());
      };
      return (await bringUpToDate(algorithm, { last, change })).ring;
    },
  });
}

interface Work {
  /** What was read before. */
  readonly last?: Ring;
  /** Also what is not in the form in which we write. */
  readonly rewrite?: true;
  /** What is asked for beyond the schedule. */
  readonly change?: (ring: Ring) => Ring | Promise<Ring>;
}

const placeOf = (algorithm: SigningAlgorithm): Key => ['signing-key', algorithm];
