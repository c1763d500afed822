/** The real API server, out of reach in every way: at start, under load, without a word. */
import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { calendar, issuer, send, startService, type TestService } from '../support/service.js';
import { kubeconfig, noCluster, type TestCluster, useCluster } from './cluster.js';
import { type OutageProxy, startOutageProxy } from './outage-proxy.js';

describe(kubeconfig === undefined ? `API server out of reach (${noCluster})` : 'API server out of reach', () => {
  let cluster: TestCluster;
  let proxy: OutageProxy;
  let service: TestService | undefined;
  let token: string;
  const start = async (more: string, through = proxy.kubeconfig) => {
    service = await startService({
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${cluster.issuer}", api: { kubeconfig: "${through}" }, ${more} }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:${cluster.namespace}"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
    return service;
  };
  const ask = async (from: TestService) => {
    const { status, headers } = await from.exchange({ subject_token: token });
    const { reason } = await from.lastRecord();
    return { status, reason, retryAfter: headers.get('retry-after') };
  };
  const until = async (from: TestService, status: number, seconds = 20) => {
    const began = performance.now();
    for (;;) {
      const answer = await ask(from);
      const passed = (performance.now() - began) / 1000;
      if (answer.status === status) return { ...answer, seconds: passed };
      assert.ok(passed < seconds, `after ${passed} s still ${answer.status} ${answer.reason}`);
      await sleep(50);
    }
  };
  const podsKnown = async (from: TestService) => {
    const { body } = await send(`${from.healthUrl}/readyz`, {});
    const watched = (body.watched as Record<string, { kind: string; known: boolean }[]>)['prod-eu'] ?? [];
    return watched.find(({ kind }) => kind === 'pods')?.known;
  };

  before(async function () {
    if (kubeconfig === undefined) return this.skip();
    this.timeout(60_000);
    cluster = await useCluster(kubeconfig);
    await cluster.createServiceAccount('calendar-agent');
    await cluster.createPod('agent-0', 'calendar-agent');
    token = await cluster.token({ serviceAccount: 'calendar-agent', pod: 'agent-0', audience: issuer });
  });
  beforeEach(async () => {
    proxy = await startOutageProxy(kubeconfig ?? '');
  });
  afterEach(async () => {
    await service?.close();
    service = undefined;
    await proxy?.close();
  });
  after(() => cluster?.close());

  it('at start: 503 with Retry-After, and tokens by itself once it can be reached', async function () {
    this.timeout(60_000);
    proxy.cut();
    const from = await start('live: {}');
    const { status, retryAfter } = await ask(from);
    assert.equal(status, 503);
    assert.ok(Number(retryAfter) >= 1);
    assert.equal(await podsKnown(from), false);
    proxy.restore();
    await until(from, 200);
    assert.equal(await podsKnown(from), true);
  });

  for (const way of ['cut', 'hold'] as const) {
    it(`under load (${way}): goes on until maxAge, then 503, then goes on by itself`, async function () {
      this.timeout(60_000);
      const from = await start('live: { maxAge: 3s }');
      await until(from, 200);
      proxy[way]();
      const gone = performance.now();
      assert.equal((await ask(from)).status, 200);
      const { reason } = await until(from, 503);
      const seconds = (performance.now() - gone) / 1000;
      assert.equal(reason, 'facts_stale');
      // The picture was at most a third of maxAge old when the connection went.
      assert.ok(seconds > 1 && seconds < 10, `${seconds} s`);
      assert.equal(await podsKnown(from), false);
      proxy.restore();
      await until(from, 200);
    });
  }

  it('stale: review asks the API server while the watch is broken, and gives 503 without it', async function () {
    this.timeout(60_000);
    const from = await start('live: { maxAge: 3s, stale: review }');
    await until(from, 200);
    proxy.cut();
    const { reason } = await until(from, 503);
    assert.match(reason, /^api_/);
    proxy.restore();
    await until(from, 200);
  });

  it('stale: review decides by the API server alone where nothing can be watched', async function () {
    this.timeout(60_000);
    await cluster.createServiceAccount('reader');
    const resources = ['pods', 'nodes', 'namespaces', 'serviceaccounts'];
    await cluster.allow('reader', [
      { apiGroups: [''], resources, verbs: ['get'] },
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    ]);
    await cluster.createPod('agent-2', 'calendar-agent');
    const first = token;
    token = await cluster.token({ serviceAccount: 'calendar-agent', pod: 'agent-2', audience: issuer });
    const file = join(await mkdtemp(join(tmpdir(), 'counterseal-reader-')), 'kubeconfig');
    const authority = Buffer.from(cluster.ca).toString('base64');
    const reader = {
      'current-context': 'x',
      clusters: [{ name: 'x', cluster: { server: cluster.server, 'certificate-authority-data': authority } }],
      users: [{ name: 'x', user: { token: await cluster.token({ serviceAccount: 'reader' }) } }],
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
    };
    await writeFile(file, JSON.stringify(reader));
    const from = await start('live: { stale: review }', file);
    await until(from, 200);
    assert.equal(await podsKnown(from), false);
    await cluster.deletePod('agent-2');
    assert.equal((await ask(from)).reason, 'pod_deleted');
    token = first;
  });

  it('a pod that is deleted meanwhile is refused as soon as the API server is back', async function () {
    this.timeout(60_000);
    await cluster.createPod('agent-1', 'calendar-agent');
    const first = token;
    token = await cluster.token({ serviceAccount: 'calendar-agent', pod: 'agent-1', audience: issuer });
    const from = await start('live: { maxAge: 3s }');
    await until(from, 200);
    proxy.cut();
    await cluster.deletePod('agent-1');
    await until(from, 503);
    proxy.restore();
    const { reason } = await until(from, 400);
    assert.equal(reason, 'pod_deleted');
    token = first;
  });

  it('costs no request while it is watched', async () => {
    const from = await start('live: {}');
    await until(from, 200);
    const before = proxy.received();
    for (let count = 0; count < 50; count += 1) assert.equal((await ask(from)).status, 200);
    // A bookmark or an event of somebody else may come; fifty answers would be far more.
    assert.ok(proxy.received() - before < 20_000, `${proxy.received() - before} bytes`);
    assert.ok(proxy.connections() <= 8, `${proxy.connections()} connections`);
  });
});
