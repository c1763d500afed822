import assert from 'node:assert/strict';
import { createAuditLog } from '../../src/audit/audit-log.js';
import { createMemorySink } from '../audit/fixtures.js';

const refusing = (now: () => number) =>
  createAuditLog({ durability: 'strict', sinks: [createMemorySink()], refusalsPerSecond: 500, now, warn: () => {} });

describe('a disk filled with refusals (THREATS: resource exhaustion)', () => {
  it('an address gets 500 refusals a second written, however many it causes', async () => {
    let time = 0;
    const log = refusing(() => time);
    let admitted = 0;
    for (; time < 10_000; time += 0.1) if (log.admit('192.0.2.1')) admitted++;
    assert.ok(admitted <= 500 * 11, String(admitted));
    assert.equal(log.suppressed(), 100_000 - admitted);
    await log.close();
  });

  it('a host that takes each request from another address of its IPv6 /64 has one budget', async () => {
    const log = refusing(() => 0);
    let admitted = 0;
    for (let host = 0; host < 2000; host++) if (log.admit(`2001:db8::1:${host.toString(16)}`)) admitted++;
    assert.equal(admitted, 500);
    await log.close();
  });
});
