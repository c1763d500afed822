/** Pods by something that many of them share, so that one event does not look at all of them. */
import type { Pod } from './objects.js';

export interface PodsBy {
  put(pod: Pod): void;
  remove(pod: Pod): void;
  of(key: string): Iterable<Pod>;
}

const none: readonly Pod[] = Object.freeze([]);

/** @param keyOf undefined: it has none */
export function createPodsBy(keyOf: (pod: Pod) => string | undefined): PodsBy {
  const pods = new Map<string, Map<string, Pod>>();
  return Object.freeze<PodsBy>({
    put(pod) {
      const key = keyOf(pod);
      if (key === undefined) return;
      const same = pods.get(key) ?? new Map<string, Pod>();
      pods.set(key, same.set(pod.uid, pod));
    },
    remove(pod) {
      const key = keyOf(pod);
      const same = key === undefined ? undefined : pods.get(key);
      if (key === undefined || same === undefined) return;
      same.delete(pod.uid);
      if (same.size === 0) pods.delete(key);
    },
    of: (key) => pods.get(key)?.values() ?? none,
  });
}
