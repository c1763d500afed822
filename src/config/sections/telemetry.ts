/** `telemetry`: what operators see, beside `/metrics`. */
import { z } from 'zod';
import { isLoopback } from '../../../attestors/options.js';
import { object } from '../../policy/strict.js';
import { path } from './values.js';

const anEndpoint = 'an http or https URL without a user, such as http://collector:4318/v1/traces';

const logs = object('a map with level and format', {
  level: z.enum(['info', 'warn', 'error']).default('info').describe('The least that is written.'),
  format: z
    .enum(['json', 'text'])
    .optional()
    .describe('Of the lines on standard error. Default: text on a terminal, else json.'),
})
  .prefault({})
  .describe('Lines for operators.');

const traces = object('a map with endpoint, sampleRatio and headers', {
  endpoint: z
    .url({ protocol: /^https?$/, error: anEndpoint })
    .refine((url) => !URL.canParse(url) || new URL(url).username === '', { error: anEndpoint })
    .describe('A collector that takes OTLP over HTTP as JSON.'),
  sampleRatio: z
    .number({ error: 'a number from 0 to 1' })
    .min(0, { error: 'a number from 0 to 1' })
    .max(1, { error: 'a number from 0 to 1' })
    .default(1)
    .describe('Of requests without traceparent, and of those beyond ten a second whose traceparent says sampled.'),
  headers: object('a map with file', { file: path('the path of a file') })
    .optional()
    .describe('A file with headers for the collector, one NAME: VALUE a line. Only over https, or to loopback.'),
})
  .refine(({ endpoint, headers }) => headers === undefined || isPrivate(endpoint), {
    path: ['headers'],
    error: 'they would go to telemetry.traces.endpoint over http, for everybody on the way to read: make it https',
  })
  .optional()
  .describe('Spans of exchanges, sent to a collector. Left out: none.');

/** Nobody on the way reads what is sent there. */
function isPrivate(endpoint: string): boolean {
  const { protocol, hostname } = new URL(endpoint);
  return protocol === 'https:' || isLoopback(hostname);
}

export const telemetry = object('a map with logs and traces', { logs, traces })
  .prefault({})
  .describe('What operators see.');
