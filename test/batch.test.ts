import { strict as assert } from 'node:assert';
import { createBatch } from '../src/batch.js';

const turn = () => new Promise(setImmediate);

describe('a batch', () => {
  it('runs up to its size in one turn, and the rest in the next', async () => {
    const batch = createBatch(3);
    const ran: number[] = [];
    const results = Promise.all([0, 1, 2, 3, 4].map((n) => batch.run(() => ran.push(n))));
    assert.deepEqual(ran, [], 'nothing in the turn that asks');
    await turn();
    assert.deepEqual(ran, [0, 1, 2]);
    await turn();
    assert.deepEqual(ran, [0, 1, 2, 3, 4]);
    assert.deepEqual(await results, [1, 2, 3, 4, 5]);
  });

  it('rejects a task that throws, and no other', async () => {
    const batch = createBatch(3);
    const results = await Promise.allSettled(
      [0, 1, 2, 3].map((n) =>
        batch.run(() => {
          if (n === 1) throw new Error('one');
          return n;
        }),
      ),
    );
    assert.deepEqual(
      results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message)),
      [0, 'one', 2, 3],
    );
  });

  it('goes on with tasks that come while it is idle, between turns, and out of a finished task', async () => {
    const batch = createBatch(2);
    assert.equal(await batch.run(() => 'first'), 'first');
    assert.equal(await batch.run(() => 'again'), 'again');
    const chained = batch.run(() => 1).then((one) => batch.run(() => one + 1));
    const beside = [batch.run(() => 1), batch.run(() => 2), batch.run(() => 3)];
    assert.equal(await chained, 2);
    assert.deepEqual(await Promise.all(beside), [1, 2, 3]);
  });

  it('drains everything at once', () => {
    const batch = createBatch(1);
    const ran: number[] = [];
    const results = [0, 1, 2].map((n) => batch.run(() => ran.push(n)));
    batch.drain();
    assert.deepEqual(ran, [0, 1, 2]);
    return Promise.all(results);
  });
});
