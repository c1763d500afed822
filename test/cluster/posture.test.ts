/** Conditions on a real pod and its node: they hold, fail and turn with what the cluster says of them. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { calendar, issuer, startService, type TestService } from '../support/service.js';
import { kubeconfig, merge, noCluster, type PodParts, strategic, type TestCluster, useCluster } from './cluster.js';

const digest = `sha256:${'ab'.repeat(32)}`;

describe(kubeconfig === undefined ? `posture (${noCluster})` : 'posture of a real pod and its node', () => {
  let cluster: TestCluster;
  let service: TestService;
  const nodeInfo = (info: Readonly<Record<string, string>>) =>
    cluster.core.patchNodeStatus({ name: cluster.node, body: { status: { nodeInfo: info } } }, merge);
  const pod = async (name: string, more: PodParts = {}) => {
    await cluster.createPod(name, 'agent', more);
    return cluster.token({ serviceAccount: 'agent', pod: name, audience: issuer });
  };
  const clause = async (token: string) => {
    const { status } = await service.exchange({ subject_token: token });
    const { rules } = await service.lastRecord();
    return status === 200 ? 'granted' : `${rules?.[0]?.verdict} ${rules?.[0]?.clause}: ${rules?.[0]?.seen}`;
  };
  /** Until the watch has caught up. */
  const becomes = async (token: string, expected: RegExp) => {
    const began = performance.now();
    for (;;) {
      const found = await clause(token);
      if (expected.test(found)) return;
      assert.ok(performance.now() - began < 20_000, `${found} is not ${expected}`);
      await sleep(10);
    }
  };

  before(async function () {
    if (kubeconfig === undefined) return this.skip();
    this.timeout(60_000);
    cluster = await useCluster(kubeconfig);
    await cluster.createServiceAccount('agent');
    await nodeInfo({ kubeletVersion: 'v1.33.4', kernelVersion: '6.1.0-40-amd64', bootID: 'first' });
    service = await startService({
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${cluster.issuer}", api: { kubeconfig: "${kubeconfig}" }, live: {} }`,
      more: `conditions:
  patched-node: { posture: { kubelet: ">=1.33.4", kernel: ">=6.1.0-40", maxAge: 30s } }
  our-images: { posture: { images: { only: ["registry.example/agents/*@sha256:*"] } } }`,
      rules: `
  agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:${cluster.namespace}"] }
    conditions: [patched-node, our-images, { posture: { privileged: false, hostNamespaces: false, runsAsRoot: false, nodeBooted: "<30d" } }]
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
  });
  after(async () => {
    await service?.close();
    await cluster?.close();
  });

  const good = {
    name: 'main',
    image: `registry.example/agents/calendar@${digest}`,
    securityContext: { runAsUser: 1000 },
  };

  it('holds for a pod as it should be on a patched node', async () => {
    await becomes(await pod('agent-good', { spec: { containers: [good] } }), /^granted$/);
  });

  const bad: readonly [string, PodParts['spec'], RegExp][] = [
    [
      'a privileged container',
      { containers: [{ ...good, securityContext: { privileged: true, runAsUser: 1000 } }] },
      /^fails .*privileged/,
    ],
    [
      'an init container from elsewhere',
      { containers: [good], initContainers: [{ ...good, name: 'first', image: 'docker.io/x/y:1' }] },
      /^fails .*our-images/,
    ],
    [
      'an image without a digest',
      { containers: [{ ...good, image: 'registry.example/agents/calendar:1' }] },
      /^fails .*our-images/,
    ],
    ['the node’s network', { containers: [good], hostNetwork: true }, /^fails .*hostNamespaces/],
    ['a container that may run as root', { containers: [{ ...good, securityContext: {} }] }, /^fails .*runsAsRoot/],
  ];
  for (const [what, spec, expected] of bad) {
    it(`fails for ${what}`, async () => {
      await becomes(await pod(`agent-${bad.findIndex(([name]) => name === what)}`, { spec: spec ?? {} }), expected);
    });
  }

  it('one foreign debug container spoils a pod that was served', async () => {
    const token = await pod('agent-debugged', { spec: { containers: [good] } });
    await becomes(token, /^granted$/);
    const ephemeralContainers = [
      { name: 'debug', image: 'docker.io/library/busybox:1.36', securityContext: { runAsUser: 1000 } },
    ];
    await cluster.core.patchNamespacedPodEphemeralcontainers(
      { name: 'agent-debugged', namespace: cluster.namespace, body: { spec: { ephemeralContainers } } },
      strategic,
    );
    await becomes(token, /^fails .*our-images.*busybox/);
  });

  it('turns with the node: an older kubelet fails, one that says nothing is unknown, a reboot is noticed', async () => {
    const token = await pod('agent-turning', { spec: { containers: [good] } });
    await becomes(token, /^granted$/);
    await nodeInfo({ kubeletVersion: 'v1.33.3', kernelVersion: '6.1.0-40-amd64', bootID: 'second' });
    await becomes(token, /^fails conditions\.patched-node\.posture\.kubelet: .*1\.33\.3/);
    await nodeInfo({ kubeletVersion: '', kernelVersion: '6.1.0-40-amd64', bootID: 'second' });
    await becomes(token, /^unknown conditions\.patched-node\.posture\.kubelet/);
    await nodeInfo({ kubeletVersion: 'v1.33.4', kernelVersion: '6.1.0-40-amd64', bootID: 'second' });
    await becomes(token, /^granted$/);
    const { facts } = await service.lastRecord();
    const booted = facts?.posture?.nodeBootedAt?.value;
    assert.ok(typeof booted === 'number' && Date.now() / 1000 - booted < 30, `booted ${booted}`);
  });
});
