/** Keys that change under a signer, and a store that fails under it. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { Rejected, Unavailable } from '../../src/errors.js';
import { createReadOwnToken } from '../../src/introspection/own-token.js';
import type { Signer } from '../../src/signing/signer.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { day, keeperOf, localSigner } from '../support/signer.js';

const place = ['signing-key', 'ES256'] as const;
const kidOf = (token: string) => decodeProtectedHeader(token).kid;

describe('signing keys that change', () => {
  let time: number;
  let store: Store;
  let open: Signer[];
  let warnings: string[];
  const now = () => time;
  beforeEach(() => {
    time = 1_800_000_000;
    store = createMemoryStore();
    open = [];
    warnings = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((signer) => signer.close()));
    await store.close();
  });

  async function start(over: Store = store, lookEvery = 5): Promise<Signer> {
    const signer = await localSigner(['ES256'], over, { now, lookEvery, warn: (message) => warnings.push(message) });
    open.push(signer);
    return signer;
  }
  const statesOf = (signer: Signer) => signer.keys?.().map(({ state }) => state);
  const until = async (holds: () => boolean) => {
    while (!holds()) await pause(5);
  };

  it('are taken over from a store of version 0.1, whose tokens verify on', async () => {
    const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    await store.put(place, JSON.stringify(jwk));
    const kid = await calculateJwkThumbprint(jwk);
    const signer = await start();
    assert.equal(kidOf(await signer.sign('at+jwt', {})), kid);
    assert.deepEqual(statesOf(signer), ['active', 'next']);
    const kept = JSON.parse((await store.get(place))?.value ?? '');
    assert.deepEqual(Object.keys(kept), ['format', 'ring']);
    assert.equal(kept.ring.active.kid, kid);
    const again = await start();
    assert.deepEqual(again.publicKeys(), signer.publicKeys());
  });

  it('stay published when the store lost them, and another replica had made others before anybody noticed', async () => {
    const one = await start();
    const before = one.publicKeys().map(({ kid }) => kid);
    const emptied = createMemoryStore();
    const other = await start(emptied, 1_000_000);
    const made = other.publicKeys().map(({ kid }) => kid);
    await store.put(place, (await emptied.get(place))?.value ?? '');
    await until(() => one.publicKeys().length === 4);
    assert.deepEqual(
      one.publicKeys().map(({ kid }) => kid),
      [...made, ...before],
    );
    assert.equal(kidOf(await one.sign('at+jwt', {})), made[0]);
    await emptied.close();
  });

  it('change on every replica, by whichever of them comes first; all know beforehand what the others sign with', async () => {
    const replicas = await Promise.all([start(), start(), start()]);
    const [one] = replicas as [Signer, Signer, Signer];
    const published = createLocalJWKSet({ keys: [...one.publicKeys()] });
    const before = kidOf(await one.sign('at+jwt', {}));
    time += 30 * day;
    await until(() => replicas.every((each) => statesOf(each)?.length === 3));
    for (const replica of replicas) {
      assert.deepEqual(replica.publicKeys(), one.publicKeys());
      assert.deepEqual(statesOf(replica), ['active', 'next', 'retired']);
      const token = await replica.sign('at+jwt', {});
      assert.notEqual(kidOf(token), before);
      await jwtVerify(token, published);
    }
    assert.equal(warnings.filter((line) => /^tokens are signed with ES256 key \S+ now$/.test(line)).length, 3);
    time += day + 360;
    await until(() => replicas.every((each) => statesOf(each)?.length === 2));
  });

  it('of racing replicas come to the same ring', async () => {
    const keepers = Array.from({ length: 6 }, () => keeperOf(store, { now }));
    const first = await Promise.all(keepers.map((keeper) => keeper.open('ES256')));
    assert.equal(new Set(first.map(({ ring }) => JSON.stringify(ring))).size, 1);
    time += 30 * day;
    const last = first[0]?.ring ?? assert.fail();
    const second = await Promise.all([
      ...keepers.slice(0, 3).map(async (keeper) => (await keeper.keep('ES256', last)).ring),
      ...keepers.slice(3).map(async (keeper) => (await keeper.rotate('ES256'))?.ring),
    ]);
    assert.equal(new Set(second.map((ring) => JSON.stringify(ring))).size, 1);
    assert.deepEqual([second[0]?.active.kid, second[0]?.retired.length], [last.next?.kid, 1]);
  });

  it('are read as our own when they are next or retired, and no more when they have left', async () => {
    const issuer = 'https://sts.example.com';
    const [late, quick] = [await start(store, 60_000), await start()];
    const read = (signer: Signer, token: string) =>
      createReadOwnToken({ issuer, signer, now })(token, new Set(['https://api.example']));
    const sign = (signer: Signer) =>
      signer.sign('at+jwt', {
        ...{ iss: issuer, aud: 'https://api.example', sub: 's', client_id: 's', jti: 'j', iat: time, exp: time + 600 },
        attestation: { attestor: 'a', instance: 'i' },
      });
    const retired = await sign(late);
    time += 660;
    await keeperOf(store, { now }).rotate('ES256');
    await until(() => statesOf(quick)?.length === 3);
    const newer = await sign(quick);
    assert.notEqual(kidOf(newer), kidOf(retired));
    assert.equal((await read(late, newer)).links[0]?.attestor, 'a');
    time -= 600;
    assert.equal((await read(quick, retired)).links[0]?.attestor, 'a');
    time += 600 + day + 360;
    await until(() => statesOf(quick)?.length === 2);
    await assert.rejects(
      read(quick, retired),
      (error) => error instanceof Rejected && /no key of ours/.test(error.detail),
    );
  });

  it('sign on for 300 s without the store, then nothing, and again when it answers', async () => {
    let fails = false;
    const failing: Store = { ...store, get: (key) => (fails ? Promise.reject(new Error('canary')) : store.get(key)) };
    const signer = await start(failing);
    fails = true;
    time += 300;
    await until(() => warnings.length > 0);
    await signer.sign('at+jwt', {});
    time += 1;
    await assert.rejects(
      signer.sign('at+jwt', {}),
      (error) => error instanceof Unavailable && error.reason === 'signing_keys_stale',
    );
    assert.equal(signer.publicKeys().length, 2, 'what was signed can be verified on');
    await pause(20);
    assert.equal(warnings.length, 1, 'it is told once');
    assert.match(warnings[0] ?? '', /^the signing keys for ES256 cannot be read: after 300 s .* nothing is signed/);
    fails = false;
    await signer.sign('at+jwt', {});
    assert.match(warnings[1] ?? '', /can be read again/);
  });

  it('are not used by a clock that was put back by more than clocks may differ, until they have been read again', async () => {
    let reads = 0;
    const counting: Store = { ...store, get: (key) => store.get(key).finally(() => reads++) };
    const signer = await start(counting, 60_000);
    reads = 0;
    time -= 60;
    await signer.sign('at+jwt', {});
    assert.equal(reads, 0);
    time -= 1;
    await signer.sign('at+jwt', {});
    assert.equal(reads, 1);
  });

  it('are kept again by a replica that runs when the store has lost them', async () => {
    let under = store;
    const emptied = createMemoryStore();
    const losing: Store = {
      ...store,
      get: (key) => under.get(key),
      put: (key, value, options) => under.put(key, value, options),
    };
    const [one, two] = [await start(losing), await start(losing)];
    const before = one.publicKeys();
    under = emptied;
    while ((await emptied.get(place)) === undefined) await pause(5);
    const after = await start(losing);
    for (const signer of [one, two, after]) assert.deepEqual(signer.publicKeys(), before);
    await emptied.close();
  });

  it('stay as they are when what stands in the store is none of ours', async () => {
    const signer = await start();
    const before = signer.publicKeys();
    for (const text of ['canary', '{"format":2}']) {
      await store.put(place, text);
      await until(() => warnings.length > 0);
      assert.deepEqual(signer.publicKeys(), before);
      assert.equal((await store.get(place))?.value, text);
      assert.doesNotMatch(warnings.join(), /canary/);
    }
  });
});
