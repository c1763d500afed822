/**
 * Which changes of a cluster end a workload, so that tokens which were issued to it stop being active. What was missed while
 * the watch was broken, or this service was down, is found when everything is listed again.
 */
import type { Collection, CollectionEvents } from './collection.js';
import { nodeUidOf, podInstance, podUidOf, serviceAccountInstance, serviceAccountUidOf } from './instances.js';
import type { Node, Pod, ServiceAccount } from './objects.js';
import { keyOf } from './objects.js';
import { type EndReason, nodeFault, podFault, type StandingRules } from './observation.js';
import { createPodsBy } from './pods-by.js';

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

const serviceAccountKey = (pod: Pod): string => keyOf(pod.namespace, pod.serviceAccount);

/** @param present is asked for when something happens, as the collections are made with these events */
export function createEndings({ rules, ended, instances }: EndingsOptions, present: () => Present): Endings {
  const onNode = createPodsBy((pod) => pod.node);
  const withServiceAccount = createPodsBy(serviceAccountKey);
  const trusts = (node: Node) => nodeFault(node, rules.trustedNodes) === null;

  const end = (instance: string, reason: EndReason | null) => {
    if (reason !== null) ended(instance, reason);
  };

  function endAll(pods: Iterable<Pod>, reason: (pod: Pod) => EndReason | null): void {
    for (const pod of pods) end(podInstance(pod.uid), reason(pod));
  }

  /** A node that is not there (yet) tells nothing: when it comes, or goes, that is told. */
  function fault(pod: Pod): EndReason | null {
    const node = pod.node === undefined ? undefined : present().nodes.byKey(pod.node);
    return podFault(pod, node, node === undefined ? { ...rules, trustedNodes: undefined } : rules);
  }

  /** What its service account and node are while it is seen for the first time: these watches may be ahead of that of pods. */
  function lostBefore(pod: Pod): EndReason | null {
    const { serviceAccounts, nodes } = present();
    if (serviceAccounts.isVacant(serviceAccountKey(pod))) return 'service_account_deleted';
    return pod.node !== undefined && nodes.isVacant(pod.node) ? 'node_deleted' : null;
  }

  /** Tokens that are bound to a node, or to a service account on one, without a pod. */
  function endHolders(isOf: (instance: string) => boolean, reason: EndReason): void {
    for (const instance of instances()) if (isOf(instance)) ended(instance, reason);
  }

  const lists = followLists(present, instances, ended);
  return Object.freeze<Endings>({
    ofPods: {
      ...lists.ofPods,
      changed(pod, before) {
        const reason = fault(pod);
        if (before !== undefined) {
          onNode.remove(before);
          withServiceAccount.remove(before);
        }
        onNode.put(pod);
        withServiceAccount.put(pod);
        if (before === undefined) end(podInstance(pod.uid), reason ?? lostBefore(pod));
        else if (fault(before) === null) end(podInstance(pod.uid), reason);
      },
      removed(pod) {
        onNode.remove(pod);
        withServiceAccount.remove(pod);
        ended(podInstance(pod.uid), 'pod_deleted');
      },
      missed: (uid) => ended(podInstance(uid), 'pod_deleted'),
    },
    ofNodes: {
      ...lists.ofNodes,
      changed(node, before) {
        if (trusts(node) || (before !== undefined && !trusts(before))) return;
        endAll(onNode.of(node.name), fault);
        endHolders((instance) => nodeUidOf(instance) === node.uid, 'node_untrusted');
      },
      removed(node) {
        endAll(onNode.of(node.name), () => 'node_deleted');
        endHolders((instance) => nodeUidOf(instance) === node.uid, 'node_deleted');
      },
    },
    ofServiceAccounts: {
      ...lists.ofServiceAccounts,
      removed({ uid, key }) {
        ended(serviceAccountInstance(uid), 'service_account_deleted');
        endAll(withServiceAccount.of(key), () => 'service_account_deleted');
        endHolders((instance) => serviceAccountUidOf(instance) === uid, 'service_account_deleted');
      },
    },
  });
}

type OnList = Required<Pick<CollectionEvents<never>, 'listing' | 'listed'>>;

/** Whoever held a token when a list began, and is not in it, is gone: it was there, and the list is newer. */
function followLists(
  present: () => Present,
  instances: EndingsOptions['instances'],
  ended: EndingsOptions['ended'],
): Readonly<Record<keyof Endings, OnList>> {
  /** Who held tokens when these were listed; pods may be listed before or after. */
  const holders = { ofServiceAccounts: [] as readonly string[], ofNodes: [] as readonly string[] };

  function endOrphans(): void {
    const { pods, nodes, serviceAccounts } = present();
    const podOf = (instance: string) => pods.byUid(podUidOf(instance) ?? '');
    for (const instance of holders.ofServiceAccounts) {
      const pod = podOf(instance);
      if (pod && serviceAccounts.byKey(serviceAccountKey(pod)) === undefined)
        ended(instance, 'service_account_deleted');
    }
    for (const instance of holders.ofNodes) {
      const pod = podOf(instance);
      if (pod?.node !== undefined && nodes.byKey(pod.node) === undefined) ended(instance, 'node_deleted');
    }
  }

  function onList(finish: (held: readonly string[]) => void): OnList {
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

  const endAbsent = (
    held: readonly string[],
    collection: { byUid(uid: string): unknown },
    uidOf: (instance: string) => string | undefined,
    reason: EndReason,
  ) => {
    for (const instance of held) {
      const uid = uidOf(instance);
      if (uid !== undefined && collection.byUid(uid) === undefined) ended(instance, reason);
    }
  };

  return {
    ofPods: onList((held) => endAbsent(held, present().pods, podUidOf, 'pod_deleted')),
    ofNodes: onList((held) => {
      holders.ofNodes = held;
      endAbsent(held, present().nodes, nodeUidOf, 'node_deleted');
    }),
    ofServiceAccounts: onList((held) => {
      holders.ofServiceAccounts = held;
      endAbsent(held, present().serviceAccounts, serviceAccountUidOf, 'service_account_deleted');
    }),
  };
}
