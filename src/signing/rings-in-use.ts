/** The rings as they were last read, ready to be used. */
import { importPrivate, importPublic, type LocalKey, type PublicJwk } from './local-key.js';
import { notRevokedBy, statesOf } from './ring.js';
import type { KeptRing, RingKeeper } from './ring-keeper.js';
import type { Signer, SigningAlgorithm, SigningKeyStatus } from './signer.js';
import { readEvery, staleAfter } from './times.js';

export interface SigningKey extends LocalKey {
  /** The first part of a token by `typ`, of which there are as many as kinds of token that we mint. */
  readonly headers: Map<string, string>;
}

interface RingInUse extends KeptRing {
  readonly key: SigningKey;
  readonly publicKeys: readonly PublicJwk[];
  readonly states: readonly SigningKeyStatus[];
  /** Seconds since the epoch, before it was read. */
  readonly readAt: number;
}

export interface RingsRoom {
  /** The first is the default. */
  readonly algorithms: readonly SigningAlgorithm[];
  readonly keeper: RingKeeper;
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** A line for operators. */
  readonly warn: (message: string) => void;
  /** Milliseconds between two looks at the rings, default 5,000. */
  readonly lookEvery?: number | undefined;
}

export interface Rings {
  get(algorithm: SigningAlgorithm): RingInUse | undefined;
  /** Reads them now; never rejects. */
  look(): Promise<void>;
  publicKeys: Signer['publicKeys'];
  states: () => readonly SigningKeyStatus[];
  close(): Promise<void>;
}

/** Reads the rings at an interval, and does what is due. A ring that cannot be read stays as it was last read. */
export async function followRings({
  algorithms,
  keeper,
  now,
  warn,
  lookEvery = readEvery * 1000,
}: RingsRoom): Promise<Rings> {
  const rings = new Map<SigningAlgorithm, RingInUse>();
  const failing = new Set<SigningAlgorithm>();
  let publicKeys: readonly PublicJwk[] = [];
  let looking: Promise<void> | undefined;

  function use(ring: RingInUse, algorithm: SigningAlgorithm): void {
    const before = rings.get(algorithm);
    rings.set(algorithm, ring);
    if (before?.publicKeys !== ring.publicKeys) {
      publicKeys = Object.freeze(algorithms.flatMap((each) => rings.get(each)?.publicKeys ?? []));
    }
  }

  async function look(algorithm: SigningAlgorithm, last: RingInUse): Promise<void> {
    try {
      const readAt = now();
      const kept = await keeper.keep(algorithm, last.ring);
      const isSame = kept.version === last.version;
      const ring = isSame ? { ...last, readAt } : await ringInUse(algorithm, { ...kept, readAt, last });
      use(ring, algorithm);
      for (const { kid } of notRevokedBy(last.ring, kept.ring.revoked)) {
        warn(`the ${algorithm} key ${kid} was revoked: it is not published any more, and its tokens are inactive`);
      }
      if (ring.key !== last.key) warn(`tokens are signed with ${algorithm} key ${kept.ring.active.kid} now`);
      if (failing.delete(algorithm)) warn(`the signing keys for ${algorithm} can be read again`);
    } catch (error) {
      if (failing.has(algorithm)) return;
      failing.add(algorithm);
      warn(
        `the signing keys for ${algorithm} cannot be read: after ${staleAfter} s without them nothing is signed: ${(error as Error).message}`,
      );
    }
  }

  // One after the other: of two replicas with different master keys one makes the first ring, and the other then makes none.
  for (const algorithm of algorithms) {
    const readAt = now();
    use(await ringInUse(algorithm, { ...(await keeper.open(algorithm)), readAt }), algorithm);
  }
  const lookAtAll = (): Promise<void> => {
    looking ??= Promise.all([...rings].map(([algorithm, ring]) => look(algorithm, ring))).then(() => {
      looking = undefined;
    });
    return looking;
  };
  const timer = setInterval(lookAtAll, lookEvery);
  timer.unref();
  return {
    get: (algorithm) => rings.get(algorithm),
    look: lookAtAll,
    publicKeys: () => publicKeys,
    states: () => [...rings.values()].flatMap(({ states }) => states),
    async close() {
      clearInterval(timer);
      await looking;
    },
  };
}

interface ReadRing extends KeptRing {
  readonly readAt: number;
  readonly last?: RingInUse;
}

/** @throws Error that the ring is damaged */
async function ringInUse(algorithm: SigningAlgorithm, { ring, version, readAt, last }: ReadRing): Promise<RingInUse> {
  const { active, next, retired } = ring;
  const key =
    last?.key.publicJwk.kid === active.kid
      ? last.key
      : { ...(await importPrivate(algorithm, active)), headers: new Map() };
  // Its private half is tried before it is needed.
  const published = next === null ? [] : [(await importPrivate(algorithm, next)).publicJwk];
  const kept = await Promise.all(retired.map((each) => importPublic(algorithm, each)));
  const publicKeys = [key.publicJwk, ...published, ...kept];
  return { ring, version, readAt, key, publicKeys, states: statesOf(ring).map((state) => ({ algorithm, ...state })) };
}
