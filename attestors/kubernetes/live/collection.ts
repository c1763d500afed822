/** What a watch has seen of one kind of object: what is there, by uid and by name, and what is gone. */
import type { Follower } from './watch.js';

/** The least that is kept of an object. */
export interface Known {
  readonly uid: string;
  /** `NAMESPACE/NAME`, or `NAME` of what is in no namespace. A name may be used again, a uid never. */
  readonly key: string;
}

export interface Collection<T extends Known> extends Follower {
  byUid(uid: string): T | undefined;
  byKey(key: string): T | undefined;
  /** Whether it was deleted, as far as that is remembered. */
  isGone(uid: string): boolean;
  /** For what a direct read has found out; it holds against a list that is older. */
  gone(uid: string): void;
  values(): Iterable<T>;
  size(): number;
}

export interface CollectionEvents<T> {
  listing?(): void;
  listed?(): void;
  changed?(now: T, before: T | undefined): void;
  removed?(before: T): void;
}

/** Uids of deleted objects that are remembered. One that was forgotten costs a direct read, which says the same. */
const maxGone = 100_000;

/** @param project null for an object that cannot be read; it counts as not there */
export function createCollection<T extends Known>(
  project: (object: unknown) => T | null,
  events: CollectionEvents<T>,
): Collection<T> {
  const byUid = new Map<string, T>();
  const byKey = new Map<string, T>();
  const goneUids = new Set<string>();
  /** Of a list that is under way. */
  let pages: T[] = [];

  /** No uid that is remembered here is among what is there, nor comes back. */
  function bury(uid: string): void {
    goneUids.add(uid);
    if (goneUids.size <= maxGone) return;
    const [oldest] = goneUids;
    if (oldest !== undefined) goneUids.delete(oldest);
  }

  function remove(known: T): void {
    byUid.delete(known.uid);
    if (byKey.get(known.key) === known) byKey.delete(known.key);
    bury(known.uid);
    events.removed?.(known);
  }

  function put(known: T): void {
    const before = byUid.get(known.uid);
    const namesake = byKey.get(known.key);
    // Its deletion was missed: two objects cannot have one name.
    if (namesake !== undefined && namesake.uid !== known.uid) remove(namesake);
    byUid.set(known.uid, known);
    byKey.set(known.key, known);
    events.changed?.(known, before);
  }

  function page(objects: readonly unknown[]): void {
    for (const object of objects) {
      const known = project(object);
      if (known !== null) pages.push(known);
    }
  }

  return Object.freeze<Collection<T>>({
    byUid: (uid) => byUid.get(uid),
    byKey: (key) => byKey.get(key),
    isGone: (uid) => goneUids.has(uid),
    gone(uid) {
      const known = byUid.get(uid);
      if (known === undefined) bury(uid);
      else remove(known);
    },
    values: () => byUid.values(),
    size: () => byUid.size,
    listing() {
      pages = [];
      events.listing?.();
    },
    page,
    listed(objects) {
      page(objects);
      const present = pages.filter(({ uid }) => !goneUids.has(uid));
      pages = [];
      const uids = new Set(present.map(({ uid }) => uid));
      for (const known of [...byUid.values()]) if (!uids.has(known.uid)) remove(known);
      for (const known of present) put(known);
      events.listed?.();
    },
    present(object) {
      const known = project(object);
      if (known !== null && !goneUids.has(known.uid)) put(known);
    },
    deleted(object) {
      const known = project(object);
      // One that was never seen may have been read directly, and hold a token.
      if (known !== null) remove(byUid.get(known.uid) ?? known);
    },
  });
}
