/** Limits over all processes: rate-limiter-flexible counts, through our connections and their deadlines. */
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Ran } from './redis-node.js';
import { limit as script } from './redis-scripts.js';
import type { Key, Limit, SharedLimiter } from './store.js';

interface LimiterRoom {
  readonly run: (script: string, keys: readonly string[], values: readonly string[]) => Promise<Ran>;
  readonly keyOf: (key: Key) => string;
}

/** As the clients of the package `redis` have it. */
interface Evaluated {
  readonly keys: readonly string[];
  readonly arguments: readonly string[];
}

export function createRedisLimiter({ requests, per }: Limit, { run, keyOf }: LimiterRoom): SharedLimiter {
  const storeClient = {
    eval: async (text: string, { keys, arguments: values }: Evaluated) => (await run(text, keys, values)).reply,
  };
  const limiter = new RateLimiterRedis({
    ...{ storeClient, useRedisPackage: true, customIncrTtlLuaScript: script },
    ...{ keyPrefix: '', points: requests, duration: per },
  });
  return Object.freeze<SharedLimiter>({
    async take(key) {
      try {
        await limiter.consume(keyOf(key));
        return 0;
      } catch (refused) {
        if (refused instanceof RateLimiterRes) return Math.max(1, refused.msBeforeNext);
        throw refused;
      }
    },
    async putBack(key) {
      await limiter.reward(keyOf(key));
    },
  });
}
