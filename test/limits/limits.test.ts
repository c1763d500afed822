/** Limits as they are kept in a process. */
import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { RateLimited } from '../../src/errors.js';
import { createLimits, type LimitsOptions } from '../../src/limits/limits.js';
import { attestationAt } from '../support/attestation.js';

const start = 1_790_000_000_000;
const minute = 60_000;
const limit = { requests: 60, per: 60 };

describe('limits in a process', () => {
  let time = start;
  let seen: string[] = [];
  let warnings: string[] = [];
  const open = (options: LimitsOptions) =>
    createLimits(options, {
      store: {},
      now: () => time,
      warn: (line) => warnings.push(line),
      observe: (by) => seen.push(by),
    });

  beforeEach(() => {
    time = start;
    seen = [];
    warnings = [];
  });

  /** How many of so many pass at once. */
  function passing(times: number, pass: () => unknown): number {
    let passed = 0;
    for (let index = 0; index < times; index++) {
      try {
        if (pass() === null) passed++;
      } catch (error) {
        assert.ok(error instanceof RateLimited);
      }
    }
    return passed;
  }

  const workloadOf = (name: string) =>
    attestationAt(start / 1000, { attestor: 'prod-eu', subject: `spiffe://example.com/prod-eu/${name}` });

  it('nothing is limited that is not configured', () => {
    const limits = open({});
    assert.equal(
      passing(10_000, () => limits.arrival('192.0.2.1')),
      10_000,
    );
    assert.equal(limits.attestor('prod-eu'), undefined);
    assert.equal(limits.workload(workloadOf('a')), undefined);
  });

  it('the limit passes at once, and one more when its time has come, not a millisecond before', () => {
    const limits = open({ address: limit });
    const arrive = () => limits.arrival('192.0.2.1');
    assert.equal(passing(100, arrive), 60);
    time += 999;
    assert.equal(arrive()?.retryAfter, 1);
    time += 1;
    assert.equal(passing(3, arrive), 1);
    time += minute;
    assert.equal(passing(100, arrive), 60);
  });

  it('says after how many seconds there is one more', () => {
    const limits = open({ address: { requests: 20, per: 3600 } });
    passing(20, () => limits.arrival('192.0.2.1'));
    const refusal = limits.arrival('192.0.2.1');
    assert.deepEqual(
      [refusal?.fault, refusal?.reason, refusal?.retryAfter],
      ['rate_limited', 'rate_limited_address', 180],
    );
    time += 180_000;
    assert.equal(limits.arrival('192.0.2.1'), null);
  });

  it('evidence that is not accepted counts ten times, and leaves no debt', () => {
    const limits = open({ address: limit });
    let passed = 0;
    for (; limits.arrival('192.0.2.1') === null; passed++) limits.rejected('192.0.2.1');
    assert.equal(passed, 6);
    limits.rejected('192.0.2.1');
    time += 1_000;
    assert.equal(limits.arrival('192.0.2.1'), null);
  });

  it('a clock that is set back gives nothing, and stops nobody for longer', () => {
    const limits = open({ address: limit });
    const arrive = () => limits.arrival('192.0.2.1');
    passing(60, arrive);
    time -= 3_600_000;
    assert.equal(passing(10, arrive), 0);
    time += minute;
    assert.equal(passing(100, arrive), 60);
  });

  it('what a workload asked beyond its limit costs its attestor nothing', () => {
    const limits = open({ address: limit, attestor: { requests: 20, per: 60 }, workload: { requests: 10, per: 60 } });
    const ask = (name: string) => () => {
      void limits.attestor('prod-eu');
      void limits.workload(workloadOf(name));
      return null;
    };
    assert.equal(passing(1_000, ask('greedy')), 10);
    assert.equal(passing(10, ask('modest')), 10);
    assert.equal(passing(1, ask('third')), 0);
    assert.deepEqual(new Set(seen), new Set(['workload', 'attestor']));
  });

  it('operators are told once in ten seconds how often, and over which limit', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const limits = open({ address: { requests: 20, per: 60 } });
    for (let index = 0; index < 50; index++) limits.arrival('2001:db8::1');
    mock.timers.tick(10_000);
    const line = '30 requests were over a limit and refused; the latest over that of address 2001:db8:0:0::/64';
    assert.deepEqual(warnings, [line]);
    assert.equal(seen.length, 30);
    await limits.close();
    mock.timers.reset();
    assert.equal(warnings.length, 1);
  });

  it('one that was taken and given back is there again, and no more than there were', () => {
    const limits = open({ address: limit, attestor: { requests: 5, per: 60 }, workload: { requests: 5, per: 60 } });
    const asked = workloadOf('a');
    for (let index = 0; index < 5; index++) void limits.workload(asked);
    for (let index = 0; index < 5; index++) assert.throws(() => limits.workload(asked), RateLimited);
    assert.equal(
      passing(10, () => limits.attestor('prod-eu') ?? null),
      5,
    );
  });
});
