/** Revocation by request. Times are seconds since the epoch. */
import { Unavailable } from '../errors.js';
import type { Log } from '../store/store.js';
import type { Endings } from './endings.js';
import { type Cause, type Entry, expiryOf, instanceKey, longestLife, subjectKey, type TokenEntry } from './entry.js';
import type { Ledger } from './ledger.js';
import type { RevokedTokens } from './tokens.js';

export type Target = TokenTarget | InstanceTarget | SubjectTarget;

interface TokenTarget {
  readonly kind: 'token';
  /** Its `jti`. */
  readonly id: string;
  /** Null: not known; then the entry is kept for as long as any token can live, and told to all clients. */
  readonly token: { readonly resource: string; readonly expiresAt: number } | null;
  /** Null: its own client has done with it. */
  readonly cause: Cause | null;
}

/** All its tokens, and its evidence, for a day. */
interface InstanceTarget {
  readonly kind: 'instance';
  readonly attestor: string;
  readonly instance: string;
  readonly cause: Cause;
}

/** Its tokens that have been issued until now. */
interface SubjectTarget {
  readonly kind: 'subject';
  readonly subject: string;
  readonly cause: Cause;
}

export interface Requested {
  /** False: it is revoked already, or another request is about to. */
  readonly isNew: boolean;
  /** Tokens that were issued then or earlier are revoked; of a token the time of its end. */
  readonly before: number;
  /** For which there may be such tokens, as far as the log knows. */
  readonly resources: readonly string[];
}

export interface RequestsRoom {
  readonly log: Log;
  readonly now: () => number;
  readonly refresh: () => Promise<void>;
  readonly learn: (entry: Entry) => void;
  readonly ledger: Pick<Ledger, 'latest'>;
  readonly endings: Pick<Endings, 'resources'>;
  readonly tokens: Pick<RevokedTokens, 'has'>;
}

export interface Requests {
  /** @throws Unavailable `store_unavailable`: whether it is revoked is not known, so it has to be asked for again */
  revoke(target: Target): Promise<Requested>;
}

export function createRequests(room: RequestsRoom): Requests {
  const { log, now, refresh, learn, ledger, endings, tokens } = room;
  /** By `jti`: requests for one token that come together wait for one entry. */
  const underWay = new Map<string, Promise<void>>();

  async function append(entry: Entry & { readonly kind: 'token' | 'revoked' }): Promise<void> {
    try {
      await log.append(JSON.stringify(entry), expiryOf(entry.until));
    } catch (cause) {
      throw new Unavailable('store_unavailable', 'The store did not keep the revocation.', 1, { cause });
    }
    learn(entry);
  }

  async function revokeToken(entry: TokenEntry): Promise<Requested> {
    const { id, until } = entry;
    const before = { isNew: false, before: until, resources: [] };
    if (tokens.has(id)) return before;
    const other = underWay.get(id);
    if (other !== undefined) return other.then(() => before);
    const appending = append(entry).finally(() => underWay.delete(id));
    underWay.set(id, appending);
    await appending;
    return { ...before, isNew: true };
  }

  async function revokeKey(key: string, lasting: number, cause: Cause): Promise<Requested> {
    const at = Math.max(now(), ledger.latest(key));
    const before = at + lasting;
    await append({ kind: 'revoked', key, before, until: at + longestLife, ...cause });
    return { isNew: true, before, resources: endings.resources(key, now()) };
  }

  return Object.freeze<Requests>({
    async revoke(target) {
      await refresh();
      if (target.kind === 'token') {
        const { id, token, cause } = target;
        const until = token?.expiresAt ?? now() + longestLife;
        return revokeToken({ kind: 'token', id, resource: token?.resource ?? null, until, ...cause });
      }
      if (target.kind === 'subject') return revokeKey(subjectKey(target.subject), 0, target.cause);
      // It counts as ended for as long as any token can live: its platform has that long to end it.
      return revokeKey(instanceKey(target.attestor, target.instance), longestLife, target.cause);
    },
  });
}
