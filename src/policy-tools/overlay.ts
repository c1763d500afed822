/** `counterseal policy overlay`: what each layer of a policy changes of those before it, and in what two policies differ. */
import { isDeepStrictEqual } from 'node:util';
import { isRecord, type Path, renderPath } from '../config/path.js';
import { type Entry, placeOf, readSources } from '../config/sources.js';

/** What becomes of one resource, condition, rule or client. */
export interface EntryChange {
  /** Such as `rules.calendar-agent`. */
  readonly entry: string;
  readonly change: 'added' | 'replaced' | 'removed';
  /** Null: it is not there. */
  readonly before: Side | null;
  readonly after: Side | null;
  /** The keys that differ, of one that is replaced; none: it says the same again. */
  readonly keys: readonly KeyChange[];
}

interface Side {
  /** Such as `policy/base/rules.yaml:3:3`. */
  readonly place: string;
  readonly value: unknown;
}

export interface KeyChange {
  /** Within the entry, such as `grant.scope`. */
  readonly key: string;
  /** Undefined: the key is not there. */
  readonly before?: unknown;
  readonly after?: unknown;
}

/** A step from one policy to another. */
export interface Overlay {
  /** What makes the changes: a layer as `policy.include` has it, or the file of the other configuration. */
  readonly by: string;
  readonly changes: readonly EntryChange[];
}

/** By each layer after the first; none: there is but one. @throws ConfigurationError with every problem of what is included */
export async function layersOf(file: string): Promise<readonly Overlay[]> {
  const { layers } = await readSources(file);
  const before = new Map<string, Entry>();
  return layers.flatMap(({ name, entries }, index) => {
    const changes = [...entries].map(([key, entry]) => changeOf(key, before.get(key), entry));
    for (const [key, entry] of entries) before.set(key, entry);
    return index === 0 ? [] : [{ by: name, changes: changes.sort(byEntry) }];
  });
}

/** What the policy of the other configuration has otherwise. @throws ConfigurationError with every problem of what is included */
export async function differenceOf(file: string, other: string): Promise<readonly Overlay[]> {
  const [before, after] = await Promise.all([readSources(file), readSources(other)]);
  const keys = new Set([...before.entries.keys(), ...after.entries.keys()]);
  const all = [...keys].map((key) => changeOf(key, before.entries.get(key), after.entries.get(key)));
  const changes = all.filter(({ change, keys: differing }) => change !== 'replaced' || differing.length > 0);
  return [{ by: other, changes: changes.sort(byEntry) }];
}

const byEntry = (one: EntryChange, other: EntryChange) => (one.entry < other.entry ? -1 : 1);

function changeOf(entry: string, before: Entry | undefined, after: Entry | undefined): EntryChange {
  const [old, now] = [sideOf(before), sideOf(after)];
  const [was, is] = [old?.value ?? null, now?.value ?? null];
  const change = was === null ? 'added' : is === null ? 'removed' : 'replaced';
  const keys = change === 'replaced' ? keyChanges(was, is, []) : [];
  return Object.freeze({ entry, change, before: was === null ? null : old, after: now, keys });
}

const sideOf = (entry: Entry | undefined): Side | null =>
  entry === undefined ? null : { place: placeOf(entry), value: entry.value };

/** Maps are compared key by key, lists as a whole. */
function keyChanges(before: unknown, after: unknown, path: Path): KeyChange[] {
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => keyChanges(own(before, key), own(after, key), [...path, key]));
  }
  return isDeepStrictEqual(before, after) ? [] : [{ key: renderPath(path), before, after }];
}

const own = (map: Readonly<Record<string, unknown>>, key: string) => (Object.hasOwn(map, key) ? map[key] : undefined);

/** Lines for a person. */
export function renderOverlay({ by, changes }: Overlay): string[] {
  const counted = (['added', 'replaced', 'removed'] as const).map(
    (kind) => `${changes.filter(({ change }) => change === kind).length} ${kind}`,
  );
  return [`${by}: ${counted.join(', ')}`, ...changes.flatMap(changeLines)];
}

const signs = { added: '+', replaced: '~', removed: '-' } as const;

function changeLines({ entry, change, before, after, keys }: EntryChange): string[] {
  const same = change === 'replaced' && keys.length === 0 ? ['      the same again'] : [];
  return [
    `  ${signs[change]} ${entry}`,
    ...(after === null ? [] : [`      here    ${after.place}`]),
    ...(before === null ? [] : [`      before  ${before.place}`]),
    ...keys.map(({ key, before: was, after: is }) => `      ${key}: ${told(was)} → ${told(is)}`),
    ...same,
  ];
}

const told = (value: unknown) => (value === undefined ? 'not there' : JSON.stringify(value));
