/** Spans of what an exchange waits for: requests to others, and commands of the store. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectApiServer } from '../../attestors/kubernetes/api.js';
import { createCalls } from '../../src/telemetry/calls.js';
import { startFakeApi } from '../attestors/kubernetes/fake-api.js';
import { sharedCluster } from '../attestors/kubernetes/fixture.js';
import { type Collector, type SentSpan, startCollector } from '../support/collector.js';
import { calendar, startService, type TestService } from '../support/service.js';
import { startUpstream, type Upstream } from '../support/upstream.js';
import { startVault, type TestVault } from '../support/vault.js';

const client = 3;
const { signal } = new AbortController();

const attributesOf = ({ attributes = [] }: SentSpan) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]));

describe('telemetry: spans of calls, in a running service', function () {
  this.timeout(20_000);
  let collector: Collector;
  let other: Upstream;
  let vault: TestVault;
  let service: TestService;
  let traceparents: (string | undefined)[];
  let answerLate = false;

  before(async () => {
    collector = await startCollector();
    traceparents = [];
    other = await startUpstream(async ({ url, headers }, response) => {
      traceparents.push(headers.traceparent as string | undefined);
      response.setHeader('content-type', 'application/json');
      if (url?.startsWith('/hosts/')) response.end('{"ok":true}');
      else if (!answerLate) response.end('{"decision":true}');
    });
    vault = await startVault();
    vault.rotate('signer', 'ecdsa-p256');
    vault.tokens.add('canary-of-vault');
    service = await startService({
      prepare: async (folder) => {
        await writeFile(join(folder, 'edr'), 'Bearer canary-of-edr\n');
        await writeFile(join(folder, 'vault'), 'canary-of-vault\n');
      },
      more: `
telemetry: { traces: { endpoint: "${collector.endpoint}" } }
signing: { type: vault, url: "${vault.url}", keys: [{ name: signer, algorithm: ES256 }], auth: { tokenFile: vault } }
conditions: { ask: { external: { authzen: "http://127.0.0.1:${other.port}", deadline: 300ms } } }
postureSources:
  edr:
    type: http
    url: "http://127.0.0.1:${other.port}/hosts/{k8s:sa}?key=canary-of-query"
    headers: { authorization: { file: edr } }
    facts: { healthy: { at: /ok, type: boolean } }`,
      rules: `
  agents:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [{ posture: { sources: { edr: { healthy: true } } } }, ask, { behaviour: { exchangesPerHour: 100 } }]
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
    assert.equal((await service.exchange()).status, 200);
    answerLate = true;
    assert.equal((await service.exchange()).status, 503);
    await service.close();
    await Promise.all([other.close(), vault.close()]);
  });
  after(() => collector.close());

  const rootsOf = () => collector.spans().filter(({ name }) => name === 'POST /token');
  const within = (root: SentSpan | undefined) => collector.spans().filter(({ traceId }) => traceId === root?.traceId);

  it('each is a client’s span within the stage that waited, with method, host and status', () => {
    const spans = within(rootsOf()[0]);
    const stages = new Map(spans.filter(({ kind }) => kind === 1).map(({ spanId, name }) => [spanId, name]));
    const calls = spans.filter(({ kind }) => kind === client);
    const http = calls
      .filter((call) => 'server.address' in attributesOf(call))
      .map((call) => [stages.get(call.parentSpanId ?? ''), call.name, attributesOf(call)] as const);
    const to = (port: number | string, method: string) => ({
      'http.request.method': method,
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'http.response.status_code': 200,
    });
    const expected = [
      ['facts', 'GET', to(other.port, 'GET')],
      ['facts', 'POST', to(other.port, 'POST')],
      ['mint', 'POST', to(new URL(vault.url).port, 'POST')],
    ];
    const sorted = (all: readonly unknown[]) => all.map((one) => JSON.stringify(one)).sort();
    assert.deepEqual(sorted(http), sorted(expected));
    for (const { startTimeUnixNano, endTimeUnixNano } of calls) {
      assert.ok(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano));
    }
  });

  it('commands of the store are told by their operation alone', () => {
    const spans = within(rootsOf()[0]);
    const stages = new Map(spans.filter(({ kind }) => kind === 1).map(({ spanId, name }) => [spanId, name]));
    const commands = spans.filter((span) => 'db.operation.name' in attributesOf(span));
    assert.ok(
      commands.some(({ name, parentSpanId }) => name === 'increment' && stages.get(parentSpanId ?? '') === 'decide'),
    );
    assert.ok(
      commands.some(({ name, parentSpanId }) => name === 'append' && stages.get(parentSpanId ?? '') === 'mint'),
    );
    for (const command of commands) {
      assert.equal(command.kind, client);
      assert.deepEqual(attributesOf(command), { 'db.system.name': 'lmdb', 'db.operation.name': command.name });
    }
  });

  it('the decision point takes part in the trace, under the span that asked it; nobody else is told', () => {
    const [root] = rootsOf();
    const sent = traceparents.filter((each) => each !== undefined);
    // Of each exchange one; the source of posture remembers its answer.
    assert.equal(sent.length, 2);
    assert.equal(traceparents.length, 3);
    const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(sent[0] ?? '') ?? [];
    const asked = within(root).find((span) => span.spanId === spanId);
    assert.deepEqual([traceId, asked?.kind, asked?.name], [root?.traceId, client, 'POST']);
    for (const { headers } of vault.requests) assert.equal(headers.traceparent, undefined);
  });

  it('one that got no answer has failed, and says why', () => {
    const late = within(rootsOf()[1]).filter(({ status }) => status?.code === 2);
    const call = late.find(({ kind }) => kind === client);
    assert.equal(call && attributesOf(call)['error.type'], 'outbound_late');
    assert.equal(call && 'http.response.status_code' in attributesOf(call), false);
  });

  it('nothing of a URL but its host, no header, and no key of the store is in them', () => {
    const text = collector.bodies().join('');
    for (const secret of ['canary', 'calendar-agent', '/hosts', '/access/v1', 'transit', 'spiffe', 'authorization']) {
      assert.equal(text.includes(secret), false, secret);
    }
  });
});

describe('telemetry: calls', () => {
  it('belong to the exchange in whose course they are made, though others are made at once', async () => {
    const calls = createCalls('redis');
    const one = calls.open('1'.repeat(32), null);
    const two = calls.open('2'.repeat(32), null);
    const url = new URL('https://[2001:db8::1]/path?query');
    const call = async (method: string) => {
      const followed = calls.follow(method, url);
      await sleep(5);
      followed?.ended(404);
    };
    await Promise.all([one.within(() => call('GET')), two.within(() => call('POST')), call('GET')]);
    const seen = [one, two].map((trace) => trace.end().calls.map(({ name, failed }) => ({ name, failed })));
    assert.deepEqual(seen, [[{ name: 'GET', failed: true }], [{ name: 'POST', failed: true }]]);
  });

  it('name host and port as the URL means them', () => {
    const calls = createCalls('redis');
    const trace = calls.open('1'.repeat(32), null);
    trace.within(() => {
      for (const url of ['https://[2001:db8::1]/p?q', 'http://pdp.example', 'https://sts.example:8443/p']) {
        calls.follow('GET', new URL(url))?.ended(200);
      }
    });
    assert.deepEqual(
      trace.end().calls.map(({ attributes }) => [attributes['server.address'], attributes['server.port']]),
      [
        ['2001:db8::1', 443],
        ['pdp.example', 80],
        ['sts.example', 8443],
      ],
    );
  });

  it('are bounded for each exchange; those beyond are counted, and those after its end are nobody’s', () => {
    const calls = createCalls('redis');
    const trace = calls.open('1'.repeat(32), null);
    trace.within(() => {
      const late = calls.follow('GET', new URL('https://late.example'));
      for (let round = 0; round < 70; round++) calls.roundTrip('increment', 0.001, round === 0);
      const { calls: kept, leftOut } = trace.end();
      assert.deepEqual([kept.length, leftOut], [64, 6]);
      assert.equal(kept[0]?.attributes['error.type'], 'store_failed');
      late?.ended(200);
      calls.roundTrip('get', 0.001, false);
      assert.equal(calls.follow('GET', new URL('https://later.example')), undefined);
      assert.deepEqual(trace.end(), { calls: [], leftOut: 6 });
    });
  });

  it('to an API server are among them, with its status or why there is none', async () => {
    const api = await startFakeApi(await sharedCluster());
    const calls = createCalls('redis');
    const server = await connectApiServer(api.kubeconfig, calls.follow);
    const trace = calls.open('1'.repeat(32), null);
    await trace.within(() => server.keys(signal));
    await api.close();
    await trace.within(() => assert.rejects(server.keys(signal)));
    server.close();
    const [answered, failed] = trace.end().calls;
    assert.deepEqual([answered?.name, answered?.attributes['http.response.status_code']], ['GET', 200]);
    assert.deepEqual([failed?.failed, failed?.attributes['error.type']], [true, 'api_unreachable']);
  });
});
