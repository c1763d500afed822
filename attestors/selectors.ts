import type { UnknownCause } from './attestor.js';

/** Kinds of selectors that the evidence does not tell: the workload may have them or not, so a denial that names one applies. */
export const untold = (...kinds: readonly string[]): Readonly<Record<string, UnknownCause>> =>
  Object.freeze(Object.fromEntries(kinds.map((kind) => [kind, 'missing' as const])));

/** As an attestation has them: sorted, without duplicates. */
export const inOrder = (selectors: readonly string[]): readonly string[] =>
  Object.freeze([...new Set(selectors)].sort());
