import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { createAuditLog } from '../../src/audit/audit-log.js';
import { mostWaiting } from '../../src/audit/keeper.js';
import type { AuditSink } from '../../src/audit/log.js';
import type { AuditRecord } from '../../src/audit/record.js';
import { Refusal } from '../../src/errors.js';
import { createHandSink, createMemorySink, idsOf, record } from './fixtures.js';

const warnings: string[] = [];
const open = (durability: 'strict' | 'relaxed', ...sinks: readonly AuditSink[]) =>
  createAuditLog({ durability, sinks, refusalsPerSecond: 500, now: () => 0, warn: (text) => warnings.push(text) });
const numbered = (count: number, from = 0): AuditRecord[] =>
  Array.from({ length: count }, (_, index) => record({ decision_id: `d-${from + index}` }));
const unavailable = (reason: string) => (error: unknown) =>
  error instanceof Refusal && error.fault === 'audit_unavailable' && error.reason === reason;
const settled = async (promise: Promise<void>): Promise<boolean> => {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  await new Promise(setImmediate);
  return done;
};

beforeEach(() => {
  warnings.length = 0;
});

describe('audit log, strict', () => {
  it('writes 100 appends of one turn in one write', async () => {
    const sink = createHandSink();
    const log = open('strict', sink);
    const appended = numbered(100).map((each) => log.append(each));
    const { lines, keep } = await sink.next();
    keep();
    await Promise.all(appended);
    assert.equal(sink.writes.length, 1);
    assert.deepEqual(
      idsOf(lines),
      numbered(100).map((each) => each.decision_id),
    );
  });

  it('joins what arrives during a write into the next one', async () => {
    const sink = createHandSink();
    const log = open('strict', sink);
    const first = log.append(record());
    const write = await sink.next();
    const later = numbered(99).map((each) => log.append(each));
    assert.equal(await settled(first), false);
    assert.equal(sink.writes.length, 1);
    write.keep();
    const second = await sink.next();
    second.keep();
    await Promise.all([first, ...later]);
    assert.equal(idsOf(second.lines).length, 99);
  });

  it('resolves no append before every sink has kept its line', async () => {
    const [slow, slower] = [createHandSink(), createHandSink()];
    const log = open('strict', slow, slower);
    const appended = log.append(record());
    const one = await slow.next();
    const other = await slower.next();
    one.keep();
    assert.equal(await settled(appended), false);
    other.keep();
    await appended;
  });

  it('rejects all appends of a failed write, tells the operators once, and recovers by itself', async () => {
    const sink = createMemorySink();
    const log = open('strict', sink);
    sink.fault = new Error('disk on fire');
    for (let round = 0; round < 2; round++) {
      const results = await Promise.allSettled(numbered(10).map((each) => log.append(each)));
      for (const result of results) {
        assert.ok(result.status === 'rejected' && unavailable('audit_sink_failed')(result.reason));
      }
    }
    sink.fault = undefined;
    await log.append(record());
    assert.deepEqual(idsOf(sink.kept), ['d-1']);
    assert.deepEqual(warnings, [
      'No tokens are issued until the audit record is kept again: disk on fire',
      'The audit sink memory keeps records again.',
    ]);
  });

  it('rejects when one of two sinks fails', async () => {
    const [good, bad] = [createMemorySink(), createMemorySink()];
    bad.fault = new Error('gone');
    await assert.rejects(open('strict', good, bad).append(record()), unavailable('audit_sink_failed'));
  });

  it('takes no more than 8 Mi that wait for a slow sink', async () => {
    const sink = createHandSink();
    const log = open('strict', sink);
    const big = record({ detail: 'x'.repeat(mostWaiting / 2) });
    const first = log.append(big);
    const { keep } = await sink.next();
    const second = log.append(big);
    await assert.rejects(log.append(big), unavailable('audit_sink_slow'));
    keep();
    (await sink.next()).keep();
    await Promise.all([first, second]);
  });

  it('writes what waits before it closes, and takes nothing after', async () => {
    const sink = createMemorySink();
    const log = open('strict', sink);
    const appended = log.append(record());
    await log.close();
    await appended;
    assert.deepEqual(idsOf(sink.kept), ['d-1']);
    assert.ok(sink.closed);
    await assert.rejects(log.append(record()), unavailable('audit_closed'));
  });
});

