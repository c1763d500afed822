/** What every store keeps to. A store's own test file opens one and calls `describeStore`, or `describeSharedStore`. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { ClaimsUnknown, type Key, type Store } from '../../src/store/store.js';
import { assertOutcomes, never, runJob } from '../support/store-jobs.js';

export interface StoreUnderTest {
  readonly store: Store;
  /** Milliseconds since the epoch, for every store of this test but those in other processes. */
  setNow(now: number): void;
  /** Closes whatever is open and removes the data. */
  dispose(): Promise<void>;
}

/** Where the clock of every test stands at first. */
export const start = Date.UTC(2026, 0, 1);

export function describeStore(name: string, factory: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a store`, () => {
    let under: StoreUnderTest;
    let store: Store;

    beforeEach(async () => {
      under = await factory();
      under.setNow(start);
      store = under.store;
    });
    afterEach(() => under.dispose());

    describe('claim', () => {
      it('gives the first value to every later caller', async () => {
        assert.equal(await store.claim(['jti', 'a'], 'first'), 'first');
        assert.equal(await store.claim(['jti', 'a'], 'second'), 'first');
        assert.equal((await store.get(['jti', 'a']))?.value, 'first');
      });

      it('has one winner among 100 callers at once, and all see the same value', async () => {
        const callers = Array.from({ length: 100 }, (_, caller) => String(caller));
        const seen = await Promise.all(callers.map((caller) => store.claim(['jti', 'a'], caller, start + 1)));
        assert.equal(new Set(seen).size, 1);
        assert.ok(callers.includes(String(seen[0])));
      });

      it('keeps what put has stored, and not the claim', async () => {
        await store.put(['pin', 'a'], 'put');
        assert.equal(await store.claim(['pin', 'a'], 'claimed'), 'put');
      });

      it('can be won again from the millisecond of its expiry, and not before', async () => {
        await store.claim(['jti', 'a'], 'first', start + 1000);
        under.setNow(start + 999);
        assert.equal(await store.claim(['jti', 'a'], 'second', start + 5000), 'first');
        under.setNow(start + 1000);
        assert.equal(await store.get(['jti', 'a']), undefined);
        assert.equal(await store.claim(['jti', 'a'], 'third', start + 5000), 'third');
        under.setNow(start + 4999);
        assert.equal(await store.claim(['jti', 'a'], 'fourth'), 'third');
      });

      it('has one winner among 100 callers at once of a claim that has expired', async () => {
        await store.claim(['jti', 'a'], 'old', start + 1);
        under.setNow(start + 1);
        const callers = Array.from({ length: 100 }, (_, caller) =>
          store.claim(['jti', 'a'], String(caller), start + 2),
        );
        const seen = new Set(await Promise.all(callers));
        assert.equal(seen.size, 1);
        assert.ok(!seen.has('old'));
      });

      it('of what may have been claimed before the store was there is refused, and leaves nothing; of what is newer is won', async () => {
        const since = await birthOf(store);
        await assert.rejects(store.claim(['jti', 'a'], 'first', never, since - 1), ClaimsUnknown);
        assert.equal(await store.get(['jti', 'a']), undefined);
        assert.equal(await store.claim(['jti', 'a'], 'second', never, since), 'second');
        assert.equal(await store.claim(['jti', 'a'], 'third', never, since - 1), 'second');
      });

      it('does not expire without an expiry', async () => {
        await store.claim(['jti', 'a'], 'first');
        under.setNow(start + 1e12);
        assert.equal(await store.claim(['jti', 'a'], 'second'), 'first');
      });
    });

    describe('keys', () => {
      it('are unambiguous: ("ab","c") and ("a","bc") do not collide [node-oidc-provider and fosite replay keys]', async () => {
        const keys: Key[] = [
          ['ab', 'c'],
          ['a', 'bc'],
          ['abc'],
          ['abc', ''],
          ['a', 'b', 'c'],
          ['a,b', 'c'],
          ['a"', 'c'],
          ['a\u0000b', 'c'],
          ['["ab","c"]'],
          ['x', '\ud800'],
          ['x', '\udfff'],
          ['x', '\ufffd'],
        ];
        const seen = await Promise.all(keys.map((key, index) => store.claim(key, String(index))));
        assert.deepEqual(seen, Object.keys(keys));
      });

      it('are different keys exactly when their parts differ', async () => {
        const part = fc.string({ unit: 'binary', maxLength: 40 });
        const key = fc.tuple(part, part, part).map(([a, b, c]): Key => (c === '' ? [a, b] : [a, b, c]));
        const claimed = new Map<string, string>();
        await fc.assert(
          fc.asyncProperty(key, async (parts) => {
            const identity = parts.map((text) => `${text.length} ${text}`).join();
            const value = String(claimed.size);
            const expected = claimed.get(identity) ?? value;
            claimed.set(identity, expected);
            assert.equal(await store.claim(parts, value), expected);
          }),
          { numRuns: 200 },
        );
      });

      it('may be 64 KiB long, and are told apart by their last character', async () => {
        const long = 'k'.repeat(65_536);
        assert.equal(await store.claim(['jti', `${long}a`], 'a'), 'a');
        assert.equal(await store.claim(['jti', `${long}b`], 'b'), 'b');
        assert.equal(await store.claim(['other', `${long}a`], 'c'), 'c');
        assert.equal(await store.claim(['jti', `${long}a`], 'd'), 'a');
      });
    });

    describe('put and get', () => {
      it('has nothing at a key that nobody wrote', async () => {
        assert.equal(await store.get(['pin', 'a']), undefined);
      });

      it('gives values back as they were, up to 64 KiB and whatever their characters', async () => {
        for (const value of ['', 'v'.repeat(65_536), 'é€😀\u0000\r\n"\\', 'lone \ud800', '{"json":true}']) {
          await store.put(['pin', 'a'], value);
          assert.equal((await store.get(['pin', 'a']))?.value, value);
        }
      });

      it('changes the version with every put, of the same value too', async () => {
        const versions = new Set<string | undefined>();
        for (let put = 0; put < 3; put++) {
          await store.put(['pin', 'a'], 'same');
          versions.add((await store.get(['pin', 'a']))?.version);
        }
        assert.equal(versions.size, 3);
      });

      it('stores only if there is nothing, when ifVersion is null', async () => {
        assert.equal(await store.put(['pin', 'a'], 'one', { ifVersion: null }), true);
        assert.equal(await store.put(['pin', 'a'], 'two', { ifVersion: null }), false);
        assert.equal((await store.get(['pin', 'a']))?.value, 'one');
      });

      it('stores only over the version that was read', async () => {
        await store.put(['pin', 'a'], 'one');
        const ifVersion = (await store.get(['pin', 'a']))?.version ?? null;
        assert.equal(await store.put(['pin', 'a'], 'two', { ifVersion }), true);
        assert.equal(await store.put(['pin', 'a'], 'three', { ifVersion }), false);
        assert.equal((await store.get(['pin', 'a']))?.value, 'two');
        assert.equal(await store.put(['pin', 'absent'], 'one', { ifVersion }), false);
        assert.equal(await store.get(['pin', 'absent']), undefined);
      });

      it('accepts one of 50 conditional puts at once', async () => {
        await store.put(['pin', 'a'], 'old');
        const ifVersion = (await store.get(['pin', 'a']))?.version ?? null;
        const puts = Array.from({ length: 50 }, (_, put) => store.put(['pin', 'a'], String(put), { ifVersion }));
        const stored = await Promise.all(puts);
        assert.equal(stored.filter(Boolean).length, 1);
        assert.equal((await store.get(['pin', 'a']))?.value, String(stored.indexOf(true)));
      });

      it('takes an expired entry for none, and never for the version that it had', async () => {
        await store.put(['pin', 'a'], 'one', { expiresAt: start + 10 });
        const ifVersion = (await store.get(['pin', 'a']))?.version ?? null;
        under.setNow(start + 10);
        assert.equal(await store.get(['pin', 'a']), undefined);
        assert.equal(await store.put(['pin', 'a'], 'two', { ifVersion }), false);
        assert.equal(await store.put(['pin', 'a'], 'two', { ifVersion: null }), true);
        assert.equal(await store.put(['pin', 'a'], 'three', { ifVersion }), false);
        assert.equal((await store.get(['pin', 'a']))?.value, 'two');
      });

      it('lasts as long as the newest put says', async () => {
        await store.put(['pin', 'a'], 'short', { expiresAt: start + 10 });
        await store.put(['pin', 'a'], 'long', { expiresAt: start + 20 });
        await store.put(['pin', 'b'], 'short', { expiresAt: start + 10 });
        await store.put(['pin', 'b'], 'forever');
        under.setNow(start + 15);
        for (let write = 0; write < 5; write++) await store.put(['unrelated', String(write)], '');
        assert.equal((await store.get(['pin', 'a']))?.value, 'long');
        assert.equal((await store.get(['pin', 'b']))?.value, 'forever');
        under.setNow(start + 20);
        assert.equal(await store.get(['pin', 'a']), undefined);
        assert.equal((await store.get(['pin', 'b']))?.value, 'forever');
      });
    });

    describe('increment', () => {
      it('starts at 0 and adds', async () => {
        assert.equal(await store.increment(['count'], 2, never), 2);
        assert.equal(await store.increment(['count'], 3, never), 5);
        assert.equal((await store.get(['count']))?.value, '5');
      });

      it('loses none of 200 at once, and gives each its own count', async () => {
        const counts = await Promise.all(Array.from({ length: 200 }, () => store.increment(['count'], 1, never)));
        assert.deepEqual(
          counts.sort((a, b) => a - b),
          Array.from({ length: 200 }, (_, index) => index + 1),
        );
      });

      it("ends at its first caller's expiry, and starts again", async () => {
        await store.increment(['count'], 1, start + 10);
        assert.equal(await store.increment(['count'], 1, start + 1000), 2);
        under.setNow(start + 10);
        assert.equal(await store.increment(['count'], 1, start + 1000), 1);
      });

      it('rejects at a value that is no number, and leaves it', async () => {
        await store.put(['pin', 'a'], 'text');
        await assert.rejects(store.increment(['pin', 'a'], 1, never), /not a counter/);
        assert.equal((await store.get(['pin', 'a']))?.value, 'text');
      });
    });

    describe('log', () => {
      const entriesOf = async (after?: string, limit?: number) =>
        (await store.log('events').read(after, limit)).map(({ entry }) => entry);

      it('is read in the order of the appends, by cursors that sort as strings', async () => {
        const log = store.log('events');
        const cursors: string[] = [];
        for (let entry = 0; entry < 25; entry++) cursors.push(await log.append(String(entry), never));
        assert.deepEqual(cursors, [...cursors].sort());
        assert.deepEqual(
          await entriesOf(),
          cursors.map((_, index) => String(index)),
        );
        assert.deepEqual(
          (await log.read()).map(({ cursor }) => cursor),
          cursors,
        );
      });

      it('is read after a cursor, and up to a limit', async () => {
        const log = store.log('events');
        await log.append('a', never);
        const b = await log.append('b', never);
        const c = await log.append('c', never);
        assert.deepEqual(await entriesOf(b), ['c']);
        assert.deepEqual(await entriesOf(c), []);
        assert.deepEqual(await entriesOf(undefined, 2), ['a', 'b']);
        assert.deepEqual(await entriesOf(b, 0), []);
      });

      it('is read 1,000 entries at a time when no limit is given', async () => {
        const log = store.log('events');
        await Promise.all(Array.from({ length: 1001 }, () => log.append('same', never)));
        assert.equal((await log.read()).length, 1000);
        assert.equal((await log.read(undefined, 2000)).length, 1001);
      });

      it('leaves out what has expired, also between entries that have not', async () => {
        const log = store.log('events');
        await log.append('a', start + 10);
        const b = await log.append('b', never);
        await log.append('c', start + 10);
        await log.append('d', never);
        under.setNow(start + 10);
        assert.deepEqual(await entriesOf(), ['b', 'd']);
        assert.deepEqual(await entriesOf(b), ['d']);
      });

      it('never gives out a cursor again, after all entries have expired', async () => {
        const log = store.log('events');
        const before = await log.append('a', start + 10);
        under.setNow(start + 10);
        for (let write = 0; write < 5; write++) await store.put(['unrelated', String(write)], '');
        const after = await log.append('b', never);
        assert.ok(after > before);
        assert.deepEqual(await entriesOf(before), ['b']);
      });

      it('keeps logs apart from each other and from keys', async () => {
        await store.log('events').append('a', never);
        await store.log('event').append('b', never);
        await store.put(['events'], 'c');
        assert.deepEqual(await entriesOf(), ['a']);
        assert.equal((await store.get(['events']))?.value, 'c');
      });
    });

    it('does its work correctly when many do it at once in one process', async () => {
      const workers = ['a', 'b', 'c', 'd'];
      const outcomes = await Promise.all(workers.map((worker) => runJob(store, { worker, workers: 4, rounds: 20 })));
      await assertOutcomes(store, outcomes, 20);
    });

    it('rejects every call after close, and may be closed twice', async () => {
      const log = store.log('events');
      await store.put(['pin', 'a'], 'one');
      await store.close();
      await store.close();
      for (const call of [
        () => store.claim(['pin', 'a'], 'two'),
        () => store.get(['pin', 'a']),
        () => store.put(['pin', 'a'], 'two'),
        () => store.increment(['count'], 1, never),
        () => log.append('a', never),
        () => log.read(),
        () => store.log('events').read(),
      ]) {
        await assert.rejects(call, /closed/);
      }
    });

    it('finishes on close what was begun', async () => {
      const puts = Array.from({ length: 20 }, (_, put) => store.put(['pin', String(put)], 'value'));
      await store.close();
      assert.deepEqual(new Set(await Promise.all(puts)), new Set([true]));
    });
  });
}

/** Milliseconds since the epoch: what the store says to a claim of what is as old as can be. */
export async function birthOf(store: Store): Promise<number> {
  const told = await store.claim(['jti', 'a'], 'x', never, -1).catch((error) => error);
  assert.ok(told instanceof ClaimsUnknown, `it was not refused: ${told}`);
  return told.since;
}
