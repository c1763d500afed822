/** Levels of assurance, the least first. */
import type { Assurance } from '../../attestors/attestor.js';

export const assuranceLevels = ['low', 'medium', 'high'] as const satisfies readonly Assurance[];

/** Of a chain: no stronger than its weakest link. */
export const leastAssurance = (one: Assurance, other: Assurance): Assurance =>
  assuranceLevels.indexOf(one) < assuranceLevels.indexOf(other) ? one : other;
