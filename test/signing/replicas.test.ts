/** Three services over one store, with load on each, while keys rotate. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import { readyAt } from '../../src/signing/ring.js';
import { openEmbeddedStore } from '../../src/store/embedded.js';
import { clusterUrl, startService, type TestService } from '../support/service.js';
import { day, keeperOf } from '../support/signer.js';

/** Keeps a replica's key set for exactly as long as the answer allows, as a resource server may. */
function createCachingClient(service: TestService, now: () => number) {
  let cached: { readonly until: number; readonly keys: JSONWebKeySet } | undefined;
  return {
    async verify(token: string): Promise<void> {
      if (cached === undefined || now() >= cached.until) {
        const response = await fetch(`${service.url}/jwks`);
        const maxAge = Number(/max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '')?.[1]);
        cached = { keys: (await response.json()) as JSONWebKeySet, until: now() + maxAge * 1000 };
      }
      await jwtVerify(token, createLocalJWKSet(cached.keys), { currentDate: new Date(now()) });
    },
  };
}

describe('three replicas over one store', function () {
  this.timeout(60_000);
  let clock = Date.now();
  const now = () => clock;
  const services: TestService[] = [];
  const closers: (() => Promise<void>)[] = [];
  after(async () => {
    for (const service of services.slice(1)) await service.close(true);
    await services[0]?.close();
    for (const close of closers) await close();
  });

  it('issue tokens that verify by the key set of each, cached as long as it may be, through rotations by command and on schedule', async () => {
    const cluster = await createClusterIssuer({ issuer: clusterUrl, algorithm: 'ES256', now: () => clock / 1000 });
    const options = { cluster, now, more: 'signing: { rotateEvery: 1d }' };
    services.push(await startService(options));
    const { folder = '' } = services[0] ?? {};
    services.push(...(await Promise.all([1, 2].map(() => startService({ ...options, folder })))));
    const clients = services.map((service) => createCachingClient(service, now));
    const store = await openEmbeddedStore({ path: join(folder, 'store'), now });
    closers.push(() => store.close());
    const keeper = keeperOf(store, { now: () => clock / 1000, rotateEvery: day });

    // One second of ours is 1,000 s: replicas look every 100 ms, so they are late by more than 100 s.
    let running = true;
    const ticking = (async () => {
      for (; running; await pause(10)) clock += 10_000;
    })();
    const signedBy = new Set<unknown>();
    let issued = 0;
    const recent: string[] = [];

    async function load(service: TestService): Promise<void> {
      while (running) {
        const { status, body } = await service.exchange();
        assert.equal(status, 200, JSON.stringify(body));
        const token = String(body.access_token);
        signedBy.add(decodeProtectedHeader(token).kid);
        issued++;
        // What was issued up to ten tokens ago, before a rotation maybe, has to verify as well.
        recent.unshift(token);
        for (const client of clients) {
          for (const each of new Set([token, recent[10] ?? token])) await client.verify(each);
        }
      }
    }
    const loads = Promise.all(services.map(load));
    loads.catch(() => {
      running = false;
    });

    async function rotateByCommand(): Promise<void> {
      const ring = (await keeper.read('ES256')) ?? assert.fail();
      while (running && clock / 1000 < (readyAt(ring) ?? 0)) await pause(5);
      const rotations = await Promise.all([keeper.rotate('ES256'), keeper.rotate('ES256')]);
      if (running) assert.deepEqual(new Set(rotations.map((each) => each?.ring.active.kid)), new Set([ring.next?.kid]));
    }
    for (let rotation = 0; rotation < 4; rotation++) await rotateByCommand();
    await pause(500);
    running = false;
    await Promise.all([loads, ticking]);
    assert.equal(signedBy.size, 5);
    assert.ok(issued > 100, `${issued} were issued`);

    // A day later the schedule has its turn, and what was retired by command leaves.
    const last = (await keeper.read('ES256')) ?? assert.fail();
    assert.equal(last.retired.length, 4);
    clock += (day + 360) * 1000;
    for (const [index, service] of services.entries()) {
      const token = String((await service.exchange()).body.access_token);
      assert.equal(decodeProtectedHeader(token).kid, last.next?.kid);
      for (const client of clients.slice(0, index + 1)) await client.verify(token);
    }
    const { retired } = (await keeper.read('ES256')) ?? assert.fail();
    assert.deepEqual(
      retired.map(({ kid }) => kid),
      [last.active.kid],
    );
    assert.ok(services.every(({ warnings }) => warnings.every((line) => !/cannot be read/.test(line))));
  });
});
