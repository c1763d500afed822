/** Memory stays bounded: what has expired is forgotten, and so are ends that nobody can need any more. */
import assert from 'node:assert/strict';
import { createEndings } from '../../src/revocation/endings.js';
import { createLedger } from '../../src/revocation/ledger.js';
import { createTail } from '../../src/revocation/tail.js';
import { createMemoryStore } from '../../src/store/memory.js';

const ending = (before: number) => ({ before, reason: 'pod_deleted' });

describe('revocation: bounds', () => {
  it('the ledger forgets pairs that have expired', () => {
    const ledger = createLedger();
    ledger.cover('a/1', 'r', 0, 100);
    ledger.cover('a/1', 's', 0, 200);
    ledger.sweep(100);
    assert.equal(ledger.covers('a/1', 'r', 0, 100), false);
    assert.equal(ledger.covers('a/1', 's', 0, 200), true);
    ledger.sweep(200);
    assert.deepEqual(ledger.keys('a/', 0), []);
  });

  it('what was renewed after an end stays covered; what it held before is taken', () => {
    const ledger = createLedger();
    ledger.cover('a/1', 'r', 0, 100);
    ledger.cover('a/1', 'r', 50, 150);
    assert.deepEqual(
      ledger.take('a/1', 20).map(({ resource, until }) => [resource, until]),
      [['r', 150]],
    );
    assert.equal(ledger.covers('a/1', 'r', 60, 120), true);
    assert.deepEqual(ledger.take('a/1', 20), []);
  });

  it('ends without tokens are forgotten after ten minutes, ends with tokens an hour after the last has expired', () => {
    const endings = createEndings();
    endings.remember('a/1', ending(0));
    endings.keep('a/2', ending(0), 'r', 1_000);
    endings.sweep(599);
    assert.ok(endings.latest('a/1') && endings.latest('a/2'));
    endings.sweep(600);
    assert.equal(endings.latest('a/1'), undefined);
    endings.sweep(1_000 + 3_599);
    assert.ok(endings.latest('a/2'));
    endings.sweep(1_000 + 3_600);
    assert.equal(endings.latest('a/2'), undefined);
  });

  it('at most 100,000 ends without tokens are remembered, and the newest of them', () => {
    const endings = createEndings();
    for (let pod = 0; pod <= 100_000; pod++) endings.remember(`a/${pod}`, ending(0));
    assert.equal(endings.latest('a/0'), undefined);
    assert.ok(endings.latest('a/1') && endings.latest('a/100000'));
  });

  it('a log is read in parts, each entry once, in order', async () => {
    const log = createMemoryStore().log('any');
    for (let entry = 0; entry < 2_500; entry++) await log.append(String(entry), Number.MAX_SAFE_INTEGER);
    const seen: string[] = [];
    const readOn = createTail(log, (entry) => seen.push(entry));
    await readOn();
    await log.append('last', Number.MAX_SAFE_INTEGER);
    await readOn();
    assert.deepEqual(seen, [...Array.from({ length: 2_500 }, (_, entry) => String(entry)), 'last']);
  });

  it('whoever asks while a read is under way gets what was appended before it asked', async () => {
    const log = createMemoryStore().log('any');
    const seen: string[] = [];
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reads = 0;
    const slow: typeof log = {
      ...log,
      async read(after, limit) {
        const entries = await log.read(after, limit);
        if (++reads === 1) await gate;
        return entries;
      },
    };
    const readOn = createTail(slow, (entry) => seen.push(entry));
    const first = readOn();
    await log.append('a', Number.MAX_SAFE_INTEGER);
    const others = [readOn(), readOn(), readOn()];
    release();
    await Promise.all([first, ...others]);
    assert.deepEqual([seen, reads], [['a'], 2]);
  });
});
