/** `counterseal keys`: the keys in the store, which the service need not run for. Private members stay where they are. */
import type { Configuration } from '../config/configuration.js';
import { isShared } from '../config/sections/store.js';
import { readFirstKey } from '../signing/local-key.js';
import { type LocalSigning, openRingKeeper } from '../signing/open.js';
import { dueAt, keysOf, type Ring, readyAt } from '../signing/ring.js';
import type { RingKeeper } from '../signing/ring-keeper.js';
import type { SigningAlgorithm, SigningKeyStatus } from '../signing/signer.js';
import { lead, readEvery } from '../signing/times.js';
import { withStore } from '../store/with-store.js';

/** A line for the operator. */
type Warn = (message: string) => void;

/** Times are ISO 8601; null: not yet. */
export interface KeyRow {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly state: SigningKeyStatus['state'] | 'revoked';
  readonly published: string;
  readonly activated: string | null;
  readonly retired: string | null;
  readonly revoked: string | null;
  /** When it gets into its next state; null: it stays revoked, or that is known when there is a next key. */
  readonly until: string | null;
  /** When `counterseal keys rotate` may make it the active one; null: it is not the next one. */
  readonly ready: string | null;
}

/** The active key of each algorithm first. @throws Error when the store or a ring cannot be used */
export function listKeys(configuration: Configuration, warn: Warn): Promise<readonly KeyRow[]> {
  return withRings(configuration, warn, async ({ keeper, algorithms, rotateEvery }) => {
    const rows: KeyRow[] = [];
    for (const algorithm of algorithms) {
      const ring = await keeper.read(algorithm);
      if (ring === undefined) throw noKeys(algorithm);
      rows.push(...rowsOf(algorithm, ring, rotateEvery));
    }
    return rows;
  });
}

export interface Rotated {
  readonly algorithm: SigningAlgorithm;
  /** The `kid` that signs now. */
  readonly active: string;
  /** ISO 8601; null: it was rotated. */
  readonly notBefore: string | null;
}

/** Makes the next key of each algorithm the active one, where it has been published for long enough. @throws as `listKeys` */
export function rotateKeys(configuration: Configuration, warn: Warn): Promise<readonly Rotated[]> {
  return withRings(configuration, warn, async ({ keeper, algorithms }) => {
    const all: Rotated[] = [];
    for (const algorithm of algorithms) {
      const rotation = await keeper.rotate(algorithm);
      if (rotation === undefined) throw noKeys(algorithm);
      const { ring, rotated } = rotation;
      all.push({ algorithm, active: ring.active.kid, notBefore: rotated ? null : isoOrNull(readyAt(ring)) });
    }
    return all;
  });
}

export interface Revoked {
  readonly algorithm: SigningAlgorithm;
  /** The `kid`s that are. */
  readonly revoked: readonly string[];
  /** The `kid` that signs now. */
  readonly active: string;
  /** ISO 8601: until then somebody may hold a key set without the active key; null: nobody does. */
  readonly unknownUntil: string | null;
}

/**
 * Takes keys out at once, whatever their state; the next key signs in place of an active one. One that is revoked already stays so.
 * @throws as `listKeys`, and when the store does not have one of the keys: nothing is changed then
 */
export function revokeKeys(
  configuration: Configuration,
  kids: readonly string[],
  warn: Warn,
): Promise<readonly Revoked[]> {
  return withRings(configuration, warn, async ({ keeper, algorithms, firstKey }) => {
    const rings = await ringsWith(kids, { keeper, algorithms });
    const all: Revoked[] = [];
    for (const [algorithm, ring] of rings) {
      const { active, revoked } = (await keeper.revoke(algorithm, new Set(kids))) ?? ring;
      const known = active.published + lead;
      all.push({
        algorithm,
        revoked: revoked.map(({ kid }) => kid).filter((kid) => kids.includes(kid)),
        active: active.kid,
        unknownUntil: known <= Date.now() / 1000 ? null : isoOf(known),
      });
    }
    if (firstKey && kids.includes((await readFirstKey(firstKey.file, algorithms)).key.kid)) {
      warn('signing.firstKey is one of these keys: exchange it, for a store that is emptied begins with it again');
    }
    return all;
  });
}

