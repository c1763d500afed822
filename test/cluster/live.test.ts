/** What is true of a pod and its node now, watched on a real API server. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { calendar, issuer, startService, type TestService } from '../support/service.js';
import { type PodParts, type TestCluster, useCluster } from './cluster.js';

const kubeconfig = process.env.KUBECONFIG;
const skipped = 'skipped: KUBECONFIG is not set; `kind create cluster` makes a cluster and sets one up';
const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

describe(kubeconfig === undefined ? `watched cluster (${skipped})` : 'watched cluster', () => {
  let cluster: TestCluster;
  let service: TestService;
  let strict: TestService;
  const attestors = (live: string) => `
  prod-eu:
    type: kubernetes
    issuer: "${cluster.issuer}"
    api: { kubeconfig: "${kubeconfig}" }
    environment: { namespaceLabel: stage, values: { live: production } }
    live: ${live}`;
  const rules = () => `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:${cluster.namespace}"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  quarantine:
    workload: { attestor: prod-eu, selectors: ["k8s:pod-label:quarantine:true"] }
    deny: { resource: "*" }`;
  const start = (live: string) => startService({ attestors: attestors(live), rules: rules() });
  const pod = async (name: string, more: PodParts = {}) => {
    await cluster.createPod(name, 'calendar-agent', more);
    return cluster.token({ serviceAccount: 'calendar-agent', pod: name, audience: issuer });
  };
  const ask = async (token: string, from = service) => {
    const { status } = await from.exchange({ subject_token: token });
    const { reason, detail, ...record } = await from.lastRecord();
    return { status, reason, detail, record };
  };
  /** Until the answer is another than 200. */
  const refused = async (token: string, from = service) => {
    const began = performance.now();
    for (;;) {
      const { status, reason } = await ask(token, from);
      const milliseconds = performance.now() - began;
      if (status !== 200 || milliseconds > 5_000) return { status, reason, milliseconds };
      await sleep(5);
    }
  };

  before(async function () {
    if (kubeconfig === undefined) return this.skip();
    this.timeout(60_000);
    cluster = await useCluster(kubeconfig);
    await cluster.core.patchNamespace(
      { name: cluster.namespace, body: { metadata: { labels: { stage: 'live' } } } },
      merge,
    );
    for (const name of ['calendar-agent', 'leaving']) await cluster.createServiceAccount(name);
    service = await start('{}');
    strict = await start('{ terminating: refuse, unseen: deny }');
  });
  after(async () => {
    await service?.close();
    await strict?.close();
    await cluster?.close();
  });

  it('gives a pod its first token however early it asks', async () => {
    const { status, reason } = await ask(await pod('agent-0'));
    assert.equal(status, 200, reason);
  });

  it('refuses the token of a deleted pod within a second, and that of a pod of the same name', async () => {
    const token = await pod('agent-1');
    assert.equal((await ask(token)).status, 200);
    await cluster.deletePod('agent-1');
    const { status, reason, milliseconds } = await refused(token);
    assert.deepEqual([status, reason], [400, 'pod_deleted']);
    assert.ok(milliseconds < 1_000, `${milliseconds} ms`);
    const successor = await pod('agent-1');
    assert.equal((await ask(successor)).status, 200);
    assert.equal((await ask(token)).reason, 'pod_deleted');
  });

  it('knows labels, owners, runtime class, and the node’s labels and taints', async () => {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'agents', uid: '0', controller: true };
    await cluster.core.patchNode(
      {
        name: cluster.node,
        body: {
          metadata: { labels: { pool: 'agents' } },
          spec: { taints: [{ key: 'team', value: 'a', effect: 'NoSchedule' }] },
        },
      },
      merge,
    );
    const token = await pod('agent-2', {
      metadata: { labels: { 'example.com/tier': 'gold' }, ownerReferences: [owner] },
    });
    await sleep(200);
    const { record, status } = await ask(token);
    assert.equal(status, 200);
    for (const selector of [
      'k8s:pod-label:example.com/tier:gold',
      'k8s:owner:ReplicaSet/agents',
      'k8s:node-label:pool:agents',
      'k8s:node-taint:team:a:NoSchedule',
      'k8s:ns-label:stage:live',
    ]) {
      assert.ok(record.selectors?.includes(selector), `${selector} is not in ${record.selectors?.join(' ')}`);
    }
    assert.equal(record.facts?.environment, 'production');
  });
});
