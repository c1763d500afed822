/** The primary is killed while many claim, over two stores: nothing is won twice, and what was told is kept. */
import { strict as assert } from 'node:assert';
import { openRedisStore } from '../../src/store/redis.js';
import type { RedisOptions } from '../../src/store/redis-options.js';
import type { Store } from '../../src/store/store.js';
import { needRedis, type Servers, startCluster, startSentinels, until } from '../support/redis.js';

const redemptions = 100;

describe('Redis that fails over under load', function () {
  this.timeout(60_000);
  const modes: [RedisOptions['mode'], () => Promise<[Servers, Partial<RedisOptions>]>][] = [
    [
      'sentinel',
      async () => {
        const sentinels = await startSentinels(2);
        return [sentinels, { nodes: sentinels.nodes, master: 'main' }];
      },
    ],
    [
      'cluster',
      async () => {
        const cluster = await startCluster(1);
        return [cluster, { nodes: cluster.servers.map(({ address }) => address) }];
      },
    ],
  ];

  before(function () {
    needRedis(this);
  });

  for (const [mode, startServers] of modes) {
    it(`${mode}: of ${redemptions} redemptions of each single-use thing at once, over two replicas, one succeeds [SPIRE 1.14.6]`, async () => {
      const [servers, reached] = await startServers();
      const stores: Store[] = [];
      try {
        for (let replica = 0; replica < 2; replica++) {
          const options: RedisOptions = { type: 'redis', mode, prefix: 'counterseal', ...reached };
          stores.push(await openRedisStore(options, { now: Date.now, warn: () => {} }));
        }
        await failOver(servers, stores);
      } finally {
        await Promise.all(stores.map((store) => store.close()));
        await servers.stop();
      }
    });
  }
});

async function failOver(servers: Servers, stores: readonly Store[]): Promise<void> {
  await until(() => redeem(stores, 'warm').then((winner) => winner !== undefined));
  const won = new Map<string, string>();
  let unknown = 0;
  const round = async (thing: string): Promise<void> => {
    const winner = await redeem(stores, thing);
    if (winner === undefined) unknown += 1;
    else won.set(thing, winner);
  };
  for (let thing = 0; thing < 10; thing++) await round(`before-${thing}`);
  const during = Array.from({ length: 10 }, (_, thing) => round(`during-${thing}`));
  const killed = performance.now();
  await servers.servers[0]?.kill();
  await Promise.all(during);
  let answersAgain: number | undefined;
  for (let thing = 0; thing < 400 && answersAgain === undefined; thing++) {
    const before = won.size;
    // Every part, so that in a cluster the lost primary's are among them.
    await Promise.all(Array.from({ length: 32 }, (_, part) => round(`after-${thing}-${part}`)));
    if (won.size - before === 32) answersAgain = performance.now() - killed;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(answersAgain !== undefined, 'it never answered again');
  console.log(
    `      all answers again after ${Math.round(answersAgain)} ms; ${won.size} won, ${unknown} things unknown`,
  );
  assert.ok(unknown > 0, 'nothing failed: the primary was not needed');
  for (const [thing, winner] of won) {
    // The other store may come to know the new primary a moment later.
    const late = () => (stores[1] as Store).claim(['evidence', thing], 'late', Date.now() + 600_000);
    let kept: string | undefined;
    await until(async () => {
      kept = await late().catch(() => undefined);
      return kept !== undefined;
    });
    assert.equal(kept, winner, thing);
  }
}

/** @returns the one who won, if anybody was told so */
async function redeem(stores: readonly Store[], thing: string): Promise<string | undefined> {
  const callers = Array.from(
    { length: thing.startsWith('after') ? 4 : redemptions },
    (_, caller) => `${thing}/${caller}`,
  );
  const told = await Promise.allSettled(
    callers.map((caller, index) =>
      (stores[index % 2] as Store).claim(['evidence', thing], caller, Date.now() + 600_000),
    ),
  );
  const winners = callers.filter((caller, index) => {
    const each = told[index];
    return each?.status === 'fulfilled' && each.value === caller;
  });
  assert.ok(winners.length <= 1, `${thing} was won by ${winners}`);
  return winners[0];
}
