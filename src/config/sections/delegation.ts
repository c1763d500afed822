/** `delegation`: what a chain of actors may be (RFC 8693 §4.1). */
import { z } from 'zod';
import { object } from '../../policy/strict.js';

const aDepth = 'a whole number from 1 to 16';

export const delegation = object('a map with depth', {
  depth: z
    .int({ error: aDepth })
    .min(1, { error: aDepth })
    .max(16, { error: aDepth })
    .default(4)
    .describe('How many actors the `act` of a token may name, one within the other.'),
})
  .prefault({})
  .describe('Workloads that ask for others.');
