/** The watched picture of a cluster. */
import type { Watched } from '../../attestor.js';
import { type ApiServer, type Resource, resources } from '../api.js';
import { createBoots } from './boots.js';
import { type Collection, createCollection, type Known } from './collection.js';
import { createEndings, type EndingsOptions, type Present } from './endings.js';
import { type Namespace, type Node, readNamespace, readNode, readPod, readServiceAccount } from './objects.js';
import { watchResource } from './watch.js';

export interface ClusterStateOptions extends EndingsOptions {
  readonly server: ApiServer;
  /** Seconds. */
  readonly maxAge: number;
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

export interface ClusterState extends Present {
  readonly namespaces: Collection<Namespace>;
  /** Seconds since the epoch, see `boots.ts`. */
  bootedAt(node: Node): number | undefined;
  /** Seconds since the epoch at which all of it was complete; null when that is longer ago than `maxAge`, or never was. */
  completeAt(): number | null;
  watched(): readonly Watched[];
  /** Resolves when everything has been listed, or has failed once. */
  readonly attempted: Promise<unknown>;
  close(): void;
}

export function watchCluster(options: ClusterStateOptions): ClusterState {
  const { maxAge, now } = options;
  const boots = createBoots();
  const endings = createEndings(options, () => collections);
  const collections = {
    pods: createCollection(readPod, endings.ofPods),
    nodes: createCollection(readNode, {
      ...endings.ofNodes,
      changed(node, before) {
        boots.see(node, now());
        endings.ofNodes.changed?.(node, before);
      },
      removed(node) {
        boots.forget(node);
        endings.ofNodes.removed?.(node);
      },
    }),
    namespaces: createCollection(readNamespace, {}),
    serviceAccounts: createCollection(readServiceAccount, endings.ofServiceAccounts),
  };
  const followers: Readonly<Record<Resource, Collection<Known>>> = {
    pods: collections.pods,
    nodes: collections.nodes,
    namespaces: collections.namespaces,
    serviceaccounts: collections.serviceAccounts,
  };
  const watches = resources.map((resource) => ({
    resource,
    follower: followers[resource],
    watch: watchResource({ ...options, resource, follower: followers[resource] }),
  }));
  return Object.freeze<ClusterState>({
    ...collections,
    bootedAt: boots.of,
    completeAt() {
      let earliest = Number.POSITIVE_INFINITY;
      for (const { watch } of watches) {
        const completeAt = watch.completeAt();
        if (completeAt === null || watch.age() > maxAge) return null;
        earliest = Math.min(earliest, completeAt);
      }
      return earliest;
    },
    watched: () =>
      watches.map(({ resource, follower, watch }) => {
        const age = watch.age();
        return Object.freeze<Watched>({
          kind: resource,
          known: age <= maxAge,
          age: Number.isFinite(age) ? age : null,
          objects: follower.size(),
        });
      }),
    attempted: Promise.all(watches.map(({ watch }) => watch.attempted)),
    close() {
      for (const { watch } of watches) watch.close();
    },
  });
}
