/** What a store keeps to, beyond `describeStore`, whose data outlives it and is used by several processes at once. */
import { strict as assert } from 'node:assert';
import type { Store } from '../../src/store/store.js';
import { assertOutcomes, never, runJob, type StoreProcess } from '../support/store-jobs.js';
import { birthOf, describeStore, type StoreUnderTest, start } from './store.js';

export interface SharedStoreUnderTest extends StoreUnderTest {
  /** Opens the same data again, after `store` was closed. */
  reopen(): Promise<Store>;
  /** A process over the same data, ready to work. */
  spawn(): Promise<StoreProcess>;
}

export function describeSharedStore(name: string, factory: () => Promise<SharedStoreUnderTest>): void {
  describeStore(name, factory);

  describe(`${name} as a shared store`, () => {
    let under: SharedStoreUnderTest;
    let store: Store;

    beforeEach(async () => {
      under = await factory();
      under.setNow(start);
      store = under.store;
    });
    afterEach(() => under.dispose());

    it('keeps everything over a restart', async () => {
      await store.claim(['jti', 'a'], 'claimed', start + 10);
      await store.put(['pin', 'a'], 'put');
      await store.increment(['count'], 7, never);
      const cursor = await store.log('events').append('a', never);
      const before = await store.get(['pin', 'a']);
      await store.close();
      const again = await under.reopen();
      assert.equal(await again.claim(['jti', 'a'], 'later'), 'claimed');
      assert.deepEqual(await again.get(['pin', 'a']), before);
      assert.equal(await again.increment(['count'], 1, never), 8);
      assert.deepEqual(await again.log('events').read(), [{ cursor, entry: 'a' }]);
      assert.ok((await again.log('events').append('b', never)) > cursor);
      under.setNow(start + 10);
      assert.equal(await again.claim(['jti', 'a'], 'later'), 'later');
    });

    it('was there since it was opened first, however late it is opened again', async () => {
      const since = await birthOf(store);
      await store.close();
      under.setNow(start + 1e9);
      const again = await under.reopen();
      assert.equal(await birthOf(again), since);
      assert.equal(await again.claim(['jti', 'a'], 'x', never, since), 'x');
    });

    it('is atomic between processes: one winner a key, no count lost, no log entry lost, doubled or missed', async function () {
      this.timeout(60_000);
      const { spawn } = under;
      const rounds = 50;
      const workers = 5;
      const processes = await Promise.all(Array.from({ length: workers - 1 }, () => spawn()));
      const jobs = processes.map((process, index) => process.run({ worker: `process-${index}`, workers, rounds }));
      jobs.push(runJob(store, { worker: 'here', workers, rounds }));
      const outcomes = await Promise.all(jobs);
      const winners = await assertOutcomes(store, outcomes, rounds);
      assert.ok(winners.size > 1, 'the processes did not work at the same time');
    });
  });
}
