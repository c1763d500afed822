/** Selectors that are true of the pod, its namespace and its node now. */
import { selector, type UnknownCause } from '../../attestor.js';
import type { ServiceAccountToken } from '../claims.js';
import type { Namespace, Node, Pod } from './objects.js';
import type { Observation } from './observation.js';

/** By what they are of, so that what is not known of it can be told. */
const podKinds = ['k8s:owner', 'k8s:pod-label', 'k8s:runtime-class'];
const nodeKinds = ['k8s:node-label', 'k8s:node-taint'];
const namespaceKinds = ['k8s:ns-label'];

export const liveKinds: readonly string[] = Object.freeze([...podKinds, ...nodeKinds, ...namespaceKinds]);

const labels = (kind: string, of: Readonly<Record<string, string>> | null): string[] =>
  Object.entries(of ?? {}).map(([key, value]) => selector('k8s', kind, key, value));

const ofPod = (pod: Pod): readonly string[] => [
  ...(pod.owners ?? []).map((owner) => selector('k8s', 'owner', owner)),
  ...labels('pod-label', pod.labels),
  ...(pod.runtimeClass === undefined ? [] : [selector('k8s', 'runtime-class', pod.runtimeClass)]),
];

const ofNode = (node: Node): readonly string[] => [
  ...labels('node-label', node.labels),
  ...(node.taints ?? []).map(({ key, value, effect }) => selector('k8s', 'node-taint', key, value, effect)),
];

const ofNamespace = (namespace: Namespace): readonly string[] => labels('ns-label', namespace.labels);

/** Not sorted. */
export const liveSelectors = ({ pod, node, namespace }: Observation): readonly string[] => [
  ...(pod === undefined ? [] : ofPod(pod)),
  ...(node === undefined ? [] : ofNode(node)),
  ...(namespace === undefined ? [] : ofNamespace(namespace)),
];

const unknownOf = (kinds: readonly string[]): Readonly<Record<string, UnknownCause>> =>
  Object.freeze(Object.fromEntries(kinds.map((kind) => [kind, 'missing' as const])));

const noNamespace = unknownOf(namespaceKinds);
const nothingLive = unknownOf(liveKinds);
const nothingLiveOfNode = unknownOf([...nodeKinds, ...namespaceKinds]);
const nothing = unknownOf([]);

/**
 * Kinds of which it is not known whether the workload has one. A token without a pod has none of a pod's, which is known.
 * @param observation undefined: the cluster is not watched
 */
export function unknownLiveSelectors(
  { pod, node }: ServiceAccountToken,
  observation: Observation | undefined,
): Readonly<Record<string, UnknownCause>> {
  if (observation === undefined) {
    return pod !== undefined ? nothingLive : node !== undefined ? nothingLiveOfNode : noNamespace;
  }
  const isNodeUnknown = observation.node === undefined && (pod !== undefined || node !== undefined);
  const isKnown = !isNodeUnknown && observation.namespace !== undefined;
  const tooMany = tooManyOf(observation);
  if (tooMany.length === 0 && isKnown) return nothing;
  return unknownOf([
    ...(isNodeUnknown ? nodeKinds : []),
    ...(observation.namespace === undefined ? namespaceKinds : []),
    ...tooMany,
  ]);
}

/** Kinds of which an object has more than is kept. */
function tooManyOf({ pod, node, namespace }: Observation): string[] {
  const kinds: string[] = [];
  if (pod?.labels === null) kinds.push('k8s:pod-label');
  if (pod?.owners === null) kinds.push('k8s:owner');
  if (node?.labels === null) kinds.push('k8s:node-label');
  if (node?.taints === null) kinds.push('k8s:node-taint');
  if (namespace?.labels === null) kinds.push('k8s:ns-label');
  return kinds;
}
