/** `signing`: how tokens are signed. */
import { z } from 'zod';
import { object } from '../../policy/strict.js';
import { signingAlgorithms } from '../../signing/signer.js';
import { awsKms, vault } from './signing-remote.js';

const algorithms = z
  .array(z.enum(signingAlgorithms), { error: 'a list of signature algorithms' })
  .min(1, { error: 'a list of at least one signature algorithm' })
  .refine((list) => new Set(list).size === list.length, { error: 'a list of signature algorithms, each once' })
  .default(['ES256'])
  .describe('The first is the default of resources.');

export const signing = z
  .discriminatedUnion('type', [
    object('a map with algorithms', {
      // The one type that may be left out.
      type: z.literal('local').optional().default('local').describe('Keys of its own, in the store.'),
      algorithms,
    }),
    awsKms,
    vault,
  ])
  .prefault({})
  .describe('How tokens are signed.');
