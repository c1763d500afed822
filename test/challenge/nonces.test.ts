import assert from 'node:assert/strict';
import { type Nonces, openNonces } from '../../src/challenge/nonces.js';
import { Refusal } from '../../src/errors.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { until } from '../support/redis.js';

const purpose = 'urn:example:sealed';

describe('nonces', () => {
  let now = 1_800_000_000;
  const store = createMemoryStore({ now: () => now * 1000 });
  const nonces = () => openNonces(store, () => now);
  const refused = async (nonce: string, reason: string, of = purpose) =>
    assert.rejects((await nonces()).redeem(of, nonce, 'r'), (error) => {
      assert.ok(error instanceof Refusal);
      assert.equal(error.reason, reason);
      if (nonce !== '') assert.ok(!error.message.includes(nonce));
      return true;
    });

  it('has a form that every platform takes, Azure too: at most 32 letters and digits', async () => {
    assert.match((await nonces()).make(purpose), /^[0-9a-z]{32}$/);
  });

  it('differ', async () => {
    const { make } = await nonces();
    assert.equal(new Set(Array.from({ length: 10_000 }, () => make(purpose))).size, 10_000);
  });

  it('are known to another replica, and good until they end', async () => {
    const nonce = (await nonces()).make(purpose);
    now += 299;
    await (await nonces()).redeem(purpose, nonce, 'r');
  });

  it('are none of ours when they end later than any replica would say', async () => {
    const { make } = await openNonces(store, () => now + 61);
    await refused(make(purpose), 'nonce_unknown');
    const ahead = await openNonces(store, () => now + 59);
    await (await nonces()).redeem(purpose, ahead.make(purpose), 'r');
  });

  it('are good once, for whoever comes first', async () => {
    const { make, redeem } = await nonces();
    const nonce = make(purpose);
    await redeem(purpose, nonce, 'first');
    await assert.rejects(redeem(purpose, nonce, 'second'), /nonce_used: .* by request first/);
  });

  it('end after five minutes, used or not', async () => {
    const { make, redeem } = await nonces();
    const [unused, used] = [make(purpose), make(purpose)];
    await redeem(purpose, used, 'first');
    now += 300;
    await refused(unused, 'nonce_expired');
    await refused(used, 'nonce_expired');
  });

  it('stay used when the clock was ahead and is set back', async () => {
    const { make, redeem } = await nonces();
    const nonce = make(purpose);
    await redeem(purpose, nonce, 'first');
    now += 1_800;
    // What has ended is swept away as others come.
    for (let index = 0; index < 2_000; index++) await redeem(purpose, make(purpose), `r${index}`);
    now -= 1_800;
    await refused(nonce, 'nonce_used');
  });

  it('can be told from others before they are redeemed', async () => {
    const { make, check } = await nonces();
    const nonce = make(purpose);
    check(purpose, nonce);
    assert.throws(() => check('urn:x', nonce), /nonce_unknown/);
    assert.throws(() => check(purpose, '0'.repeat(32)), /nonce_unknown/);
    now += 300;
    assert.throws(() => check(purpose, nonce), /nonce_expired/);
  });

  it('are not what anybody else makes: each character counts', async () => {
    const nonce = (await nonces()).make(purpose);
    for (let index = 0; index < nonce.length; index++) {
      const other = nonce[index] === '0' ? '1' : '0';
      await refused(`${nonce.slice(0, index)}${other}${nonce.slice(index + 1)}`, 'nonce_unknown');
    }
    const elsewhere = await openNonces(createMemoryStore(), () => now);
    await refused(elsewhere.make(purpose), 'nonce_unknown');
  });

  for (const nonce of ['', '0', 'é'.repeat(32), 'Z'.repeat(32), '0'.repeat(31), '0'.repeat(33), '\0'.repeat(32)]) {
    it(`are not ${JSON.stringify(nonce.slice(0, 3))}, ${nonce.length} characters`, () =>
      refused(nonce, 'nonce_unknown'));
  }

  it('are bound to what they are for, whose name cannot run into them', async () => {
    const { make } = await nonces();
    await refused(make(purpose), 'nonce_unknown', 'urn:example:other');
    await refused(make('ab'), 'nonce_unknown', 'b');
  });

  it('fail closed when the store does not answer', async () => {
    const broken = { ...store, claim: () => Promise.reject(new Error('gone')) };
    const { make, redeem } = await openNonces(broken, () => now);
    await assert.rejects(redeem(purpose, make(purpose), 'r'), /store_unavailable/);
  });

  describe('in a store that was emptied', () => {
    const opened: Nonces[] = [];
    let behind: Store;
    const emptied: Store = {
      ...createMemoryStore(),
      get: (key) => behind.get(key),
      claim: (...claim) => behind.claim(...claim),
    };
    const start = async () => {
      const started = await openNonces(emptied, () => now, { lookEvery: 5 });
      opened.push(started);
      return started;
    };
    const isGoodAt = (nonces: Nonces, nonce: string): boolean => {
      try {
        nonces.check(purpose, nonce);
        return true;
      } catch {
        return false;
      }
    };
    beforeEach(() => {
      behind = createMemoryStore({ now: () => now * 1000 });
    });
    afterEach(() => Promise.all(opened.splice(0).map((each) => each.close())));

    it('are those of the replicas that run: they put their key there again', async () => {
      const running = await start();
      behind = createMemoryStore({ now: () => now * 1000 });
      await until(async () => (await behind.get(['nonce-key'])) !== undefined);
      const later = await start();
      assert.ok(isGoodAt(later, running.make(purpose)));
    });

    it('are those of whoever started on it first: replicas that run take its key', async () => {
      const running = await start();
      const inEmpty = createMemoryStore({ now: () => now * 1000 });
      const first = await openNonces(inEmpty, () => now);
      opened.push(first);
      behind = inEmpty;
      await until(() => isGoodAt(running, first.make(purpose)));
      assert.ok(isGoodAt(first, running.make(purpose)));
    });

    it('stay known while the store does not answer, or has a key that is damaged', async () => {
      const running = await start();
      const nonce = running.make(purpose);
      for (const get of [() => Promise.reject(new Error('gone')), async () => ({ value: 'short', version: '1' })]) {
        let asked = 0;
        const working = behind;
        behind = { ...working, get: () => get().finally(() => asked++) };
        await until(() => asked > 1);
        assert.ok(isGoodAt(running, nonce));
        behind = working;
      }
    });

    it('cost the store nothing when strangers show what is none', async () => {
      const quiet = await openNonces(emptied, () => now, { lookEvery: 60_000 });
      opened.push(quiet);
      behind = { ...behind, get: () => assert.fail('asked') };
      for (let shown = 0; shown < 100; shown++) {
        await assert.rejects(quiet.redeem(purpose, '0'.repeat(32), 'r'), /nonce_unknown/);
      }
    });
  });

  it('do not start with a damaged key', async () => {
    const damaged = createMemoryStore();
    await damaged.put(['nonce-key'], 'short');
    await assert.rejects(
      openNonces(damaged, () => now),
      /key of nonces in the store is damaged/,
    );
  });
});
