import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { withDeadline } from '../src/deadline.js';

const late = () => new Error('late');
const never = () => new Promise<never>(() => {});

describe('withDeadline', () => {
  afterEach(() => mock.timers.reset());

  it('gives the result, and leaves neither timer nor listener', async () => {
    const parent = new AbortController();
    let inner: AbortSignal | undefined;
    const work = async (signal: AbortSignal) => {
      inner = signal;
      return 7;
    };
    assert.equal(await withDeadline(1000, parent.signal, late, work), 7);
    parent.abort();
    assert.equal(inner?.aborted, false);
  });

  it('ends work that does not listen when the time is over, and aborts its signal', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let inner: AbortSignal | undefined;
    const result = withDeadline(1000, new AbortController().signal, late, (signal) => {
      inner = signal;
      return never();
    });
    mock.timers.tick(1000);
    await assert.rejects(result, /late/);
    assert.equal(inner?.aborted, true);
  });

  it('ends when its parent is aborted, before or during', async () => {
    const parent = new AbortController();
    const result = withDeadline(1000, parent.signal, late, never);
    parent.abort();
    await assert.rejects(result, /late/);
    await assert.rejects(
      withDeadline(1000, parent.signal, late, async () => 7),
      /late/,
    );
  });

  it('passes on an error, thrown or rejected', async () => {
    const { signal } = new AbortController();
    await assert.rejects(
      withDeadline(1000, signal, late, async () => Promise.reject(new Error('own'))),
      /own/,
    );
    const throwing = () => {
      throw new Error('own');
    };
    await assert.rejects(withDeadline(1000, signal, late, throwing), /own/);
  });

  it('without a parent ends by its time alone, and fifty at once warn of nothing', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const all = Array.from({ length: 50 }, () => withDeadline(20, null, late, never));
    const ended = await Promise.allSettled(all);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    assert.ok(ended.every((each) => each.status === 'rejected' && each.reason.message === 'late'));
    assert.deepEqual(warnings, []);
  });
});
