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

/** Seconds by which a picture may seem to be of the future. */
const clockStep = 1;

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
  const isRecent = (completeAt: number | null): completeAt is number => {
    if (completeAt === null) return false;
    const age = now() - completeAt;
    // A clock that was set back must not make an old picture young.
    return age <= maxAge && age >= -clockStep;
  };

  return Object.freeze<ClusterState>({
    ...collections,
    bootedAt: boots.of,
    completeAt() {
      let earliest = Number.POSITIVE_INFINITY;
      for (const { watch } of watches) {
        const completeAt = watch.completeAt();
        if (!isRecent(completeAt)) return null;
        earliest = Math.min(earliest, completeAt);
      }
      // Whole seconds: what is made from it need not be made anew for each event.
      return Math.floor(earliest);
    },
    watched: () =>
      watches.map(({ resource, follower, watch }) => {
        const completeAt = watch.completeAt();
        return Object.freeze<Watched>({
          kind: resource,
          known: isRecent(completeAt),
          age: completeAt === null ? null : Math.max(0, now() - completeAt),
          objects: follower.size(),
        });
      }),
    attempted: Promise.all(watches.map(({ watch }) => watch.attempted)),
    close() {
      for (const { watch } of watches) watch.close();
    },
  });
}
