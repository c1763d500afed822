/**
 * When nodes booted. The API server does not say it; it says which boot it is, by an id. So the time is that at which the id
 * was seen to change, and until then that of the node's registration: no boot is taken for more recent than it is, but
 * for the time that the watch was broken meanwhile.
 */
import type { Node } from './objects.js';

export interface Boots {
  see(node: Node, now: number): void;
  forget(node: Node): void;
  /** Seconds since the epoch. */
  of(node: Node): number | undefined;
}

export function createBoots(): Boots {
  const seen = new Map<string, { readonly bootId: string; readonly at: number | undefined }>();
  return Object.freeze<Boots>({
    see({ uid, info, createdAt }, now) {
      const { bootID: bootId } = info;
      const before = seen.get(uid);
      if (bootId === undefined || before?.bootId === bootId) return;
      seen.set(uid, { bootId, at: before === undefined ? createdAt : now });
    },
    forget: ({ uid }) => void seen.delete(uid),
    of({ uid, info }) {
      const boot = seen.get(uid);
      return boot?.bootId === info.bootID ? boot?.at : undefined;
    },
  });
}
