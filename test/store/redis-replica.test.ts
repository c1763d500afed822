/** Where somebody may take over from the primary, nothing is told that only the primary knows. */
import { strict as assert } from 'node:assert';
import { openRedisStore } from '../../src/store/redis.js';
import type { RedisOptions } from '../../src/store/redis-options.js';
import { needRedis, type RedisServer, type SentinelServers, startSentinels, until } from '../support/redis.js';

describe('Redis behind Sentinel without a replica', () => {
  let sentinels: SentinelServers;
  let primary: RedisServer;
  let replica: RedisServer;
  const warnings: string[] = [];
  const room = { now: Date.now, warn: (line: string) => warnings.push(line) };
  const behind = (): RedisOptions => ({
    ...{ type: 'redis', mode: 'sentinel', prefix: 'counterseal' },
    ...{ nodes: sentinels.nodes, master: 'main' },
  });

  before(async function () {
    needRedis(this);
    sentinels = await startSentinels(1);
    [primary, replica] = sentinels.servers as [RedisServer, RedisServer];
  });
  after(() => sentinels?.stop());

  it('takes no claim and keeps none, says so, also at start, and works again by itself when there is one', async () => {
    const store = await openRedisStore(behind(), room);
    const alone = /no replica is connected to it \(NOREPLICA\).* give it one, or use mode single/;
    await until(() => store.put(['pin', 'a'], 'value').catch(() => false));
    assert.equal(await store.claim(['jti', 'a'], 'first'), 'first');
    await replica.kill();
    await until(async () => !/state=online/.test(await primary.cli('info', 'replication')));

    await assert.rejects(store.claim(['jti', 'b'], 'first'), alone);
    await assert.rejects(store.claim(['jti', 'a'], 'first'), alone);
    await assert.rejects(store.put(['pin', 'b'], 'value'), alone);
    await assert.rejects(store.log('events').append('a', Date.now() + 60_000), alone);
    assert.equal(await store.claim(['jti', 'a'], 'second'), 'first');
    assert.equal(await store.get(['jti', 'b']), undefined);
    assert.equal(await store.increment(['count'], 1, Date.now() + 60_000), 1);
    await until(() => warnings.some((line) => alone.test(line)));
    assert.equal(store.status?.().isAnswering, false);

    warnings.splice(0);
    const later = openRedisStore(behind(), room);
    await until(() => warnings.some((line) => alone.test(line) && /it is tried again until it works/.test(line)));
    const single = await openRedisStore({ type: 'redis', mode: 'single', prefix: 'other', url: primary.url }, room);
    assert.equal(await single.claim(['jti', 'b'], 'alone'), 'alone');
    await single.close();

    await replica.start();
    await replica.cli('replicaof', '127.0.0.1', String(primary.port));
    await (await later).close();
    await until(() =>
      store.claim(['jti', 'b'], 'second').then(
        (winner) => winner === 'second',
        () => false,
      ),
    );
    await until(() => store.status?.().isAnswering === true);
    await store.close();
  });
});
