/**
 * The keys of one issuer, cached. Whoever sends tokens chooses their `kid`, so an unknown one may cause a load only
 * within limits: all callers share one flight, a `kid` that was looked for is not looked for again soon, and loads that
 * unknown ones cause keep a distance.
 */
import { LRUCache } from 'lru-cache';
import type { Clock, KeySet, KeySetStatus, KeyUse, VerificationAlgorithm } from '../../attestors/attestor.js';
import { withDeadline } from '../deadline.js';
import { Refusal, Rejected, Unavailable } from '../errors.js';
import { importKeys, isKid, type VerificationKey } from './key.js';
import { quoteClaim } from './quote.js';

/** Milliseconds that one load may take. */
const loadDeadline = 5_000;
/** Seconds after which the keys are loaded again in the background; earlier where they get stale earlier. */
const longestUnrefreshed = 300;
/** Seconds between two loads that unknown `kid`s cause. */
const coolDown = 5;
/** Seconds between a load that failed and the next. */
const backOff = 1;
/** Seconds for which a `kid` that a load did not bring is not looked for again. */
const unknownFor = 30;
const maxUnknown = 1_000;

export interface KeySetOptions {
  /** For messages, such as `file ./jwks.json`. */
  readonly name: string;
  /** Brings a parsed JWK Set. */
  readonly load: (signal: AbortSignal) => Promise<unknown>;
  /** Of the keys that count. Default: `sig`. */
  readonly use?: KeyUse | undefined;
  readonly now: Clock;
  /** Seconds since the last load that worked, after which the keys are no longer used. */
  readonly maxStale: number;
  /** Seconds since the last load, after which a known key too waits for a load; by default the load is in the background. */
  readonly freshFor?: number | undefined;
  readonly warn: (message: string) => void;
}

export interface HostKeySet extends KeySet {
  readonly name: string;
  /**
   * A known key at once; else a promise that rejects with *Rejected* `jwt_unknown_key` when the issuer has no such key, and
   * with *Unavailable* `keys_unavailable` when that cannot be told. A `kid` of another form than `isKid` never causes a load.
   */
  find(kid: string): VerificationKey | Promise<VerificationKey>;
  /**
   * Of a token that names no key: the only key of this algorithm. Rejects with *Rejected* `jwt_key_id` when there are several or none, and with *Unavailable*
   * as `find` does.
   */
  only(algorithm: VerificationAlgorithm): Promise<VerificationKey>;
}

export function createKeySet(options: KeySetOptions): HostKeySet {
  const { name, now, maxStale, freshFor = Number.POSITIVE_INFINITY } = options;
  const refreshAfter = Math.min(longestUnrefreshed, maxStale / 2);
  const closing = new AbortController();
  /** By `kid`, when a load did not bring it. */
  const unknown = new LRUCache<string, number>({ max: maxUnknown });
  let keys: ReadonlyMap<string, VerificationKey> = new Map();
  let loadedAt = Number.NEGATIVE_INFINITY;
  let failure: { readonly message: string; readonly at: number } | null = null;
  let unknownLoadAt = Number.NEGATIVE_INFINITY;
  let flight: Promise<void> | undefined;

  /** Seconds since then. A clock that was put back tells nothing: any limit counts as reached. */
  const since = (at: number) => (now() < at ? Number.POSITIVE_INFINITY : now() - at);
  const isStale = () => since(loadedAt) > maxStale;
  const mustLoad = () => since(loadedAt) > Math.min(maxStale, freshFor);

  /** Joins the load that is under way, or begins one unless the last one failed just now. Never rejects. */
  function load(): Promise<void> {
    if (flight !== undefined) return flight;
    if (closing.signal.aborted || (failure !== null && since(failure.at) < backOff)) return Promise.resolve();
    flight = loadOnce().finally(() => {
      flight = undefined;
    });
    return flight;
  }

  async function loadOnce(): Promise<void> {
    try {
      keys = importKeys(await withDeadline(loadDeadline, closing.signal, late, options.load), options.use);
      loadedAt = now();
      if (failure !== null) options.warn(`keys from ${name} are loaded again`);
      failure = null;
    } catch (error) {
      const message = describe(error);
      const isNews = failure?.message !== message;
      failure = { message, at: now() };
      if (isNews && !closing.signal.aborted) options.warn(`keys from ${name} could not be loaded: ${message}`);
    }
  }

  async function findAfterLoad(kid: string): Promise<VerificationKey> {
    if (!isKid(kid)) throw unknownKey(kid);
    if (mustLoad()) await load();
    else if (!keys.has(kid)) await loadForUnknown(kid);
    if (isStale()) throw unavailable(staleness());
    const key = keys.get(kid);
    if (key !== undefined) return key;
    if (failure !== null) throw unavailable(`have no kid ${quoteClaim(kid)}, and could not be loaded again`);
    throw unknownKey(kid);
  }

  async function loadForUnknown(kid: string): Promise<void> {
    if (flight === undefined && failure === null) {
      const soughtAt = unknown.get(kid);
      if (soughtAt !== undefined && since(soughtAt) < unknownFor) return;
      if (since(unknownLoadAt) < coolDown) return;
      unknownLoadAt = now();
    }
    await load();
    if (failure === null && !keys.has(kid)) unknown.set(kid, now());
  }

  const unknownKey = (kid: string) => new Rejected('jwt_unknown_key', `kid: ${quoteClaim(kid)} is no key of ${name}.`);

  async function findOnly(algorithm: VerificationAlgorithm): Promise<VerificationKey> {
    if (mustLoad()) await load();
    else if (since(loadedAt) > refreshAfter) void load();
    if (isStale()) throw unavailable(staleness());
    const [key, ...others] = [...keys.values()].filter((each) => each.algorithm === algorithm);
    if (key !== undefined && others.length === 0) return key;
    const found = key === undefined ? 'none' : `${others.length + 1}`;
    throw new Rejected('jwt_key_id', `kid: it is missing, and of keys for ${algorithm} ${name} has ${found}.`);
  }

  const staleness = () => (loadedAt === Number.NEGATIVE_INFINITY ? 'have not been loaded' : 'are too old');

  const unavailable = (what: string) =>
    new Unavailable('keys_unavailable', `The keys from ${name} ${what}: ${failure?.message ?? 'no reason is known'}.`);

  return Object.freeze<HostKeySet>({
    name,
    async ready() {
      if (isStale()) await load();
    },
    close: () => closing.abort(),
    find(kid) {
      const age = since(loadedAt);
      const key = keys.get(kid);
      if (key === undefined || mustLoad()) return findAfterLoad(kid);
      if (age > refreshAfter) void load();
      return key;
    },
    only: findOnly,
    status: (): KeySetStatus => ({
      name,
      keys: keys.size,
      ageSeconds: loadedAt === Number.NEGATIVE_INFINITY ? null : Math.max(0, Math.floor(now() - loadedAt)),
      lastError: failure?.message ?? null,
    }),
  });
}

const late = () => new Unavailable('keys_late', `no answer within ${loadDeadline} ms`);

/** Other errors than ours may quote what an upstream sent: of these only the kind is told. */
function describe(error: unknown): string {
  if (error instanceof Refusal) return error.detail.replace(/\.$/, '');
  if (!(error instanceof Error)) return 'an unknown error';
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error.name : `${error.name} ${code}`;
}
