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
  /** Whether something of that name was deleted, and nothing has the name now. */
  isVacant(key: string): boolean;
  /** For what a direct read has not found. It holds against a list that began before. */
  gone(uid: string): void;
  /** For what a direct read has found: the next list has to have it. */
  expect(uid: string): void;
  values(): Iterable<T>;
  size(): number;
}

export interface CollectionEvents<T> {
  listing?(): void;
  listed?(): void;
  changed?(now: T, before: T | undefined): void;
  removed?(before: T): void;
  /** It was read directly, or held a token, and is gone before the watch has seen it. */
  missed?(uid: string): void;
}

/** Names and uids of deleted objects that are remembered. One that was forgotten costs a direct read, which says the same. */
const maxGone = 100_000;

/** @param project null for an object that cannot be read; it counts as not there */
export function createCollection<T extends Known>(
  project: (object: unknown) => T | null,
  events: CollectionEvents<T>,
): Collection<T> {
  const byUid = new Map<string, T>();
  const byKey = new Map<string, T>();
  /** When it was buried: how many lists had begun. */
  const goneUids = new Map<string, number>();
  const vacantKeys = new Map<string, true>();
  const expected = new Set<string>();
  let lists = 0;
  /** Of a list that is under way. */
  let pages: T[] = [];
  let awaited: readonly string[] = [];

  /** No uid that is remembered here is among what is there. */
  function bury(uid: string): void {
    expected.delete(uid);
    remember(goneUids, uid, lists);
  }

  function remove(known: T): void {
    byUid.delete(known.uid);
    if (byKey.get(known.key) === known) {
      byKey.delete(known.key);
      remember(vacantKeys, known.key, true);
    }
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
    vacantKeys.delete(known.key);
    expected.delete(known.uid);
    goneUids.delete(known.uid);
    events.changed?.(known, before);
  }

  function page(objects: readonly unknown[]): void {
    for (const object of objects) {
      const known = project(object);
      if (known !== null) pages.push(known);
    }
  }

  /** A list that began after a burial knows better: what said that it was gone was wrong. */
  const isBuried = (uid: string) => (goneUids.get(uid) ?? -1) >= lists;

  function listed(objects: readonly unknown[]): void {
    page(objects);
    const present = pages.filter(({ uid }) => !isBuried(uid));
    pages = [];
    const uids = new Set(present.map(({ uid }) => uid));
    for (const known of [...byUid.values()]) if (!uids.has(known.uid)) remove(known);
    for (const known of present) put(known);
    for (const uid of awaited) if (expected.has(uid)) miss(uid);
    awaited = [];
    events.listed?.();
  }

  function miss(uid: string): void {
    bury(uid);
    events.missed?.(uid);
  }

  return Object.freeze<Collection<T>>({
    byUid: (uid) => byUid.get(uid),
    byKey: (key) => byKey.get(key),
    isGone: (uid) => goneUids.has(uid),
    isVacant: (key) => vacantKeys.has(key),
    gone(uid) {
      const known = byUid.get(uid);
      if (known === undefined) miss(uid);
      else remove(known);
    },
    expect(uid) {
      if (!byUid.has(uid)) expected.add(uid);
    },
    values: () => byUid.values(),
    size: () => byUid.size,
    listing() {
      lists += 1;
      pages = [];
      awaited = [...expected];
      events.listing?.();
    },
    page,
    listed,
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

function remember<Value>(memory: Map<string, Value>, key: string, value: Value): void {
  memory.delete(key);
  memory.set(key, value);
  if (memory.size <= maxGone) return;
  for (const oldest of memory.keys()) {
    memory.delete(oldest);
    return;
  }
}
