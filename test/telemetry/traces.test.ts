import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTraces } from '../../src/telemetry/traces.js';
import { startService } from '../support/service.js';
import { startUpstream } from '../support/upstream.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

describe('telemetry: traces', () => {
  it('an exchange is a span with one for each stage, in the caller’s trace, and in the record', async () => {
    const bodies: string[] = [];
    const headers: unknown[] = [];
    const collector = await startUpstream((req, res) => {
      let body = '';
      req.on('data', (chunk) => {
        body += chunk;
      });
      req.on('end', () => {
        bodies.push(body);
        headers.push([req.method, req.url, req.headers['x-api-key'], req.headers['content-type']]);
        res.end('{}');
      });
    });
    const endpoint = `http://127.0.0.1:${collector.port}/v1/traces`;
    const service = await startService({
      more: `telemetry: { traces: { endpoint: "${endpoint}", sampleRatio: 0, headers: { file: headers } } }`,
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
    assert.deepEqual(headers, [['POST', '/v1/traces', 'secret-of-ours', 'application/json']]);
    const spans = JSON.parse(bodies[0] ?? '').resourceSpans[0].scopeSpans[0].spans as Span[];
    const [root, ...stages] = spans;
    assert.ok(root);
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
      assert.equal(bodies.join('').includes(secret), false, secret);
    }
  });

  it('a collector that is not there costs no exchange anything, and is told once', async () => {
    const warnings: string[] = [];
    const send = () => Promise.reject(new Error('refused'));
    const traces = createTraces({ sampleRatio: 1, send, warn: (line) => warnings.push(line) });
    const trail = { decisionId: 'd', trace: traces.begin(undefined) } as Parameters<typeof traces.observe>[0];
    for (let round = 0; round < 3_000; round++) traces.observe(trail, [{ stage: 'request', began: 1, ended: 2 }]);
    await traces.close();
    assert.deepEqual(warnings, ['traces: 1208 exchanges could not be sent to the collector: refused']);
  });

  it('takes up what is a traceparent, and begins a trace of its own for what is none', async () => {
    const traces = createTraces({ sampleRatio: 1, send: async () => {}, warn: () => {} });
    const taken = { traceId, parentSpanId: parent };
    assert.deepEqual(traces.begin(`00-${traceId}-${parent}-01`), taken);
    assert.deepEqual(traces.begin(`cc-${traceId}-${parent}-01-what-comes`), taken);
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
