/** Tokens that were issued to a pod end with it: for a real pod, its node's trust, and while the service is down. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertionType, hashOf } from '../support/introspection.js';
import { calendar, issuer, postForm, send, startService, type TestService } from '../support/service.js';
import { kubeconfig, merge, noCluster, type TestCluster, useCluster } from './cluster.js';

describe(kubeconfig === undefined ? `cascade of a deletion (${noCluster})` : 'cascade of a deletion', () => {
  let cluster: TestCluster;
  let service: TestService;
  let caller: string;
  const start = (folder?: string) =>
    startService({
      ...(folder === undefined ? {} : { folder }),
      attestors: `
  prod-eu:
    type: kubernetes
    issuer: "${cluster.issuer}"
    api: { kubeconfig: "${kubeconfig}" }
    live: { trustedNodes: { labels: { trusted: "yes" }, withoutTaints: [quarantine], ready: true } }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:${cluster.namespace}", "k8s:sa:calendar-agent"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
      more: `clients:
  calendar-api:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:${cluster.namespace}", "k8s:sa:calendar-api"] }
    introspect: ["${calendar}"]`,
    });
  const node = (name: string) => `${cluster.namespace}-${name}`;
  const createNode = async (name: string) => {
    await cluster.core.createNode({ body: { metadata: { name: node(name), labels: { trusted: 'yes' } } } });
    await setReady(name, 'True');
  };
  const setReady = (name: string, status: string) =>
    cluster.core.patchNodeStatus(
      { name: node(name), body: { status: { conditions: [{ type: 'Ready', status }] } } },
      merge,
    );
  const podToken = async (name: string, serviceAccount: string, on: string) => {
    await cluster.createPod(name, serviceAccount, { spec: { nodeName: node(on) } });
    return cluster.token({ serviceAccount, pod: name, audience: issuer });
  };
  /** As soon as the service knows the pod's node to be trusted. */
  const accessToken = async (subject_token: string) => {
    for (let attempt = 0; attempt < 500; attempt += 1) {
      const { status, body } = await service.exchange({ subject_token });
      if (status === 200) return String(body.access_token);
      await sleep(10);
    }
    return assert.fail((await service.lastRecord()).detail ?? '');
  };
  const isActive = async (token: string) => {
    const form = { client_assertion_type: assertionType, client_assertion: caller, token };
    const { status, body } = await postForm(`${service.url}/introspect`, form);
    assert.equal(status, 200);
    return body.active;
  };
  const ends = async (token: string) => {
    const began = performance.now();
    while ((await isActive(token)) !== false) {
      assert.ok(performance.now() - began < 5_000, 'still active after 5 s');
      await sleep(5);
    }
  };

  before(async function () {
    if (kubeconfig === undefined) return this.skip();
    this.timeout(60_000);
    cluster = await useCluster(kubeconfig);
    for (const name of ['calendar-agent', 'calendar-api']) await cluster.createServiceAccount(name);
    await createNode('stable');
    caller = await podToken('calendar-api-0', 'calendar-api', 'stable');
    service = await start();
  });
  after(async () => {
    await service?.close();
    const { items } = (await cluster?.core.listNode()) ?? { items: [] };
    for (const { metadata } of items) {
      if (metadata?.name?.startsWith(`${cluster.namespace}-`)) await cluster.core.deleteNode({ name: metadata.name });
    }
    await cluster?.close();
  });

  it('a deleted pod’s token becomes inactive, and is on the list of revocations', async () => {
    const uid = await cluster.createPod('agent-0', 'calendar-agent', { spec: { nodeName: node('stable') } });
    const subject = await cluster.token({ serviceAccount: 'calendar-agent', pod: 'agent-0', audience: issuer });
    const token = await accessToken(subject);
    assert.equal(await isActive(token), true);
    await cluster.deletePod('agent-0');
    await ends(token);
    const { body } = await send(`${service.url}/revocations`, { headers: { Authorization: `Bearer ${caller}` } });
    const hashes = (body.instances as { hash: string }[]).map(({ hash }) => hash);
    assert.ok(hashes.includes(hashOf('prod-eu', `pod:${uid}`)));
  });

  const losses: readonly [string, (name: string) => Promise<unknown>, (name: string) => Promise<unknown>][] = [
    [
      'label',
      (name) => cluster.core.patchNode({ name: node(name), body: { metadata: { labels: { trusted: null } } } }, merge),
      (name) => cluster.core.patchNode({ name: node(name), body: { metadata: { labels: { trusted: 'yes' } } } }, merge),
    ],
    [
      'taint',
      (name) =>
        cluster.core.patchNode(
          { name: node(name), body: { spec: { taints: [{ key: 'quarantine', effect: 'NoExecute' }] } } },
          merge,
        ),
      (name) => cluster.core.patchNode({ name: node(name), body: { spec: { taints: null } } }, merge),
    ],
    ['readiness', (name) => setReady(name, 'Unknown'), (name) => setReady(name, 'True')],
  ];
  for (const [what, lose, regain] of losses) {
    it(`tokens end when the node loses its trust by ${what}, and new ones can be had when it is back`, async () => {
      await createNode(what);
      const subject = await podToken(`agent-${what}`, 'calendar-agent', what);
      const token = await accessToken(subject);
      assert.equal(await isActive(token), true);
      await lose(what);
      await ends(token);
      const { status } = await service.exchange({ subject_token: subject });
      assert.deepEqual([status, (await service.lastRecord()).reason], [400, 'node_untrusted']);
      await regain(what);
      const next = await accessToken(subject);
      assert.deepEqual([await isActive(next), await isActive(token)], [true, false]);
    });
  }

  it('a pod that is deleted while the service is down: its token is inactive from the first answer on', async function () {
    this.timeout(30_000);
    const token = await accessToken(await podToken('agent-1', 'calendar-agent', 'stable'));
    const kept = await accessToken(await podToken('agent-2', 'calendar-agent', 'stable'));
    await service.close(true);
    await cluster.deletePod('agent-1');
    service = await start(service.folder);
    assert.deepEqual([await isActive(token), await isActive(kept)], [false, true]);
  });
});
