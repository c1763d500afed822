/**
 * Which instances hold tokens that have not expired, and for which resources. A pair of both is *covered* until a time:
 * whatever is issued for it and expires by then needs no further entry in the log. Times are seconds since the epoch.
 */
interface Pair {
  /** The first token that is counted was issued then. */
  from: number;
  /** `from` of the newest entry that covers the pair. */
  renewed: number;
  until: number;
  /** When this process last issued a token for the pair; minus infinity: never. */
  issuedHere: number;
}

/** What an instance held when it ended. */
export interface Taken {
  readonly resource: string;
  readonly until: number;
  readonly issuedHere: number;
}

export interface Ledger {
  /** Whether the pair is covered as far as the token lives; then the token is counted. One look-up, no I/O. */
  covers(key: string, resource: string, issuedAt: number, expiresAt: number): boolean;
  cover(key: string, resource: string, from: number, until: number): void;
  /** What was held since `before` or longer; what was renewed only afterwards stays. */
  take(key: string, before: number): readonly Taken[];
  /** When the newest token was issued that is known of; minus infinity: none is. */
  latest(key: string): number;
  /** Keys with the prefix that hold tokens at `now`. */
  keys(prefix: string, now: number): readonly string[];
  /** Forgets what has expired. */
  sweep(now: number): void;
}

export function createLedger(): Ledger {
  const instances = new Map<string, Map<string, Pair>>();

  return Object.freeze<Ledger>({
    covers(key, resource, issuedAt, expiresAt) {
      const pair = instances.get(key)?.get(resource);
      if (pair === undefined || pair.until < expiresAt) return false;
      pair.issuedHere = issuedAt;
      return true;
    },
    cover(key, resource, from, until) {
      const pairs = instances.get(key) ?? new Map<string, Pair>();
      instances.set(key, pairs);
      const pair = pairs.get(resource);
      if (pair === undefined) {
        pairs.set(resource, { from, renewed: from, until, issuedHere: Number.NEGATIVE_INFINITY });
        return;
      }
      pair.from = Math.min(pair.from, from);
      pair.renewed = Math.max(pair.renewed, from);
      pair.until = Math.max(pair.until, until);
    },
    take(key, before) {
      const pairs = instances.get(key);
      if (pairs === undefined) return [];
      const taken: Taken[] = [];
      for (const [resource, pair] of pairs) {
        if (pair.from > before) continue;
        taken.push({ resource, until: pair.until, issuedHere: pair.issuedHere });
        if (pair.renewed > before) pair.from = pair.renewed;
        else pairs.delete(resource);
      }
      if (pairs.size === 0) instances.delete(key);
      return taken;
    },
    latest(key) {
      const pairs = instances.get(key)?.values() ?? [];
      let latest = Number.NEGATIVE_INFINITY;
      for (const { renewed, issuedHere } of pairs) latest = Math.max(latest, renewed, issuedHere);
      return latest;
    },
    keys: (prefix, now) =>
      [...instances].flatMap(([key, pairs]) =>
        key.startsWith(prefix) && [...pairs.values()].some(({ until }) => until > now) ? [key] : [],
      ),
    sweep(now) {
      for (const [key, pairs] of instances) {
        for (const [resource, { until }] of pairs) if (until <= now) pairs.delete(resource);
        if (pairs.size === 0) instances.delete(key);
      }
    },
  });
}
