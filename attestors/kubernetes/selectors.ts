/** What can be matched of a workload: what its token says, and what is true of its pod, namespace and node now. */
import { selector, type UnknownCause } from '../attestor.js';
import type { ServiceAccountToken } from './claims.js';
import type { Namespace, Node, Pod } from './live/objects.js';
import type { Observation } from './live/observation.js';
import { liveSelectors, unknownLiveSelectors } from './live/selectors.js';

/** Made once for a pod as it is on a node as it is: tokens of one pod differ in nothing that selectors say. */
interface Made {
  readonly serviceAccountUid: string;
  readonly nodeUid: string | undefined;
  readonly nodeName: string | undefined;
  readonly node: Node | undefined;
  readonly namespace: Namespace | undefined;
  readonly selectors: readonly string[];
}

const made = new WeakMap<Pod, Made>();

/** Sorted: the token's own, and those of the cluster as it is now. */
export function selectors(token: ServiceAccountToken, observation: Observation | undefined): readonly string[] {
  const pod = observation?.pod;
  if (observation === undefined || pod === undefined) return makeSelectors(token, observation);
  const { node, namespace } = observation;
  const serviceAccountUid = token.serviceAccount.uid;
  const nodeUid = token.node?.uid;
  const nodeName = token.node?.name;
  const last = made.get(pod);
  if (
    last?.serviceAccountUid === serviceAccountUid &&
    last.nodeUid === nodeUid &&
    last.nodeName === nodeName &&
    last.node === node &&
    last.namespace === namespace
  ) {
    return last.selectors;
  }
  const selectors = makeSelectors(token, observation);
  made.set(pod, { serviceAccountUid, nodeUid, nodeName, node, namespace, selectors });
  return selectors;
}

/** The token's own are in the order of their kinds, which is sorted. */
function makeSelectors(token: ServiceAccountToken, observation: Observation | undefined): readonly string[] {
  const { namespace, serviceAccount, pod } = token;
  const { name, uid } = nodeOf(token, observation);
  const list: string[] = [];
  if (uid !== undefined) list.push(selector('k8s', 'node-uid', uid));
  if (name !== undefined) list.push(selector('k8s', 'node', name));
  list.push(selector('k8s', 'ns', namespace));
  if (pod !== undefined) list.push(selector('k8s', 'pod-uid', pod.uid), selector('k8s', 'pod', pod.name));
  list.push(selector('k8s', 'sa-uid', serviceAccount.uid), selector('k8s', 'sa', serviceAccount.name));
  if (observation === undefined) return Object.freeze(list);
  return Object.freeze([...new Set([...list, ...liveSelectors(observation)])].sort());
}

/** A token may leave out its node, or the node's uid; the cluster knows them. */
function nodeOf({ node }: ServiceAccountToken, observation: Observation | undefined) {
  return {
    name: node?.name ?? observation?.node?.name,
    uid: node?.uid ?? observation?.node?.uid,
  };
}

const nodeUnknown: Readonly<Record<string, UnknownCause>> = Object.freeze({
  'k8s:node': 'missing',
  'k8s:node-uid': 'missing',
});
const nodeUidUnknown: Readonly<Record<string, UnknownCause>> = Object.freeze({ 'k8s:node-uid': 'missing' });

/** A pod is on a node even where its token does not say so; a token without a pod vouches for no node. */
export function unknownSelectors(
  token: ServiceAccountToken,
  observation: Observation | undefined,
): Readonly<Record<string, UnknownCause>> {
  const live = unknownLiveSelectors(token, observation);
  const { name, uid } = nodeOf(token, observation);
  if (name === undefined) return token.pod === undefined ? live : { ...live, ...nodeUnknown };
  return uid === undefined ? { ...live, ...nodeUidUnknown } : live;
}
