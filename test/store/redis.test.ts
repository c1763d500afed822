/** The suites of every store, on real servers of each mode. */
import { openRedisStore } from '../../src/store/redis.js';
import type { RedisOptions } from '../../src/store/redis-options.js';
import type { Store } from '../../src/store/store.js';
import { describeSharedStore } from '../conformance/shared-store.js';
import { needRedis, type Servers, startCluster, startPair, startSentinels } from '../support/redis.js';
import { spawnStoreProcess } from '../support/store-jobs.js';

const modes: Readonly<Record<RedisOptions['mode'], () => Promise<readonly [Servers, Partial<RedisOptions>]>>> = {
  async single() {
    const pair = await startPair();
    return [pair, { url: pair.servers[0]?.url }];
  },
  async sentinel() {
    const sentinels = await startSentinels(1);
    return [sentinels, { nodes: sentinels.nodes, master: 'main' }];
  },
  async cluster() {
    const cluster = await startCluster(0);
    return [cluster, { nodes: [cluster.servers[0]?.address ?? ''] }];
  },
};

for (const mode of ['single', 'sentinel', 'cluster'] as const) {
  describe(`Redis, ${mode}`, () => {
    let servers: Servers;
    let reached: Partial<RedisOptions>;
    let round = 0;

    before(async function () {
      needRedis(this);
      [servers, reached] = await modes[mode]();
    });
    after(() => servers?.stop());

    describeSharedStore(`redis (${mode})`, async () => {
      let now = Date.now();
      const opened: Store[] = [];
      round += 1;
      const options: RedisOptions = { type: 'redis', mode, prefix: `round-${round}`, ...reached };
      const reopen = async () => {
        const store = await openRedisStore(options, { now: () => now, warn: () => {} });
        opened.push(store);
        return store;
      };
      return {
        store: await reopen(),
        setNow: (time) => (now = time),
        reopen,
        spawn: () => spawnStoreProcess(options),
        async dispose() {
          await Promise.all(opened.map((store) => store.close()));
        },
      };
    });
  });
}
