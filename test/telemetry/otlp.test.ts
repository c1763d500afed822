/** What we send is what OpenTelemetry's own definitions of OTLP describe: nothing more, and nothing in another form. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { startCollector } from '../support/collector.js';
import { calendar, startService } from '../support/service.js';

/** Of the code that OpenTelemetry generates from opentelemetry-proto, what is used here. */
interface MessageType {
  fromObject(object: unknown): object;
  verify(message: object): string | null;
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): unknown;
}

const generated = createRequire(import.meta.url)('@opentelemetry/otlp-transformer/build/src/generated/root');
const requestType: MessageType = generated.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;

/** OTLP/HTTP, JSON: ids are hexadecimal there, where JSON of protobuf has base64. */
const base64Of = (id: string, bytes: number): string => {
  assert.match(id, new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
  return Buffer.from(id, 'hex').toString('base64');
};

const idLengths: Readonly<Record<string, number>> = { traceId: 16, spanId: 8, parentSpanId: 8 };

const withBase64 = (body: string): unknown =>
  JSON.parse(body, (key, value) => (key in idLengths ? base64Of(value, idLengths[key] ?? 0) : value));

/** A field that is not there gets lost on the way, and a value of another type comes back as another. */
function throughDefinitions(request: unknown): unknown {
  const message = requestType.fromObject(request);
  assert.equal(requestType.verify(message), null);
  const received = requestType.decode(requestType.encode(message).finish());
  return requestType.toObject(received, { longs: String, enums: Number, bytes: String });
}

describe('telemetry: OTLP', () => {
  let bodies: readonly string[];
  before(async () => {
    const collector = await startCollector();
    const service = await startService({
      more: `
telemetry: { traces: { endpoint: "${collector.endpoint}" } }
conditions: { ask: { external: { authzen: "http://127.0.0.1:9", deadline: 300ms } } }`,
      rules: `
  reader:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  writer:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [ask]
    grant: { resource: "${calendar}", scope: [write:events] }`,
    });
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await service.exchange({}, { traceparent });
    await service.exchange({ resource: 'https://elsewhere.example' });
    await service.exchange({ subject_token: 'ey.no.token' });
    await service.close();
    bodies = collector.bodies();
    await collector.close();
  });

  it('every request comes through the official definitions as it was', () => {
    assert.ok(bodies.length > 0);
    for (const body of bodies) {
      const request = withBase64(body);
      assert.deepEqual(throughDefinitions(request), request);
    }
    for (const part of ['"kind":3', 'parentSpanId', 'arrayValue', 'db.operation.name', '"intValue":"9"', '"code":2']) {
      assert.ok(bodies.join('').includes(part), part);
    }
  });

  it('a field that the definitions do not have, and a value of another type, would be noticed', () => {
    const [body = ''] = bodies;
    for (const [from, to] of [
      ['"kind":3', '"kind":3,"kinds":3'],
      ['"startTimeUnixNano"', '"startTime"'],
      ['"stringValue":"counterseal"', '"stringValue":7'],
      ['"status":{}', '"status":{"reason":"x"}'],
    ] as const) {
      assert.ok(body.includes(from), from);
      const changed = withBase64(body.replace(from, to));
      assert.notDeepEqual(throughDefinitions(changed), changed, to);
    }
  });
});
