/** Appends strict records until it is killed, and reports each id on standard output once its append has resolved. */
import { createAuditLog } from '../../../src/audit/audit-log.js';
import { openFileSink } from '../../../src/audit/file-sink.js';
import { record } from '../fixtures.js';

const sink = await openFileSink({ path: process.argv[2] ?? '', sync: true });
const log = createAuditLog({
  durability: 'strict',
  sinks: [sink],
  refusalsPerSecond: 1,
  now: () => 0,
  warn: () => {},
});
let next = 0;

async function appendForever(): Promise<never> {
  for (;;) {
    const id = `d-${next++}`;
    await log.append(record({ decision_id: id }));
    // Waits while whoever reads is behind: a full pipe is no reason to end.
    await new Promise((resolve) => process.stdout.write(`${id}\n`, resolve));
  }
}

await Promise.all(Array.from({ length: 32 }, appendForever));
