import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { createWriteBehind } from '../../src/audit/write-behind.js';
import { Refusal } from '../../src/errors.js';
import { createHandSink } from './fixtures.js';

describe('audit log, relaxed, behind a slow sink', () => {
  let time = 0;
  beforeEach(() => {
    time = 0;
    mock.timers.enable({ apis: ['setTimeout'] });
  });
  afterEach(() => mock.timers.reset());

  const tick = async (milliseconds: number): Promise<void> => {
    time += milliseconds;
    mock.timers.tick(milliseconds);
    await new Promise(setImmediate);
  };
  const start = () => {
    const sink = createHandSink();
    const keeper = createWriteBehind([sink], () => time);
    const resolved: string[] = [];
    const append = (line: string) => {
      const appended = keeper.append(line).then(() => void resolved.push(line));
      appended.catch(() => {});
      return appended;
    };
    return { sink, keeper, resolved, append };
  };

  it('accepts no more than 100 ms brought, however long the write takes', async () => {
    const { resolved, append } = start();
    while (time < 4400) {
      void append(`${time}\n`);
      await tick(10);
    }
    assert.deepEqual(
      resolved,
      Array.from({ length: 11 }, (_, index) => `${index * 10}\n`),
    );
  });

  it('what waited resolves when its own line is written, in the one write after the slow one', async () => {
    const { sink, resolved, append } = start();
    await append('a');
    await tick(50);
    await append('b');
    await tick(51);
    const waiting = [append('c'), append('d')];
    await tick(49);
    const [slow] = sink.writes;
    assert.equal(slow?.lines, 'a');
    slow?.keep();
    await tick(0);
    assert.equal(sink.writes[1]?.lines, 'bcd');
    assert.deepEqual(resolved, ['a', 'b']);
    sink.writes[1]?.keep();
    await Promise.all(waiting);
    await append('e');
    assert.equal(sink.writes.length, 2);
  });

  it('what came while a quick write was under way is written 50 ms after it came', async () => {
    const { sink, append } = start();
    await append('a');
    await tick(50);
    await append('b');
    await tick(20);
    sink.writes[0]?.keep();
    await tick(29);
    assert.equal(sink.writes.length, 1);
    await tick(1);
    assert.equal(sink.writes[1]?.lines, 'b');
  });

  it('when a timer is late, because the process was busy, the next append does not wait for it', async () => {
    const { sink, append } = start();
    await append('a');
    time = 101;
    const waiting = append('b');
    await new Promise(setImmediate);
    assert.equal(sink.writes[0]?.lines, 'ab');
    sink.writes[0]?.keep();
    await waiting;
  });

  it('what waits is rejected when the write fails', async () => {
    const { sink, append } = start();
    await append('a');
    await tick(101);
    const waiting = append('b');
    sink.writes[0]?.fail(new Error('disk full'));
    await assert.rejects(waiting, (error) => error instanceof Refusal && error.reason === 'audit_sink_failed');
  });

  it('what waits is written when the log closes', async () => {
    const { sink, keeper, append } = start();
    await append('a');
    await tick(101);
    const waiting = append('b');
    const drained = keeper.drain();
    sink.writes[0]?.keep();
    await new Promise(setImmediate);
    sink.writes[1]?.keep();
    await Promise.all([waiting, drained]);
    assert.deepEqual(
      sink.writes.map(({ lines }) => lines),
      ['a', 'b'],
    );
  });
});
