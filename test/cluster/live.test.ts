/** What is true of a pod and its node now, watched on a real API server. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../../src/audit/record.js';
import { calendar, issuer, startService, type TestService } from '../support/service.js';
import { kubeconfig, merge, noCluster, type PodParts, type TestCluster, useCluster } from './cluster.js';

describe(kubeconfig === undefined ? `watched cluster (${noCluster})` : 'watched cluster', () => {
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
  /** Until the watch has caught up. */
  const served = async (token: string, from: TestService, caughtUp: (record: AuditRecord) => unknown = () => true) => {
    const began = performance.now();
    for (;;) {
      const { status, reason } = await ask(token, from);
      const record = await from.lastRecord();
      if (status === 200 && caughtUp(record)) return record;
      assert.ok(performance.now() - began < 20_000, reason);
      await sleep(5);
    }
  };
  /** Until the answer is another than 200. How long that takes is measured by churn.test.ts, on a machine that does nothing else. */
  const refused = async (token: string, from = service) => {
    const began = performance.now();
    for (;;) {
      const { status, reason } = await ask(token, from);
      // An exchange that was under way at the very moment is refused for that: the next says what happened.
      const isSettled = status !== 200 && reason !== 'instance_ended';
      if (isSettled || performance.now() - began > 20_000) return { status, reason };
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

  it('refuses the token of a deleted pod, and that of a pod of the same name', async () => {
    const token = await pod('agent-1');
    assert.equal((await ask(token)).status, 200);
    await cluster.deletePod('agent-1');
    const { status, reason } = await refused(token);
    assert.deepEqual([status, reason], [400, 'pod_deleted']);
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
    const runtimeClassName = await cluster.createRuntimeClass();
    const token = await pod('agent-2', {
      spec: { runtimeClassName },
      metadata: { labels: { 'example.com/tier': 'gold' }, ownerReferences: [owner] },
    });
    const record = await served(token, service, ({ selectors }) => selectors?.includes('k8s:node-label:pool:agents'));
    for (const selector of [
      'k8s:pod-label:example.com/tier:gold',
      'k8s:owner:ReplicaSet/agents',
      `k8s:runtime-class:${runtimeClassName}`,
      'k8s:node-label:pool:agents',
      'k8s:node-taint:team:a:NoSchedule',
      'k8s:ns-label:stage:live',
    ]) {
      assert.ok(record.selectors?.includes(selector), `${selector} is not in ${record.selectors?.join(' ')}`);
    }
    assert.equal(record.facts?.environment, 'production');
  });

  it('is in no environment when its namespace has no label that says so', async () => {
    const name = `${cluster.namespace}-other`;
    await cluster.core.createNamespace({ body: { metadata: { name, labels: { stage: 'toy' } } } });
    await cluster.core.createNamespacedServiceAccount({ namespace: name, body: { metadata: { name: 'agent' } } });
    const body = { spec: { audiences: [issuer], expirationSeconds: 600 } };
    const request = { name: 'agent', namespace: name, body };
    const { status: token } = await cluster.core.createNamespacedServiceAccountToken(request);
    const environment = async () => {
      const { record } = await ask(token?.token ?? '');
      return [record.facts?.environment, record.facts?.unknown.environment];
    };
    assert.deepEqual(await environment(), [null, 'missing']);
    await cluster.core.deleteNamespace({ name });
  });

  it('denies by a label from the moment that the pod has it', async () => {
    const token = await pod('agent-3');
    assert.equal((await ask(token)).status, 200);
    const labels = { quarantine: 'true' };
    await cluster.core.patchNamespacedPod(
      { name: 'agent-3', namespace: cluster.namespace, body: { metadata: { labels } } },
      merge,
    );
    const { reason } = await refused(token);
    assert.equal(reason, 'denied_by_rule');
  });

  it('refuses a pod that has ended, though its token is valid', async () => {
    const token = await pod('agent-4');
    assert.equal((await ask(token)).status, 200);
    const body = { status: { phase: 'Succeeded' } };
    await cluster.core.patchNamespacedPodStatus({ name: 'agent-4', namespace: cluster.namespace, body }, merge);
    assert.equal((await refused(token)).reason, 'pod_ended');
  });

  it('serves a terminating pod, or refuses it, as the configuration says', async () => {
    const token = await pod('agent-5');
    await served(token, strict);
    await cluster.core.deleteNamespacedPod({ name: 'agent-5', namespace: cluster.namespace, gracePeriodSeconds: 30 });
    assert.equal((await refused(token, strict)).reason, 'pod_terminating');
    assert.equal((await ask(token)).status, 200);
    await cluster.deletePod('agent-5');
  });

  it('refuses the tokens of a service account that is deleted, and made again under its name', async () => {
    await cluster.createPod('agent-6', 'leaving');
    const token = await cluster.token({ serviceAccount: 'leaving', pod: 'agent-6', audience: issuer });
    assert.equal((await ask(token)).status, 200);
    await cluster.core.deleteNamespacedServiceAccount({ name: 'leaving', namespace: cluster.namespace });
    await cluster.createServiceAccount('leaving');
    assert.equal((await refused(token)).reason, 'service_account_deleted');
  });

  it('refuses the tokens of pods on a node that is deleted', async () => {
    const name = `${cluster.namespace}-node`;
    await cluster.core.createNode({ body: { metadata: { name } } });
    const token = await pod('agent-7', { spec: { nodeName: name } });
    assert.equal((await ask(token)).status, 200);
    await cluster.core.deleteNode({ name });
    assert.equal((await refused(token)).reason, 'node_deleted');
  });

  it('tells operators what it knows, and since when', async () => {
    const ready = (await (await fetch(`${service.healthUrl}/readyz`)).json()) as {
      watched: Record<string, { kind: string; known: boolean; age_s: number; objects: number }[]>;
    };
    const watched = ready.watched['prod-eu'] ?? [];
    assert.deepEqual(watched.map(({ kind, known }) => `${kind} ${known}`).sort(), [
      'namespaces true',
      'nodes true',
      'pods true',
      'serviceaccounts true',
    ]);
    assert.ok(watched.every(({ age_s, objects }) => age_s >= 0 && age_s < 30 && objects > 0));
    const metrics = await (await fetch(`${service.healthUrl}/metrics`)).text();
    assert.match(metrics, /^counterseal_watched_known\{attestor="prod-eu",kind="pods"\} 1$/m);
  });

  it('is not taken in by a pod with more labels than anybody needs: they are unknown, and a denial that names them applies', async () => {
    const labels = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`label-${index}`, 'x']));
    const { status, record } = await ask(await pod('agent-crowded', { metadata: { labels } }));
    assert.equal(status, 400);
    assert.equal(record.rules?.find(({ rule }) => rule === 'quarantine')?.verdict, 'unknown');
    assert.ok(JSON.stringify(record).length < 10_000);
  });

  it('goes on when somebody makes pods as large as the cluster allows, and changes them', async function () {
    this.timeout(60_000);
    const value = '<'.repeat(1_200_000);
    const containers = [{ name: 'main', image: 'registry.k8s.io/pause:3.10', env: [{ name: 'LARGE', value }] }];
    const names = Array.from({ length: 12 }, (_, index) => `large-${index}`);
    let fresh: TestService | undefined;
    try {
      for (const name of names) await cluster.createPod(name, 'calendar-agent', { spec: { containers } });
      // Listed anew, and followed.
      const listed = await start('{}');
      fresh = listed;
      const token = await pod('agent-8');
      for (const from of [service, listed]) await served(token, from);
      const change = { metadata: { annotations: { 'example.com/change': '1' } } };
      await cluster.core.patchNamespacedPod({ name: 'large-0', namespace: cluster.namespace, body: change }, merge);
      await cluster.deletePod('agent-8');
      for (const from of [service, listed]) {
        assert.equal((await refused(token, from)).reason, 'pod_deleted');
        assert.deepEqual(
          from.warnings.filter((line) => line.includes('does not work')),
          [],
        );
      }
    } finally {
      await fresh?.close();
      for (const name of names) await cluster.deletePod(name).catch(() => {});
    }
  });
});
