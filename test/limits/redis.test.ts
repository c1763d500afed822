/** Limits over replicas, on a real Redis. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { RateLimited } from '../../src/errors.js';
import { createLimits } from '../../src/limits/limits.js';
import { openRedisStore } from '../../src/store/redis.js';
import type { RedisOptions } from '../../src/store/redis-options.js';
import type { Store } from '../../src/store/store.js';
import { attestationAt } from '../support/attestation.js';
import { needRedis, type Servers, startCluster, startRedis, until } from '../support/redis.js';

const room = { now: Date.now, warn: () => {} };
const address = { requests: 1_000, per: 60 };

/** One replica: a store of its own, and what it limits. */
async function replica(options: RedisOptions, per = 60) {
  const store: Store = await openRedisStore(options, room);
  const workload = { requests: 50, per };
  const limits = createLimits(
    { address, attestor: { requests: 100, per }, workload },
    { store, ...room, observe: () => {} },
  );
  return { store, limits };
}

type Replica = Awaited<ReturnType<typeof replica>>;

const workloadOf = (name: string) =>
  attestationAt(Date.now() / 1000, { attestor: 'prod-eu', subject: `spiffe://example.com/prod-eu/${name}` });

/** How many of so many at once pass, spread over the replicas. */
async function passing(times: number, replicas: readonly Replica[], ask: (one: Replica) => Promise<void> | undefined) {
  const asked = Array.from({ length: times }, async (_, index) => ask(replicas[index % replicas.length] as Replica));
  const settled = await Promise.allSettled(asked);
  for (const each of settled)
    if (each.status === 'rejected') assert.ok(each.reason instanceof RateLimited, each.reason);
  return settled.filter(({ status }) => status === 'fulfilled').length;
}

describe('limits over replicas', () => {
  let redis: Servers;
  let options: RedisOptions;
  const open: Replica[] = [];
  const start = async (per?: number) => {
    const one = await replica(options, per);
    open.push(one);
    return one;
  };
  before(async function () {
    needRedis(this);
    redis = await startRedis([]);
    options = { type: 'redis', mode: 'single', url: redis.servers[0]?.url, prefix: 'counterseal' };
  });
  beforeEach(() => redis.servers[0]?.cli('flushall'));
  afterEach(async () => {
    for (const { store } of open.splice(0)) await store.close();
  });
  after(() => redis?.stop());

  it('of 100 at once on two replicas exactly the limit passes', async () => {
    const replicas = [await start(), await start()];
    assert.equal(await passing(100, replicas, ({ limits }) => limits.workload(workloadOf('a'))), 50);
    assert.equal(await passing(100, replicas, ({ limits }) => limits.workload(workloadOf('b'))), 50);
  });

  it('a replica that is started again knows what was asked before', async () => {
    const before = await start();
    assert.equal(await passing(50, [before], ({ limits }) => limits.workload(workloadOf('a'))), 50);
    await before.store.close();
    assert.equal(await passing(10, [await start()], ({ limits }) => limits.workload(workloadOf('a'))), 0);
  });

  it('after its window the limit passes once more; the refusal has said when', async () => {
    const one = await start(1);
    const ask = () => passing(100, [one], ({ limits }) => limits.workload(workloadOf('a')));
    assert.equal(await ask(), 50);
    const refusal = await one.limits.workload(workloadOf('a'))?.catch((error: unknown) => error);
    assert.ok(refusal instanceof RateLimited && refusal.retryAfter === 1);
    await sleep(1_050);
    assert.equal(await ask(), 50);
  });

  it('what a workload asked beyond its limit costs its attestor nothing, on whichever replica', async () => {
    const replicas = [await start(), await start()];
    const ask =
      (name: string) =>
      async ({ limits }: Replica) => {
        await limits.attestor('prod-eu');
        await limits.workload(workloadOf(name));
      };
    for (let round = 0; round < 5; round++) await passing(90, replicas, ask('greedy'));
    await until(async () => {
      const [key = ''] = String(await redis.servers[0]?.cli('keys', '*attestor*')).split('\n');
      return (await redis.servers[0]?.cli('get', key)) === '50';
    });
    assert.equal(await passing(50, replicas, ask('modest')), 50);
    assert.equal(await passing(1, replicas, ask('third')), 0);
  });

  it('nothing is given back to a window that has ended', async () => {
    const { store } = await start();
    const limiter = store.limiter?.({ requests: 5, per: 1 });
    await limiter?.putBack(['attestor', 'prod-eu']);
    const waits = await Promise.all(Array.from({ length: 6 }, () => limiter?.take(['attestor', 'prod-eu'])));
    assert.equal(waits.filter((wait) => wait === 0).length, 5);
  });

  it('keys are of the prefix, and each ends with its window', async () => {
    const one = await start();
    await one.limits.workload(workloadOf('a'));
    const keys = String(await redis.servers[0]?.cli('keys', '*limit*')).split('\n');
    assert.equal(keys.length, 1);
    const [key = ''] = keys;
    assert.match(key, /^counterseal:\{\d+\}:limit:\["workload","spiffe:/);
    const left = Number(await redis.servers[0]?.cli('ttl', key));
    assert.ok(left > 0 && left <= 60);
  });

  it('addresses are none of its keys: strangers cannot fill it', async () => {
    const one = await start();
    for (let index = 0; index < 100; index++) one.limits.arrival(`192.0.2.${index}`);
    assert.equal(await redis.servers[0]?.cli('keys', '*address*'), '');
  });

  it('while Redis does not answer, each process counts for itself, without waiting for each request', async () => {
    const one = await start();
    const [server] = redis.servers;
    server?.signal('SIGSTOP');
    try {
      assert.equal(await passing(100, [one], ({ limits }) => limits.workload(workloadOf('a'))), 50);
      await until(() => one.store.status?.().isAnswering === false);
      const began = performance.now();
      assert.equal(await passing(100, [one], ({ limits }) => limits.workload(workloadOf('b'))), 50);
      assert.ok(performance.now() - began < 100);
    } finally {
      server?.signal('SIGCONT');
    }
    await until(() => one.store.status?.().isAnswering === true);
    assert.equal(await passing(100, [one], ({ limits }) => limits.workload(workloadOf('c'))), 50);
  });
});

describe('limits over replicas, on a cluster', () => {
  it('of 100 at once exactly the limit passes, of workloads on all its nodes', async function () {
    this.timeout(60_000);
    needRedis(this);
    const cluster = await startCluster(0);
    const nodes = cluster.servers.map(({ address: node }) => node);
    const options: RedisOptions = { type: 'redis', mode: 'cluster', nodes, prefix: 'counterseal' };
    const replicas = [await replica(options), await replica(options)];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      assert.equal(await passing(100, replicas, ({ limits }) => limits.workload(workloadOf(name))), 50, name);
    }
    for (const { store } of replicas) await store.close();
    await cluster.stop();
  });
});
