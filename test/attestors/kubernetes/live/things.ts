/** Objects of a cluster as its API server sends them, and what tests of the watched picture wait with. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Claims } from '../../../../examples/quickstart/cluster-issuer.js';
import type { FakeCluster, Json } from '../fake-cluster.js';

/** Members beside, or instead of, those of a plain object. */
interface Parts {
  readonly uid?: string;
  readonly metadata?: Json;
  readonly spec?: Json;
  readonly status?: Json;
}

export const podObject = (name: string, { uid = `pod-${name}`, metadata, spec, status }: Parts = {}) => ({
  metadata: { namespace: 'agents', name, uid, ...metadata },
  spec: {
    serviceAccountName: 'calendar-agent',
    nodeName: 'node-1',
    containers: [{ name: 'agent', image: 'agent:1' }],
    ...spec,
  },
  status: { phase: 'Running', ...status },
});

export const nodeObject = (name: string, { uid = `node-${name}`, metadata, spec, status }: Parts = {}) => ({
  metadata: { name, uid, creationTimestamp: '2026-11-01T00:00:00Z', ...metadata },
  spec: { ...spec },
  status: { conditions: [{ type: 'Ready', status: 'True' }], ...status },
});

export const namespaceObject = (name: string, { uid = `namespace-${name}`, metadata }: Parts = {}) => ({
  metadata: { name, uid, ...metadata },
});

export const serviceAccountObject = (name: string, { uid = `serviceaccount-${name}`, metadata }: Parts = {}) => ({
  metadata: { namespace: 'agents', name, uid, ...metadata },
});

interface Named {
  readonly name: string;
  readonly uid: string;
}

/** The objects that a token is bound to, as the cluster has them. */
export function objectsOf(claims: Claims) {
  const { namespace, pod, node, serviceaccount } = claims['kubernetes.io'] as {
    readonly namespace: string;
    readonly pod?: Named;
    readonly node?: Named;
    readonly serviceaccount: Named;
  };
  const inNamespace = { metadata: { namespace } };
  return {
    serviceAccount: serviceAccountObject(serviceaccount.name, { uid: serviceaccount.uid, ...inNamespace }),
    namespace: namespaceObject(namespace),
    pod: pod && podObject(pod.name, { uid: pod.uid, ...inNamespace, ...(node && { spec: { nodeName: node.name } }) }),
    node: node && nodeObject(node.name, { uid: node.uid }),
  };
}

export function putAll(cluster: FakeCluster, claims: Claims): void {
  const { serviceAccount, namespace, pod, node } = objectsOf(claims);
  cluster.put('serviceaccounts', serviceAccount);
  cluster.put('namespaces', namespace);
  if (node !== undefined) cluster.put('nodes', node);
  if (pod !== undefined) cluster.put('pods', pod);
}

/** Waits until it holds; fails when it takes too long for any machine. */
export async function until(holds: () => boolean, what: string | (() => string), seconds = 8): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  while (!holds()) {
    if (performance.now() > end) assert.fail(`not within ${seconds} s: ${typeof what === 'string' ? what : what()}`);
    await sleep(2);
  }
}
