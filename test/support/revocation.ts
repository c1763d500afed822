/** Rooms of revocation over one store, whose log can be made to fail, and what they note. */
import { type Issue, type IssuedToken, openRevocation, type Revocation } from '../../src/revocation/revocation.js';
import type { Log } from '../../src/store/store.js';

/** Seconds since the epoch. */
export const start = 1_800_000_000;
export const lifetime = 600;

export function issue(changes: Partial<Issue> = {}): Issue {
  const issuedAt = changes.issuedAt ?? start;
  return {
    attestor: 'prod-eu',
    instance: 'pod:1',
    subject: 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent',
    resource: 'https://calendar.example/mcp',
    attestedAt: issuedAt,
    issuedAt,
    expiresAt: issuedAt + lifetime,
    ...changes,
  };
}

export interface WatchedLog {
  readonly log: Log;
  readonly appended: readonly string[];
  /** Each call fails while it is set; an append also waits for `hold`. */
  failing: boolean;
  hold: Promise<void>;
}

export function watchLog(log: Log): WatchedLog {
  const appended: string[] = [];
  const watched: WatchedLog = {
    appended,
    failing: false,
    hold: Promise.resolve(),
    log: {
      async append(entry, expiresAt) {
        await watched.hold;
        if (watched.failing) throw new Error('disk full');
        appended.push(entry);
        return log.append(entry, expiresAt);
      },
      async read(after, limit) {
        if (watched.failing) throw new Error('disk gone');
        return log.read(after, limit);
      },
    },
  };
  return watched;
}

export interface TestRoom extends Revocation {
  readonly warnings: readonly string[];
  /** What was told about what operators did. */
  readonly infos: readonly string[];
}

export async function openRoom(log: Log, now: () => number): Promise<TestRoom> {
  const [warnings, infos]: [string[], string[]] = [[], []];
  const warn = (message: string) => warnings.push(message);
  const info = (message: string) => infos.push(message);
  return { ...(await openRevocation({ log, now, warn, info })), warnings, infos };
}

/** The token of `issue`. */
export const tokenOf = ({ id = 'jti-1', ...changes }: Partial<Issue & IssuedToken> = {}): IssuedToken => ({
  id,
  ancestors: [],
  issuedAt: issue(changes).issuedAt,
  links: [issue(changes)],
});