describe('audit log, a sink that hangs', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('fails after 5 s, at once while the write is still under way, and works again after it', async () => {
    const sink = createHandSink();
    const log = open('strict', sink);
    const hanging = log.append(record());
    const write = await sink.next();
    mock.timers.tick(4_999);
    assert.equal(await settled(hanging), false);
    mock.timers.tick(1);
    await assert.rejects(hanging, unavailable('audit_sink_failed'));
    await assert.rejects(log.append(record()), /has not finished an earlier write/);
    assert.equal(sink.writes.length, 1);
    write.keep();
    await new Promise(setImmediate);
    const recovered = log.append(record());
    (await sink.next()).keep();
    await recovered;
  });
});

describe('audit log, relaxed', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('resolves at once and writes all 50 ms after the first came, in one write', async () => {
    const sink = createMemorySink();
    const log = open('relaxed', sink);
    await log.append(record({ decision_id: 'd-0' }));
    mock.timers.tick(49);
    await log.append(record({ decision_id: 'd-1' }));
    assert.equal(sink.kept, '');
    mock.timers.tick(1);
    assert.deepEqual(idsOf(sink.kept), ['d-0', 'd-1']);
  });

  it('writes again for what came later', async () => {
    const sink = createMemorySink();
    const log = open('relaxed', sink);
    for (const each of numbered(3)) {
      await log.append(each);
      mock.timers.tick(100);
      await new Promise(setImmediate);
    }
    assert.deepEqual(idsOf(sink.kept), ['d-0', 'd-1', 'd-2']);
  });

  it('keeps the lines of a failed flush, rejects until it succeeds, and gives each sink each line once', async () => {
    const [good, bad] = [createMemorySink(), createMemorySink()];
    const log = open('relaxed', good, bad);
    bad.fault = new Error('disk full');
    await log.append(record({ decision_id: 'd-0' }));
    for (let round = 0; round < 3; round++) {
      mock.timers.tick(100);
      await new Promise(setImmediate);
      await assert.rejects(log.append(record({ decision_id: 'lost' })), unavailable('audit_sink_failed'));
    }
    bad.fault = undefined;
    mock.timers.tick(100);
    await new Promise(setImmediate);
    await log.append(record({ decision_id: 'd-1' }));
    mock.timers.tick(100);
    assert.deepEqual(idsOf(good.kept), ['d-0', 'd-1']);
    assert.deepEqual(idsOf(bad.kept), ['d-0', 'd-1']);
    assert.equal(warnings.length, 2);
  });

  it('buffers no more than 8 Mi', async () => {
    const sink = createMemorySink();
    const log = open('relaxed', sink);
    const big = record({ detail: 'x'.repeat(mostWaiting / 2) });
    await log.append(big);
    await assert.rejects(log.append(big), unavailable('audit_sink_slow'));
    mock.timers.tick(100);
    await new Promise(setImmediate);
    await log.append(big);
  });

  it('writes what is buffered when it closes, what a failed flush left included', async () => {
    const sink = createMemorySink();
    const log = open('relaxed', sink);
    sink.fault = new Error('disk full');
    await log.append(record({ decision_id: 'd-0' }));
    mock.timers.tick(100);
    await log.append(record({ decision_id: 'd-1' }));
    await new Promise(setImmediate);
    sink.fault = undefined;
    await log.close();
    assert.deepEqual(idsOf(sink.kept), ['d-0', 'd-1']);
    assert.ok(sink.closed);
    await assert.rejects(log.append(record()), unavailable('audit_closed'));
  });

  it('says on closing that records were lost, and closes the sinks all the same', async () => {
    const sink = createMemorySink();
    const log = open('relaxed', sink);
    await log.append(record());
    sink.fault = new Error('disk full');
    await assert.rejects(log.close(), unavailable('audit_sink_failed'));
    assert.ok(sink.closed);
  });
});
