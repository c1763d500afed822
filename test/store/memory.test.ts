import { strict as assert } from 'node:assert';
import { createMemoryStore } from '../../src/store/memory.js';
import { createMemoryTable } from '../../src/store/memory-table.js';
import { createTableStore } from '../../src/store/table-store.js';
import { describeStore } from '../conformance/store.js';

describeStore('memory', async () => {
  let now = 0;
  const store = createMemoryStore({ now: () => now });
  return { store, setNow: (time) => (now = time), dispose: () => store.close() };
});

describe('the memory store', () => {
  it('really deletes what has expired, a few with every write', async () => {
    let now = 0;
    const table = createMemoryTable(() => now);
    const store = createTableStore(table, 0);
    for (let claim = 0; claim < 40; claim++) await store.claim(['jti', String(claim)], '', 10);
    await store.log('events').append('a', 10);
    assert.equal(table.size, 42);
    now = 10;
    await store.put(['keeper'], '');
    assert.ok(table.size > 30);
    for (let write = 0; write < 30; write++) await store.put(['keeper'], '');
    assert.equal(table.size, 2, 'the keeper and the end of the log');
  });
});