/** The rings that have one of the keys, or had it until it was revoked. */
async function ringsWith(
  kids: readonly string[],
  { keeper, algorithms }: Pick<Rings, 'keeper' | 'algorithms'>,
): Promise<ReadonlyMap<SigningAlgorithm, Ring>> {
  const rings = new Map<SigningAlgorithm, Ring>();
  const unknown = new Set(kids);
  for (const algorithm of algorithms) {
    const ring = await keeper.read(algorithm);
    if (ring === undefined) throw noKeys(algorithm);
    const found = [...keysOf(ring), ...ring.revoked].filter(({ kid }) => unknown.delete(kid));
    if (found.length > 0) rings.set(algorithm, ring);
  }
  const [missing] = unknown;
  if (missing === undefined) return rings;
  throw new Error(`The store has no signing key ${missing}: see counterseal keys list. Nothing was changed.`);
}

interface Rings extends LocalSigning {
  readonly keeper: RingKeeper;
}

async function withRings<T>(
  { signing, store: options }: Configuration,
  warn: Warn,
  work: (rings: Rings) => Promise<T>,
): Promise<T> {
  if (signing.type !== 'local')
    throw new Error('The signing keys are not in the store: whoever keeps them rotates and revokes them.');
  return withStore(options, warn, async (store) => {
    const keeper = await openRingKeeper(signing, { store, storeIsShared: isShared(options), now: Date.now });
    return work({ ...signing, keeper });
  });
}

const noKeys = (algorithm: SigningAlgorithm): Error =>
  new Error(`The store has no signing keys for ${algorithm} yet: the first start of the service makes them.`);

function rowsOf(algorithm: SigningAlgorithm, ring: Ring, rotateEvery: number): readonly KeyRow[] {
  const { active, next, retired, revoked } = ring;
  const due = isoOrNull(dueAt(ring, rotateEvery));
  const common = { algorithm, activated: null, retired: null, revoked: null, until: null, ready: null };
  const row = ({ kid, published }: { readonly kid: string; readonly published: number }) => ({
    ...common,
    kid,
    published: isoOf(published),
  });
  return [
    { ...row(active), state: 'active', activated: isoOf(active.activated), until: due },
    ...(next === null ? [] : [{ ...row(next), state: 'next' as const, until: due, ready: isoOrNull(readyAt(ring)) }]),
    ...retired.map((key) => ({
      ...row(key),
      state: 'retired' as const,
      activated: isoOf(key.activated),
      retired: isoOf(key.retired),
      until: isoOf(key.leaves),
    })),
    ...revoked.map((key) => ({ ...row(key), state: 'revoked' as const, revoked: isoOf(key.revoked) })),
  ];
}

/** In whole seconds, rounded up. */
const isoOf = (time: number): string => new Date(Math.ceil(time) * 1000).toISOString().replace('.000Z', 'Z');

const isoOrNull = (time: number | null): string | null => (time === null ? null : isoOf(time));

/** @param now milliseconds since the epoch */
export const renderKey = (row: KeyRow, now: number): string =>
  [row.algorithm, row.state.padEnd(7), row.kid, lifeOf(row, (since) => ageOf(since ?? '', now))].join('  ');

function lifeOf(row: KeyRow, age: (since: string | null) => string): string {
  const { state, published, activated, retired, revoked, until, ready } = row;
  if (state === 'active') return `signs since ${age(activated)}, until ${until ?? 'there is a next one'}`;
  if (state === 'retired') return `retired since ${age(retired)}, leaves /jwks ${until}`;
  if (state === 'revoked') return `revoked since ${age(revoked)}, for good`;
  return `published since ${age(published)}, signs from ${until}, or by rotate from ${ready}`;
}

export const renderRotated = ({ algorithm, active, notBefore }: Rotated): string =>
  notBefore === null
    ? `${algorithm}  ${active} signs now, on every replica within ${readEvery} s`
    : `${algorithm}  ${active} goes on: the next key may be in nobody's cache yet, so it cannot sign before ${notBefore}`;

export const renderRevoked = ({ algorithm, revoked, active, unknownUntil }: Revoked): readonly string[] => [
  ...revoked.map((kid) => `${algorithm}  ${kid} is revoked: within ${readEvery} s it is in no /jwks`),
  `${algorithm}  ${active} signs now, on every replica within ${readEvery} s${
    unknownUntil === null ? '' : `; whoever caches /jwks may not know it before ${unknownUntil}`
  }`,
];

/** As `30d`, `5h`, `12m` or `3s`: the whole units that have passed. */
function ageOf(since: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  for (const [unit, length] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const) {
    if (seconds >= length) return `${Math.floor(seconds / length)}${unit}`;
  }
  return `${seconds}s`;
}
