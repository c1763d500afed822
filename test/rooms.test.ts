import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreAway, Unavailable } from '../src/errors.js';
import { createRooms, GivenUp } from '../src/rooms.js';

describe('rooms', () => {
  const closed: string[] = [];
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const room = (name: string, fault?: string) => ({
    name,
    close: async () => {
      closed.push(name);
      if (fault !== undefined) throw new Error(fault);
    },
  });
  beforeEach(() => {
    closed.length = 0;
    warnings.length = 0;
  });

  it('are closed in the reverse order, all of them, also when some cannot be: then it says which', async () => {
    const rooms = createRooms({ warn });
    await rooms.open(async () => room('a', 'a is stuck'));
    await rooms.open(async () => ({ name: 'without a close' }));
    await rooms.open(async () => room('b'));
    await rooms.open(async () => room('c', 'c is stuck'));
    await assert.rejects(rooms.close(), { message: 'c is stuck; a is stuck' });
    assert.deepEqual(closed, ['c', 'b', 'a']);
    await rooms.close();
    assert.equal(closed.length, 3);
  });

  it('wait for a dependency that does not answer yet, with one line for each reason', async () => {
    const answers = [new Unavailable('a', 'one'), new Unavailable('a', 'one'), new StoreAway('two')];
    const rooms = createRooms({ warn });
    const awaited: (readonly string[])[] = [];
    const opened = await rooms.open(async () => {
      awaited.push(rooms.waitsFor());
      const fault = answers.shift();
      if (fault !== undefined) throw fault;
      return room('a');
    });
    assert.equal(opened.name, 'a');
    assert.deepEqual(warnings, ['the start waits: one', 'the start waits: two']);
    assert.deepEqual([...awaited, rooms.waitsFor()], [[], ['one'], ['one'], ['two'], []]);
  }).timeout(10_000);

  it('do not wait where waiting does not help', async () => {
    const rooms = createRooms({ warn });
    await assert.rejects(
      rooms.open(async () => {
        throw new Error('damaged');
      }),
      { message: 'damaged' },
    );
  });

  it('given up: whoever waits is told at once, nothing more is opened, and what comes late is closed', async () => {
    const stop = new AbortController();
    const rooms = createRooms({ signal: stop.signal, warn });
    await rooms.open(async () => room('early'));
    let arrive = (_room: { close(): Promise<void> }) => {};
    const late = rooms.open(() => new Promise<{ close(): Promise<void> }>((resolve) => (arrive = resolve)));
    stop.abort();
    await assert.rejects(late, GivenUp);
    await assert.rejects(
      rooms.open(() => assert.fail('was opened')),
      GivenUp,
    );
    await rooms.close();
    assert.deepEqual(closed, ['early']);
    arrive(room('late'));
    await sleep(0);
    assert.deepEqual(closed, ['early', 'late']);
  });
});
