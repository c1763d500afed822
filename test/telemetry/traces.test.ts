import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCalls } from '../../src/telemetry/calls.js';
import { createSampling } from '../../src/telemetry/sampling.js';
import { createTraces } from '../../src/telemetry/traces.js';
import { startCollector } from '../support/collector.js';
import { startService } from '../support/service.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';

describe('telemetry: traces', () => {
  it('an exchange is a span with one for each stage, in the caller’s trace, and in the record', async () => {
    const collector = await startCollector();
    const service = await startService({
      more: `telemetry: { traces: { endpoint: "${collector.endpoint}", sampleRatio: 0, headers: { file: headers } } }`,
      prepare: (folder) => writeFile(join(folder, 'headers'), 'x-api-key: secret-of-ours\n'),
    });
    const subject_token = await service.token();
    await service.exchange({ subject_token }, { traceparent: `00-${traceId}-${parent}-01` });
    const record = await service.lastRecord();
    await service.exchange({}, { traceparent: `00-${traceId}-${parent}-00` });
    await service.exchange();
    const [, ...unsampled] = await service.records();
    await service.close();
    await collector.close();
    assert.equal(record.trace_id, traceId);
    assert.deepEqual(
      unsampled.map((each) => Object.hasOwn(each, 'trace_id')),
      [false, false],
    );
    const [{ line, headers } = assert.fail('nothing was sent')] = collector.requests();
    assert.deepEqual(
      [line, headers['x-api-key'], headers['content-type']],
      ['POST /v1/traces', 'secret-of-ours', 'application/json'],
    );
    const [root, ...within] = collector.spans();
    assert.ok(root);
    const stages = within.filter(({ kind }) => kind === 1);
    assert.deepEqual([root.name, root.traceId, root.parentSpanId], ['POST /token', traceId, parent]);
    assert.deepEqual(
      stages.map(({ name }) => name),
      ['request', 'attest', 'facts', 'decide', 'mint', 'audit', 'response'],
    );
    for (const stage of stages) {
      assert.deepEqual([stage.traceId, stage.parentSpanId], [traceId, root.spanId]);
      assert.ok(BigInt(stage.startTimeUnixNano) >= BigInt(root.startTimeUnixNano));
      assert.ok(BigInt(stage.endTimeUnixNano) <= BigInt(root.endTimeUnixNano));
    }
    const attributes = new Map(root.attributes?.map(({ key, value }) => [key, value.stringValue]));
    assert.equal(attributes.get('counterseal.decision_id'), record.decision_id);
    assert.deepEqual(
      [attributes.get('counterseal.attestor'), attributes.get('counterseal.outcome')],
      ['prod-eu', 'permitted'],
    );
    for (const secret of [subject_token, String(record.subject), record.address, 'read:calendar']) {
      assert.equal(collector.bodies().join('').includes(secret), false, secret);
    }
  });

  it('a collector that is not there costs no exchange anything, and is told once', async () => {
    const warnings: string[] = [];
    const send = () => Promise.reject(new Error('refused'));
    const traces = createTraces({
      calls: createCalls('memory'),
      sample: createSampling({ ratio: 1 }),
      send,
      warn: (line) => warnings.push(line),
    });
    const trail = { decisionId: 'd', trace: traces.begin(undefined) } as Parameters<typeof traces.observe>[0];
    for (let round = 0; round < 3_000; round++) traces.observe(trail, [{ stage: 'request', began: 1, ended: 2 }]);
    await traces.close();
    assert.deepEqual(warnings, ['traces: 1208 exchanges could not be sent to the collector: refused']);
  });

  it('takes up what is a traceparent, and begins a trace of its own for what is none', async () => {
    const traces = createTraces({
      calls: createCalls('memory'),
      sample: createSampling({ ratio: 1 }),
      send: async () => {},
      warn: () => {},
    });
    for (const good of [`00-${traceId}-${parent}-01`, `cc-${traceId}-${parent}-01-what-comes`]) {
      const taken = traces.begin(good);
      assert.deepEqual([taken?.traceId, taken?.parentSpanId], [traceId, parent]);
    }
    assert.equal(traces.begin(`00-${traceId}-${parent}-00`), undefined);
    for (const bad of [
      undefined,
      '',
      `00-${traceId}-${parent}-01-more`,
      `ff-${traceId}-${parent}-01`,
      `00-${traceId.toUpperCase()}-${parent}-01`,
      `00-${'0'.repeat(32)}-${parent}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId}-${parent}-01, 00-${traceId}-${parent}-01`,
    ]) {
      const own = traces.begin(bad);
      assert.match(own?.traceId ?? '', /^[0-9a-f]{32}$/);
      assert.notEqual(own?.traceId, traceId);
      assert.equal(own?.parentSpanId, null);
    }
    await traces.close();
  });
});
