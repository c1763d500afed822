import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { createBudget } from '../../src/audit/budget.js';

function countAdmitted(times: number, admit: () => boolean): number {
  let admitted = 0;
  for (let index = 0; index < times; index++) if (admit()) admitted++;
  return admitted;
}

describe('createBudget', () => {
  let time = 0;
  let warnings: string[] = [];
  const open = () =>
    createBudget({ refusalsPerSecond: 500, now: () => time, warn: (message) => warnings.push(message) });

  beforeEach(() => {
    time = 1_000_000;
    warnings = [];
    mock.timers.enable({ apis: ['setTimeout'] });
  });
  afterEach(() => mock.timers.reset());

  it('admits 500 at once and counts the rest', () => {
    const budget = open();
    assert.equal(
      countAdmitted(800, () => budget.admit('192.0.2.1')),
      500,
    );
    assert.equal(budget.suppressed(), 300);
  });

  it('leaves other addresses alone', () => {
    const budget = open();
    countAdmitted(800, () => budget.admit('192.0.2.1'));
    assert.ok(budget.admit('192.0.2.2'));
    assert.ok(budget.admit('2001:db8::1'));
  });

  it('counts an IPv4-mapped address as the one that it maps', () => {
    const budget = open();
    countAdmitted(500, () => budget.admit('192.0.2.1'));
    for (const mapped of ['::ffff:192.0.2.1', '::FFFF:c000:201']) assert.ok(!budget.admit(mapped), mapped);
    assert.ok(budget.admit('::ffff:192.0.2.2'));
  });

  it('refills with time, up to one second of it', () => {
    const budget = open();
    countAdmitted(500, () => budget.admit('192.0.2.1'));
    time += 100;
    assert.equal(
      countAdmitted(100, () => budget.admit('192.0.2.1')),
      50,
    );
    time += 3_600_000;
    assert.equal(
      countAdmitted(2000, () => budget.admit('192.0.2.1')),
      500,
    );
  });

  it('gives nothing for a clock that goes back', () => {
    const budget = open();
    countAdmitted(500, () => budget.admit('192.0.2.1'));
    time -= 5000;
    assert.ok(!budget.admit('192.0.2.1'));
  });

  it('counts the two spellings of one IPv6 network as one address, and its neighbour apart', () => {
    const budget = open();
    countAdmitted(500, () => budget.admit('2001:db8:0:1::5'));
    assert.ok(!budget.admit('2001:db8:0:1:9:8:7:6'));
    assert.ok(budget.admit('2001:db8:0:2::5'));
  });

  it('forgets the address that was silent longest beyond 10,000', () => {
    const budget = open();
    countAdmitted(501, () => budget.admit('192.0.2.1'));
    for (let index = 0; index < 9_999; index++) budget.admit(`10.0.${index >> 8}.${index & 255}`);
    assert.ok(!budget.admit('192.0.2.1'));
    for (let index = 0; index < 10_000; index++) budget.admit(`10.1.${index >> 8}.${index & 255}`);
    assert.ok(budget.admit('192.0.2.1'));
  });

  it('warns once in ten seconds, with how many and from where', () => {
    const budget = open();
    countAdmitted(503, () => budget.admit('192.0.2.1'));
    mock.timers.tick(9_999);
    assert.deepEqual(warnings, []);
    mock.timers.tick(1);
    assert.deepEqual(warnings, [
      '3 refusals without verified evidence, or over a limit, were counted and not written; the latest came from 192.0.2.1',
    ]);
    mock.timers.tick(60_000);
    assert.equal(warnings.length, 1);
    budget.admit('192.0.2.1');
    mock.timers.tick(10_000);
    assert.equal(warnings.length, 2);
  });

  it('warns of the rest when it is closed, and of nothing when nothing was counted', () => {
    const budget = open();
    budget.close();
    assert.deepEqual(warnings, []);
    countAdmitted(502, () => budget.admit('192.0.2.1'));
    budget.close();
    assert.match(warnings.join(), /^2 refusals/);
    mock.timers.tick(60_000);
    assert.equal(warnings.length, 1);
  });
});
