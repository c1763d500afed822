/** One primary: scripts on it, each with a deadline, and the word of a replica for what they wrote. */
import type { Redis } from 'ioredis';
import { StoreAway } from '../errors.js';
import { faultOf, RedisUnacknowledged, RedisUnfit } from './redis-fault.js';

/** Milliseconds for a command. */
export const commandTimeout = 700;
/** Milliseconds that a replica has to acknowledge; shorter, since what is sent behind waits too. */
const waitTimeout = 500;

export interface Ran {
  readonly reply: unknown;
  /** @throws Error unless a replica has what the script wrote */
  acknowledged(): Promise<void>;
}

export interface RedisNode {
  /** @throws Error of `redis-fault.ts`, with the server's address before it */
  run(script: string, keys: readonly string[], values: readonly string[]): Promise<Ran>;
  /** Gives up the connection, and makes another one where this mode makes one. */
  reconnect(): void;
}

/** A WAIT vouches for what this connection sent before it, and for nothing that another connection sent. */
interface Wait {
  readonly connection: number;
  readonly number: number;
  readonly replicas: Promise<number>;
}

export function createNode(redis: Redis): RedisNode {
  let connection = 0;
  let waits = 0;
  let newest: Wait | undefined;
  let fit: { readonly connection: number; readonly checked: Promise<void> } | undefined;
  let lastFault: unknown;
  let givenUp = -1;
  redis.on('close', () => {
    connection += 1;
  });
  redis.on('error', (error: unknown) => {
    lastFault = error;
  });
  redis.on('ready', () => {
    lastFault = undefined;
  });

  const named = (error: unknown): Error => {
    // Why there is no connection was said when it failed, and is not in what a command is told.
    const isUnconnected = /writeable|Connection is closed|max retries/i.test((error as Error).message ?? '');
    const fault = faultOf(isUnconnected ? (lastFault ?? error) : error, commandTimeout);
    const message = `Redis${addressOf(redis)}: ${fault.message}`;
    return fault instanceof RedisUnfit
      ? new RedisUnfit(message, { cause: error })
      : new StoreAway(message, { cause: error });
  };

  /** Anew for each connection: behind one address there may be another server now. */
  function checkFit(): Promise<void> {
    if (fit?.connection !== connection) {
      const checked = refuseUnfit(redis);
      const mine = { connection, checked };
      fit = mine;
      checked.catch(() => {
        if (fit === mine) fit = undefined;
      });
    }
    return fit.checked;
  }

  function reconnect(): void {
    if (givenUp === connection) return;
    givenUp = connection;
    redis.disconnect(true);
  }

  async function acknowledge(sent: { readonly connection: number; readonly waits: number }): Promise<void> {
    if (sent.connection !== connection) throw new Error('Connection is closed.');
    if (newest?.connection !== connection || newest.number <= sent.waits) {
      waits += 1;
      newest = { connection, number: waits, replicas: redis.wait(1, waitTimeout) };
    }
    if ((await newest.replicas) < 1) {
      throw new RedisUnacknowledged(`no replica acknowledged the write within ${waitTimeout} ms`);
    }
  }

  return Object.freeze<RedisNode>({
    async run(script, keys, values) {
      try {
        await checkFit();
        const sent = { connection, waits };
        const reply = await redis.eval(script, keys.length, ...keys, ...values);
        return {
          reply,
          acknowledged: () =>
            acknowledge(sent).catch((error) => {
              throw named(error);
            }),
        };
      } catch (error) {
        // It was demoted: whoever names the primary is asked again.
        if (/READONLY/.test((error as Error).message)) reconnect();
        throw named(error);
      }
    },
    reconnect,
  });
}

const addressOf = ({ options: { host, port, sentinels } }: Redis): string =>
  sentinels ? ' behind Sentinel' : ` at ${host}:${port}`;

/** @throws RedisUnfit when it would lose claims by design, or cannot run the scripts */
async function refuseUnfit(redis: Redis): Promise<void> {
  const info = await redis.info();
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';
  const version = field('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (!(major > 6 || (major === 6 && minor >= 2))) {
    throw new RedisUnfit(
      `its version is ${/^[\d.]{1,20}$/.test(version) ? version : 'unknown'}; expected 6.2 or later`,
    );
  }
  const policy = field('maxmemory_policy');
  if (policy !== 'noeviction') {
    const found = /^[a-z-]{1,30}$/.test(policy) ? policy : 'unknown';
    throw new RedisUnfit(
      `its maxmemory-policy is ${found}, which forgets claims when memory is short: set it to noeviction`,
    );
  }
}
