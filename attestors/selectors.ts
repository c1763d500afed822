import type { UnknownCause } from './attestor.js';

/** Kinds of selectors that the evidence does not tell: the workload may have them or not, so a denial that names one applies. */
export const untold = (...kinds: readonly string[]): Readonly<Record<string, UnknownCause>> =>
  Object.freeze(Object.fromEntries(kinds.map((kind) => [kind, 'missing' as const])));

/** By a kind whose values may become somebody else's: the kinds of which one pins it, the best first. */
export type Pins = Readonly<Record<string, readonly string[]>>;

/** The names in a rule that lack a pin. A pattern is neither: it is about many on purpose, and pins nobody. */
export function unpinned(selectors: readonly string[], pins: Pins): readonly string[] {
  const exact = selectors.filter((selector) => !selector.includes('*'));
  const has = (kind: string) => exact.some((selector) => selector.startsWith(`${kind}:`));
  return Object.keys(pins).filter((kind) => has(kind) && !pins[kind]?.some(has));
}

/** The first kind that would pin them; null: none is needed. */
export function pinOf(selectors: readonly string[], pins: Pins): string | null {
  const [kind] = unpinned(selectors, pins);
  return (kind === undefined ? undefined : pins[kind]?.[0]) ?? null;
}

/** As an attestation has them: sorted, without duplicates. */
export const inOrder = (selectors: readonly string[]): readonly string[] =>
  Object.freeze([...new Set(selectors)].sort());
