/** Keys that somebody else may have: out of use everywhere at once, and never back. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import { loadConfiguration } from '../../src/config/load.js';
import { revokeKeys } from '../../src/keys/keys.js';
import { keysOf, type Ring } from '../../src/signing/ring.js';
import type { Signer } from '../../src/signing/signer.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { introspect, startWithClients } from '../support/introspection.js';
import { clusterUrl, type TestService } from '../support/service.js';
import { day, keeperOf, localSigner } from '../support/signer.js';

const place = ['signing-key', 'ES256'] as const;
const kidOf = (token: unknown) => String(decodeProtectedHeader(String(token)).kid);
const kidsOf = (ring: Ring) => keysOf(ring).map(({ kid }) => kid);

describe('revoked signing keys', () => {
  let time: number;
  let store: Store;
  const now = () => time;
  beforeEach(() => {
    time = 1_800_000_000;
    store = createMemoryStore();
  });
  afterEach(() => store.close());
  const keeper = () => keeperOf(store, { now });
  const open = async () => (await keeper().open('ES256')).ring;
  const revoke = async (...kids: readonly (string | undefined)[]) =>
    (await keeper().revoke('ES256', new Set(kids.map(String)))) ?? assert.fail();
  const textOf = async () => (await store.get(place))?.value ?? assert.fail();

  it('are followed by the next one, though it was published this second, and by another next one', async () => {
    const { active, next } = await open();
    const after = await revoke(active.kid);
    assert.deepEqual([after.active.kid, after.active.activated], [next?.kid, time]);
    assert.ok(after.next !== null && ![active.kid, next?.kid].includes(after.next.kid));
    assert.deepEqual(after.retired, []);
    assert.deepEqual(after.revoked, [{ kid: active.kid, published: time, revoked: time }]);
    assert.ok(!(await textOf()).includes(active.jwk.d ?? assert.fail()), 'its private half is gone');
  });

  it('may be active, next and retired ones at once: another one is made and signs', async () => {
    await open();
    time += 30 * day;
    const before = await open();
    assert.equal(before.retired.length, 1);
    const after = await revoke(...kidsOf(before));
    assert.deepEqual(
      after.revoked.map(({ kid }) => kid),
      kidsOf(before),
    );
    assert.equal(kidsOf(after).length, 2);
    assert.ok(kidsOf(after).every((kid) => !kidsOf(before).includes(kid)));
  });

  it('leave the active key in use where they are next or retired', async () => {
    await open();
    time += 30 * day;
    const { active, next, retired } = await open();
    const after = await revoke(next?.kid, retired[0]?.kid);
    assert.deepEqual(after.active, active);
    assert.deepEqual(after.retired, []);
    assert.equal(after.revoked.length, 2);
  });

  it('revoked by two at once, and again later, change once', async () => {
    const { active } = await open();
    const [one, two] = await Promise.all([revoke(active.kid), revoke(active.kid)]);
    assert.deepEqual(one, two);
    const text = await textOf();
    time += 60;
    assert.deepEqual(await revoke(active.kid), one);
    assert.equal(await textOf(), text);
  });

  it('are not brought back by a replica that read the ring before, however long it was stopped', async () => {
    const before = await open();
    const after = await revoke(before.active.kid);
    for (const later of [0, 5, day, 2 * day]) {
      time += later;
      const { ring } = await keeper().keep('ES256', before);
      assert.deepEqual(kidsOf(ring), kidsOf(after));
    }
  });

  it('are revoked again where the store went back to a ring in which they sign, or to another one, by whoever knows', async () => {
    const before = await open();
    const earlier = await textOf();
    const revoked = await revoke(before.active.kid, before.next?.kid);
    await store.put(place, earlier);
    const { ring } = await keeper().keep('ES256', revoked);
    assert.ok([before.active.kid, before.next?.kid].every((kid) => !kidsOf(ring).includes(kid ?? '')));
    assert.deepEqual(ring.revoked, revoked.revoked);
    assert.ok(
      kidsOf(revoked).every((kid) => kidsOf(ring).includes(kid)),
      'what signed since verifies on',
    );
    // Emptied, and a replica with the first key in its configuration comes first.
    const other = createMemoryStore();
    const { kid, jwk } = before.active;
    await keeperOf(other, { now, firstKey: { algorithm: 'ES256', key: { kid, jwk } } }).open('ES256');
    await store.put(place, (await other.get(place))?.value ?? assert.fail());
    assert.ok(!kidsOf((await keeper().keep('ES256', ring)).ring).includes(kid));
    await other.close();
  });

  it('are in rings that know of none, as rings were written before', async () => {
    const before = await open();
    const { format, ring } = JSON.parse(await textOf());
    delete ring.revoked;
    await store.put(place, JSON.stringify({ format, ring }));
    assert.deepEqual(await open(), before);
    assert.deepEqual(kidsOf(await revoke(before.active.kid))[0], before.next?.kid);
  });

  it('are told to operators once by each replica, and are published by none', async () => {
    const lines: string[] = [];
    const { active } = await open();
    const signers: Signer[] = [];
    for (let replica = 0; replica < 3; replica++) {
      signers.push(await localSigner(['ES256'], store, { now, lookEvery: 5, warn: (line) => lines.push(line) }));
    }
    await revoke(active.kid);
    while (signers.some((signer) => signer.publicKeys().some(({ kid }) => kid === active.kid))) await pause(5);
    await pause(50);
    for (const signer of signers) {
      assert.notEqual(kidOf(await signer.sign('at+jwt', {})), active.kid);
      await signer.close();
    }
    const told = lines.filter((line) => line.includes(active.kid));
    assert.deepEqual(new Set(told), new Set([`the ES256 key ${active.kid} was revoked: ${consequence}`]));
    assert.equal(told.length, 3);
  });
  const consequence = 'it is not published any more, and its tokens are inactive';
});

describe('three replicas over one store, whose active key is revoked under load', function () {
  this.timeout(60_000);
  const services: TestService[] = [];
  after(async () => {
    for (const service of services.slice(1)) await service.close(true);
    await services[0]?.close();
  });

  it('all go on with the next key and never use the old one again, whose tokens are refused and inactive at each', async () => {
    const cluster = await createClusterIssuer({ issuer: clusterUrl });
    services.push(await startWithClients({ cluster }));
    const { folder } = services[0] ?? assert.fail();
    services.push(...(await Promise.all([1, 2].map(() => startWithClients({ cluster, folder })))));
    const issued: { readonly begun: number; readonly token: string }[] = [];
    let running = true;
    const load = async (service: TestService) => {
      while (running) {
        const begun = performance.now();
        const { status, body } = await service.exchange();
        assert.equal(status, 200, JSON.stringify(body));
        issued.push({ begun, token: String(body.access_token) });
      }
    };
    const loads = Promise.all(services.map(load));
    await pause(300);
    const stolen = issued.at(-1)?.token ?? assert.fail();
    const configuration = await loadConfiguration(join(folder, 'counterseal.yaml'));
    const [revoked] = await revokeKeys(configuration, [kidOf(stolen)], assert.fail);
    assert.ok(revoked && revoked.active !== kidOf(stolen));
    assert.ok(Date.parse(revoked.unknownUntil ?? '') > Date.now(), 'it was published a moment ago');
    // Replicas look every 100 ms here.
    const published = async (service: TestService) => (await fetch(`${service.url}/jwks`)).text();
    for (const service of services) while ((await published(service)).includes(kidOf(stolen))) await pause(10);
    const everywhere = performance.now();
    await pause(500);
    running = false;
    await loads;

    const later = issued.filter(({ begun }) => begun > everywhere);
    assert.ok(later.length > 10, `${later.length}`);
    assert.deepEqual(new Set(later.map(({ token }) => kidOf(token))), new Set([revoked.active]));
    const fresh = later.at(-1)?.token ?? assert.fail();
    for (const service of services) {
      const keys = createRemoteJWKSet(new URL(`${service.url}/jwks`));
      await jwtVerify(fresh, keys);
      await assert.rejects(jwtVerify(stolen, keys), { code: 'ERR_JWKS_NO_MATCHING_KEY' });
      assert.equal((await introspect(service, { token: fresh })).body.active, true);
      assert.deepEqual((await introspect(service, { token: stolen })).body, { active: false });
    }
  });
});
