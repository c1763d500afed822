/** `signing`: how tokens are signed. */
import { z } from 'zod';
import { duration } from '../../../attestors/options.js';
import { object } from '../../policy/strict.js';
import { signingAlgorithms } from '../../signing/signer.js';
import { awsKms, vault } from './signing-remote.js';
import { path } from './values.js';

const algorithms = z
  .array(z.enum(signingAlgorithms), { error: 'a list of signature algorithms' })
  .min(1, { error: 'a list of at least one signature algorithm' })
  .refine((list) => new Set(list).size === list.length, { error: 'a list of signature algorithms, each once' })
  .default(['ES256'])
  .describe('The first is the default of resources.');

const day = 86_400;

const masterKeyFile = path('the path of a file with 32 random bytes in base64');

const local = object('a map with algorithms, rotateEvery, masterKey and firstKey', {
  // The one type that may be left out.
  type: z.literal('local').optional().default('local').describe('Keys of its own, in the store.'),
  algorithms,
  rotateEvery: duration()
    .refine((seconds) => seconds >= day && seconds <= 365 * day, { error: 'a duration from 1d to 365d' })
    .prefault('30d')
    .describe('How long a key signs until the next one takes over.'),
  masterKey: object('a map with file, and previous while it is being exchanged', {
    file: masterKeyFile.describe('32 random bytes in base64. Every replica has the same.'),
    previous: object('a map with file', { file: masterKeyFile })
      .optional()
      .describe('The other one, while it is being exchanged.'),
  })
    .optional()
    .describe('Under which keys are encrypted in the store.'),
  firstKey: object('a map with file', {
    file: path('the path of a PEM file').describe('A private key: PKCS #8, SEC 1 or PKCS #1.'),
  })
    .optional()
    .describe('The first key of its algorithm, where the store has none.'),
});

export const signing = z
  .discriminatedUnion('type', [local, awsKms, vault])
  .prefault({})
  .describe('How tokens are signed.');
