/** Tokens that were revoked one by one, until they have expired. Times are seconds since the epoch. */
import { margin, type TokenEntry } from './entry.js';

export interface ListedToken {
  /** Its `jti`. */
  readonly id: string;
  readonly until: number;
}

export interface RevokedTokens {
  has(id: string): boolean;
  add(entry: TokenEntry): void;
  /** Those for one of the resources, and those of which it is not known, that may not have expired at `now`. */
  list(resources: ReadonlySet<string>, now: number): readonly ListedToken[];
  /** Forgets what nobody needs any more. */
  sweep(now: number): void;
}

export function createRevokedTokens(): RevokedTokens {
  const revoked = new Map<string, { readonly resource: string | null; readonly until: number }>();
  return Object.freeze<RevokedTokens>({
    has: (id) => revoked.has(id),
    add({ id, resource, until }) {
      const known = revoked.get(id);
      // Who showed the token knew more of it than who named its id.
      if (known !== undefined && resource === null) return;
      revoked.set(id, { resource, until: Math.max(until, known?.until ?? 0) });
    },
    list: (resources, now) =>
      [...revoked].flatMap(([id, { resource, until }]) =>
        until > now && (resource === null || resources.has(resource)) ? [Object.freeze({ id, until })] : [],
      ),
    sweep(now) {
      for (const [id, { until }] of revoked) if (until + margin <= now) revoked.delete(id);
    },
  });
}
