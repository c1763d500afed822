import assert from 'node:assert/strict';
import { createMemoryStore } from '../../src/store/memory.js';
import { createMeasuredStore } from '../../src/telemetry/measured-store.js';
import { describeStore } from '../conformance/store.js';

describeStore('measured', async () => {
  let now = 0;
  const store = createMeasuredStore(createMemoryStore({ now: () => now }), () => {});
  return { store, setNow: (time) => (now = time), dispose: () => store.close() };
});

describe('the measured store', () => {
  it('tells each round trip once, by its operation, with its time', async () => {
    const told: (readonly [string, boolean])[] = [];
    const store = createMeasuredStore(createMemoryStore(), (operation, seconds, failed) => {
      assert.ok(seconds >= 0 && seconds < 1);
      told.push([operation, failed]);
    });
    await store.claim(['a'], '1');
    await store.get(['a']);
    await store.put(['b'], '1');
    await store.increment(['c'], 1, 10);
    await store.log('d').append('1', 10);
    await store.log('d').read();
    assert.deepEqual(told, [
      ['claim', false],
      ['get', false],
      ['put', false],
      ['increment', false],
      ['append', false],
      ['read', false],
    ]);
  });

  it('tells what a limiter over all machines does, and has none where the store has none', async () => {
    const told: string[] = [];
    const limiter = () => ({ take: async () => 0, putBack: async () => {} });
    const store = createMeasuredStore({ ...createMemoryStore(), limiter }, (operation) => told.push(operation));
    const limited = store.limiter?.({ requests: 5, per: 1 });
    assert.equal(await limited?.take(['a']), 0);
    await limited?.putBack(['a']);
    assert.deepEqual(told, ['limit', 'limit']);
    assert.equal(createMeasuredStore(createMemoryStore(), () => {}).limiter, undefined);
  });

  it('tells a failure as one, and hands it on', async () => {
    const told: boolean[] = [];
    const broken = { ...createMemoryStore(), get: () => Promise.reject(new Error('no answer')) };
    const store = createMeasuredStore(broken, (_operation, _seconds, failed) => told.push(failed));
    await assert.rejects(store.get(['a']), /no answer/);
    assert.deepEqual(told, [true]);
  });
});
