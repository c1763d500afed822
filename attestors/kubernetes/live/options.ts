/** What a configuration may say of watching a cluster. */
import { z } from 'zod';
import { duration, text } from '../../options.js';

const trustedNodes = z
  .strictObject({
    labels: z.record(text('the key of a label'), z.string({ error: 'the value of a label' })).default({}),
    withoutTaints: z.array(text('the key of a taint')).default([]),
    ready: z.boolean().default(false),
  })
  .refine(({ labels, withoutTaints, ready }) => Object.keys(labels).length + withoutTaints.length > 0 || ready, {
    error: 'at least one of labels, withoutTaints and ready: true',
  })
  .describe(
    'What a node must be for its pods to be served: it has these labels, none of these taints (by key), its condition Ready is True. Default: any node.',
  );

/** `maxAge` in seconds. */
export const liveOptions = z
  .strictObject({
    maxAge: duration()
      .refine((seconds) => seconds >= 3, { error: 'a duration of at least 3s' })
      .prefault('30s')
      .describe('How old the watched picture may be when it decides.'),
    stale: z
      .enum(['deny', 'review'])
      .default('deny')
      .describe(
        'What decides while it is older: deny answers 503; review asks the API server, by a TokenReview and direct reads.',
      ),
    unseen: z
      .enum(['read', 'deny'])
      .default('read')
      .describe(
        'A uid that the watch has not seen: read asks the API server once, for at most 500 ms; deny answers 503.',
      ),
    terminating: z
      .enum(['allow', 'refuse'])
      .default('allow')
      .describe('Whether a pod whose deletion has begun is still served.'),
    trustedNodes: trustedNodes.optional(),
  })
  .describe('Watch pods, nodes, namespaces and service accounts: a deleted pod is refused at once. Needs api.');

export type LiveOptions = z.output<typeof liveOptions>;
