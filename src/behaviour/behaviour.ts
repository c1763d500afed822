/** Reads and counts facts of behaviour in the store, so that all replicas agree. */
import type { UnknownCause } from '../../attestors/attestor.js';
import type { Store } from '../store/store.js';
import { type Exchange, type Memory, measureOf } from './measure.js';

/** A fact, or why it is not known. */
export type Told = boolean | number | UnknownCause;

/** By the name of the fact, without `behaviour.`. */
export type Tellings = ReadonlyMap<string, Told>;

/** What would be true if a token were issued for this. Never rejects: where the store does, the facts are `unavailable`. */
export async function readBehaviour(store: Store, names: readonly string[], exchange: Exchange): Promise<Tellings> {
  const all = names.map(async (name) => [name, await readOne(store, name, exchange)] as const);
  return new Map(await Promise.all(all));
}

async function readOne(store: Store, name: string, exchange: Exchange): Promise<Told> {
  const measure = measureOf(name, exchange);
  if (typeof measure === 'string') return measure;
  try {
    const row = await store.get(measure.key);
    if (measure.kind === 'memory') return measure.look(row?.value).fact ?? 'missing';
    const count = Number(row?.value ?? 0) + 1;
    return Number.isSafeInteger(count) ? count : 'unavailable';
  } catch {
    return 'unavailable';
  }
}

/** How often an entry is written anew when others write to it at the same time and change nothing of the fact. */
const mostAttempts = 8;

/** How one fact is counted. Each rejects when the store does. */
export interface Tally {
  readonly name: string;
  /** Whether it is of no window: first use, and hours. */
  readonly isLasting: boolean;
  /** Of a counter: once for each token. Left out: `remember` counts it. */
  count?(): Promise<Told>;
  /** Of what is no counter: again until it comes to what was decided with; what comes to something else is not kept. */
  remember?(decided: Told | undefined): Promise<Told>;
}

/** Null: there is nothing to count, because the exchange does not say what it is about. */
export function tallyOf(store: Store, name: string, exchange: Exchange): Tally | null {
  const measure = measureOf(name, exchange);
  if (typeof measure === 'string') return null;
  return measure.kind === 'counter'
    ? { name, isLasting: false, count: () => store.increment(measure.key, 1, measure.expiresAt) }
    : { name, isLasting: measure.isLasting, remember: (decided) => remember(store, measure, decided) };
}

async function remember(store: Store, { key, expiresAt, look }: Memory, decided: Told | undefined): Promise<Told> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const row = await store.get(key);
    const { fact, next } = look(row?.value);
    const told = fact ?? 'missing';
    if (told !== decided || next === null) return told;
    if (await store.put(key, next, { expiresAt, ifVersion: row?.version ?? null })) return told;
  }
  throw new Error('Others write to the entry all the time.');
}
