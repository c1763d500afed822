import assert from 'node:assert/strict';
import { createBreaker } from '../../attestors/breaker.js';
import { refused } from './kubernetes/fixture.js';

const fails = async () => {
  throw new Error('down');
};

describe('attestors: the circuit breaker', () => {
  let now = 0;
  const open = async () => {
    const breaker = createBreaker({ name: 'the service', prefix: 'sts', now: () => now });
    for (let times = 0; times < 5; times++) await assert.rejects(breaker.run(null, fails), /down/);
    return breaker;
  };

  it('lets 256 calls through at once, and refuses the next at once', async () => {
    const breaker = createBreaker({ name: 'the service', prefix: 'sts', now: () => now });
    let end = () => {};
    const gate = new Promise<void>((resolve) => {
      end = resolve;
    });
    const calls = Array.from({ length: 256 }, () => breaker.run(null, () => gate));
    await refused(breaker.run(null, fails), 'sts_busy');
    end();
    await Promise.all(calls);
    assert.equal(await breaker.run(null, async () => 'ok'), 'ok');
  });

  it('only failures in a row open it', async () => {
    const breaker = createBreaker({ name: 'the service', prefix: 'sts', now: () => now });
    for (let times = 0; times < 4; times++) await assert.rejects(breaker.run(null, fails), /down/);
    await breaker.run(null, async () => 'ok');
    for (let times = 0; times < 4; times++) await assert.rejects(breaker.run(null, fails), /down/);
    assert.equal(await breaker.run(null, async () => 'ok'), 'ok');
  });

  it('of 100 calls that come when it may be tried again, one is let through', async () => {
    const breaker = await open();
    now += 10;
    let tried = 0;
    const settled = await Promise.allSettled(
      Array.from({ length: 100 }, () =>
        breaker.run(null, async () => {
          tried += 1;
          await new Promise(setImmediate);
        }),
      ),
    );
    assert.equal(tried, 1);
    assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
    await breaker.run(null, async () => 'closed again');
  });

  it('stays open when the try fails', async () => {
    const breaker = await open();
    now += 10;
    await assert.rejects(breaker.run(null, fails), /down/);
    const { detail } = await refused(breaker.run(null, fails), 'sts_circuit_open');
    assert.match(detail, /did not answer 6 times in a row/);
  });
});
