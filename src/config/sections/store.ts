/** `store`: where state is kept that outlives a request. */
import { z } from 'zod';
import { object } from '../../policy/strict.js';
import { path } from './values.js';

/** Whether more than this machine may write to it. */
export const isShared = ({ type }: { readonly type: string }): boolean => type !== 'memory' && type !== 'embedded';

export const store = z
  .discriminatedUnion('type', [
    object('a store', { type: z.literal('memory').describe('Lost at the end of the process, signing keys included.') }),
    object('a store', {
      type: z.literal('embedded').describe('LMDB, in a folder of this machine.'),
      path: path('the path of a folder').default('./data'),
    }),
  ])
  .prefault({ type: 'embedded' })
  .describe('Where signing keys, claims and revocations are kept.');
