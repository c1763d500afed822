/**
 * Which changes of a cluster end a workload, so that tokens which were issued to it stop being active. What was missed while
 * the watch was broken, or this service was down, is found when everything is listed again.
 */
import type { Collection, CollectionEvents } from './collection.js';
import type { Node, Pod, ServiceAccount } from './objects.js';
import { keyOf } from './objects.js';
import { type EndReason, nodeFault, podFault, type StandingRules } from './observation.js';

export interface EndingsOptions {
  readonly rules: StandingRules;
  readonly ended: (instance: string, reason: string) => void;
  /** Who holds tokens. */
  readonly instances: () => readonly string[];
}

/** What there is, as far as it has been listed. */
export interface Present {
  readonly pods: Collection<Pod>;
  readonly nodes: Collection<Node>;
  readonly serviceAccounts: Collection<ServiceAccount>;
}

export interface Endings {
  readonly ofPods: CollectionEvents<Pod>;
  readonly ofNodes: CollectionEvents<Node>;
  readonly ofServiceAccounts: CollectionEvents<ServiceAccount>;
}

const podPrefix = 'pod:';
const serviceAccountPrefix = 'serviceaccount:';

export const podInstance = (uid: string): string => podPrefix + uid;
export const serviceAccountInstance = (uid: string): string => serviceAccountPrefix + uid;

/** @param present is asked for when something happens, as the collections are made with these events */
export function createEndings({ rules, ended, instances }: EndingsOptions, present: () => Present): Endings {
  /** A node that is not there (yet) tells nothing: when it comes, or goes, that is told. */
  const fault = (pod: Pod, node: Node | undefined): EndReason | null =>
    node === undefined ? podFault(pod, node, { ...rules, trustedNodes: undefined }) : podFault(pod, node, rules);
  const trusts = (node: Node) => nodeFault(node, rules.trustedNodes) === null;
  const nodeOf = (pod: Pod) => (pod.node === undefined ? undefined : present().nodes.byKey(pod.node));
  const endPod = (pod: Pod, reason: EndReason | null) => {
    if (reason !== null) ended(podInstance(pod.uid), reason);
  };

  function endPodsWhere(affected: (pod: Pod) => boolean, reason: (pod: Pod) => EndReason | null): void {
    for (const pod of present().pods.values()) if (affected(pod)) endPod(pod, reason(pod));
  }

  const serviceAccountOf = (pod: Pod) => present().serviceAccounts.byKey(keyOf(pod.namespace, pod.serviceAccount));
  /** Whoever held a token when a list began had a service account and a node then; pods may be listed before or after these. */
  const holders = { serviceAccounts: new Set<string>(), nodes: new Set<string>() };

  function endOrphans(): void {
    endPodsWhere(
      (pod) => holders.serviceAccounts.has(podInstance(pod.uid)) && serviceAccountOf(pod) === undefined,
      () => 'service_account_deleted',
    );
    endPodsWhere(
      (pod) => holders.nodes.has(podInstance(pod.uid)) && pod.node !== undefined && nodeOf(pod) === undefined,
      () => 'node_deleted',
    );
  }

  /** Whoever held a token when a list began, and is not in it, is gone: it was there, and the list is newer. */
  function onList(finish: (held: readonly string[]) => void) {
    let held: readonly string[] = [];
    return {
      listing() {
        held = instances();
      },
      listed() {
        finish(held);
        held = [];
        endOrphans();
      },
    };
  }

  return Object.freeze<Endings>({
    ofPods: {
      ...onList((held) => {
        for (const uid of uidsOf(podPrefix, held)) {
          if (present().pods.byUid(uid) === undefined) ended(podInstance(uid), 'pod_deleted');
        }
      }),
      changed(pod, before) {
        const node = nodeOf(pod);
        if (before === undefined || fault(before, node) === null) endPod(pod, fault(pod, node));
      },
      removed: (pod) => endPod(pod, 'pod_deleted'),
    },
    ofNodes: {
      ...onList((held) => {
        holders.nodes = new Set(held);
      }),
      changed(node, before) {
        if (trusts(node) || (before !== undefined && !trusts(before))) return;
        endPodsWhere(
          (pod) => pod.node === node.name,
          (pod) => fault(pod, node),
        );
      },
      removed: (node) =>
        endPodsWhere(
          (pod) => pod.node === node.name,
          () => 'node_deleted',
        ),
    },
    ofServiceAccounts: {
      ...onList((held) => {
        holders.serviceAccounts = new Set(held);
        for (const uid of uidsOf(serviceAccountPrefix, held)) {
          if (present().serviceAccounts.byUid(uid) === undefined) {
            ended(serviceAccountInstance(uid), 'service_account_deleted');
          }
        }
      }),
      removed(serviceAccount) {
        ended(serviceAccountInstance(serviceAccount.uid), 'service_account_deleted');
        endPodsWhere(
          (pod) => keyOf(pod.namespace, pod.serviceAccount) === serviceAccount.key,
          () => 'service_account_deleted',
        );
      },
    },
  });
}

const uidsOf = (prefix: string, instances: readonly string[]): readonly string[] =>
  instances.flatMap((instance) => (instance.startsWith(prefix) ? [instance.slice(prefix.length)] : []));
