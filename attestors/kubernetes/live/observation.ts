/** What is known of the pod of a token, at one time. Everything that is said of a workload's circumstances is made of this. */
import { Rejected } from '../../../src/errors.js';
import type { ServiceAccountToken } from '../claims.js';
import type { Namespace, Node, Pod } from './objects.js';

export interface Observation {
  /** Seconds since the epoch: what is said here was so at this time or later. */
  readonly observedAt: number;
  /** Undefined: the token is bound to no pod. */
  readonly pod: Pod | undefined;
  /** The pod's, or the token's own. Undefined: it has none yet. */
  readonly node: Node | undefined;
  /** Seconds since the epoch, see `boots.ts`. */
  readonly nodeBootedAt: number | undefined;
  readonly namespace: Namespace | undefined;
}

/** What has to be true of a node for the workloads on it to be trusted. */
export interface NodeTrust {
  readonly labels: Readonly<Record<string, string>>;
  /** Keys of taints that it may not have. */
  readonly withoutTaints: readonly string[];
  /** Its condition Ready is True. */
  readonly ready: boolean;
}

export interface StandingRules {
  readonly terminating: 'allow' | 'refuse';
  /** Undefined: every node is trusted. */
  readonly trustedNodes: NodeTrust | undefined;
}

/** Why a workload is not to be served any more, as a stable code. */
export type EndReason =
  | 'pod_deleted'
  | 'pod_ended'
  | 'pod_terminating'
  | 'service_account_deleted'
  | 'node_deleted'
  | 'node_untrusted';

/** Of what was found for a token. A node that could not be found although the pod is on it is gone. */
export function fault({ pod, node }: Observation, rules: StandingRules): EndReason | null {
  if (pod === undefined) return node === undefined ? null : nodeFault(node, rules.trustedNodes);
  if (pod.node !== undefined && node === undefined) return 'node_deleted';
  return podFault(pod, node, rules);
}

/** Null: nothing speaks against it. The same for an exchange, and for tokens that were issued before. */
export function podFault(pod: Pod, node: Node | undefined, rules: StandingRules): EndReason | null {
  if (pod.hasEnded) return 'pod_ended';
  if (pod.isTerminating && rules.terminating === 'refuse') return 'pod_terminating';
  return nodeFault(node, rules.trustedNodes);
}

/** A pod without a node, or on one that is not known, is on no trusted one. */
export function nodeFault(node: Node | undefined, trust: NodeTrust | undefined): EndReason | null {
  return trust === undefined || (node !== undefined && isTrusted(node, trust)) ? null : 'node_untrusted';
}

function isTrusted(node: Node, { labels, withoutTaints, ready }: NodeTrust): boolean {
  const wanted = Object.entries(labels);
  return (
    wanted.every(([key, value]) => node.labels?.[key] === value) &&
    (withoutTaints.length === 0 || node.taints?.every(({ key }) => !withoutTaints.includes(key)) === true) &&
    (!ready || node.conditions.Ready === 'True')
  );
}

/** The token and the cluster have to agree on every name that both have. @throws Rejected */
export function checkAgreement(token: ServiceAccountToken, { pod, node }: Observation): void {
  const { namespace, serviceAccount } = token;
  if (pod !== undefined) {
    agree('pod', `${namespace}/${token.pod?.name}`, pod.key);
    agree('the pod’s service account', serviceAccount.name, pod.serviceAccount);
    if (token.node !== undefined) agree('the pod’s node', token.node.name, pod.node);
  }
  if (token.node?.uid !== undefined) agree('the node’s uid', token.node.uid, node?.uid);
}

function agree(what: string, expected: string, seen: string | undefined): void {
  if (expected === seen) return;
  throw new Rejected(
    'cluster_disagrees',
    `The token and the cluster disagree about ${what}: the token says ${expected}, the cluster ${seen ?? 'none'}.`,
  );
}

const sentences: Readonly<Record<EndReason, string>> = {
  pod_deleted: 'The pod of the token is deleted.',
  pod_ended: 'The pod of the token has ended: its phase is Succeeded or Failed.',
  pod_terminating: 'The pod of the token is terminating, and the attestor says live.terminating: refuse.',
  service_account_deleted: 'The service account of the token is deleted.',
  node_deleted: 'The node of the token is deleted.',
  node_untrusted: 'The node of the pod is not as live.trustedNodes asks.',
};

export const ended = (reason: EndReason): Rejected => new Rejected(reason, sentences[reason]);
