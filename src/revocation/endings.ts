/**
 * When instances ended, or were revoked as subjects are. Those that held tokens are kept until the last of these has expired, those
 * that were revoked for as long as was said; all others for some minutes, for exchanges that were under way. Times are seconds since
 * the epoch.
 */
import { type EndedEntry, longestLife, margin, type RevokedEntry } from './entry.js';

/** Seconds for which the end of an instance without tokens is remembered: longer than any exchange is under way. */
const rememberedFor = 600;
/** Of instances without tokens; beyond it the oldest is forgotten. 50 a second for half an hour. */
const maxRemembered = 100_000;

export interface Ending {
  /** Tokens that were issued then or earlier are revoked. */
  readonly before: number;
  /** The attestor's stable code, such as `pod_deleted`; `revoked` by request. */
  readonly reason: string;
}

/** The reason of what an operator revoked. */
export const byRequest = 'revoked';

export interface ListedEnding {
  readonly key: string;
  readonly before: number;
  readonly until: number;
}

interface Kept {
  ending: Ending;
  until: number;
  /** By resource, when the last token for it has expired. */
  readonly held: Map<string, number>;
  /** What of it is in the log. */
  logged: { readonly before: number; readonly until: number };
}

export interface Endings {
  /** The newest end of the instance, whether or not it held tokens. */
  latest(key: string): Ending | undefined;
  remember(key: string, ending: Ending): void;
  /** @param until when the last token for the resource that the instance holds has expired */
  keep(key: string, ending: Ending, resource: string, until: number): void;
  /** As the log has it. */
  learn(entry: EndedEntry | RevokedEntry): void;
  /** What the log does not have yet of this instance's end; undefined when it has everything. */
  unlogged(key: string): EndedEntry | undefined;
  logged(entry: EndedEntry): void;
  /** For which the key holds tokens at `now`. */
  resources(key: string, now: number): readonly string[];
  /** Ends of instances and subjects that hold tokens for one of the resources at `now`. */
  list(resources: ReadonlySet<string>, now: number): readonly ListedEnding[];
  /** Forgets what nobody needs any more. */
  sweep(now: number): void;
}

export function createEndings(): Endings {
  const kept = new Map<string, Kept>();
  /** In the order in which they ended. */
  const remembered = new Map<string, Ending>();
  const nothing = { before: Number.NEGATIVE_INFINITY, until: Number.NEGATIVE_INFINITY };

  function open(key: string, ending: Ending): Kept {
    const one = kept.get(key) ?? { ending, until: ending.before, held: new Map<string, number>(), logged: nothing };
    kept.set(key, one);
    if (ending.before > one.ending.before) one.ending = ending;
    return one;
  }

  return Object.freeze<Endings>({
    latest(key) {
      const [one, other] = [kept.get(key)?.ending, remembered.get(key)];
      if (one === undefined || other === undefined) return one ?? other;
      return one.before < other.before ? other : one;
    },
    remember(key, ending) {
      remembered.delete(key);
      remembered.set(key, ending);
      if (remembered.size <= maxRemembered) return;
      for (const oldest of remembered.keys()) {
        remembered.delete(oldest);
        return;
      }
    },
    keep(key, ending, resource, until) {
      const one = open(key, ending);
      const last = Math.max(one.held.get(resource) ?? 0, Math.min(until, ending.before + longestLife));
      one.held.set(resource, last);
      one.until = Math.max(one.until, last);
    },
    learn(entry) {
      const { key, before, until } = entry;
      const one = open(key, endingOf(entry));
      one.until = Math.max(one.until, until);
      one.logged = { before: Math.max(one.logged.before, before), until: Math.max(one.logged.until, until) };
    },
    unlogged(key) {
      const one = kept.get(key);
      if (one === undefined) return undefined;
      const { ending, until, logged } = one;
      if (ending.before <= logged.before && until <= logged.until) return undefined;
      return Object.freeze({ kind: 'ended', key, until, ...ending });
    },
    logged({ key, before, until }) {
      const one = kept.get(key);
      if (one !== undefined) one.logged = { before, until };
    },
    resources: (key, now) =>
      [...(kept.get(key)?.held ?? [])].flatMap(([resource, last]) => (last > now ? [resource] : [])),
    list(resources, now) {
      const listed: ListedEnding[] = [];
      for (const [key, { ending, held }] of kept) {
        let until = now;
        for (const [resource, last] of held) if (resources.has(resource)) until = Math.max(until, last);
        if (until > now) listed.push(Object.freeze({ key, before: ending.before, until }));
      }
      return listed;
    },
    sweep(now) {
      for (const [key, { before }] of remembered) {
        if (before + rememberedFor > now) break;
        remembered.delete(key);
      }
      for (const [key, one] of kept) {
        if (one.until + margin <= now) kept.delete(key);
        else for (const [resource, last] of one.held) if (last + margin <= now) one.held.delete(resource);
      }
    },
  });
}

export const endingOf = (entry: EndedEntry | RevokedEntry): Ending =>
  Object.freeze({ before: entry.before, reason: entry.kind === 'revoked' ? byRequest : entry.reason });
