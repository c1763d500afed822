/** `limits`: how often we may be asked. */
import { z } from 'zod';
import { duration } from '../../../attestors/options.js';
import { rejectedCountsAs } from '../../limits/limits.js';
import { object } from '../../policy/strict.js';

/** Tries that clients make by themselves before they give up: google-auth-library after a 503; the SDKs of MCP show evidence that is refused twice. */
const tries = 5;
const triesRejected = 2;

const most = 1_000_000;
const longest = 3600;

const limit = (least: number) => {
  const aNumber = `a whole number from ${least}, so that clients may try again by themselves, to ${most}`;
  return object('a map with requests and per', {
    requests: z
      .int({ error: aNumber })
      .min(least, { error: aNumber })
      .max(most, { error: aNumber })
      .describe('The most at once.'),
    per: duration()
      .refine((seconds) => seconds <= longest, { error: 'a duration of at most 1h, such as 1m' })
      .describe('The time in which as many may come again.'),
  }).optional();
};

export const limits = object('a map with address, attestor and workload', {
  address: limit(triesRejected * rejectedCountsAs).describe(
    `Requests from an IPv4 address, or from the /64 of an IPv6 one. One whose evidence is not accepted counts as ${rejectedCountsAs}. Of each process.`,
  ),
  attestor: limit(tries).describe('Evidence for an attestor, accepted or not. Only beside address.'),
  workload: limit(tries).describe('Requests of a workload, by its subject, on all endpoints and grants.'),
})
  .refine(({ address, attestor }) => attestor === undefined || address !== undefined, {
    error: 'only beside limits.address: else one stranger can use it up for all workloads',
    path: ['attestor'],
  })
  .prefault({})
  .describe('How often we may be asked; beyond it the answer is 429. What is left out is not limited.');
