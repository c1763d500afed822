/** What the configuration says about sources of posture outside the platforms. */
import { z } from 'zod';
import { duration, text } from '../../attestors/options.js';
import { sourceName } from '../policy/conditions/posture-schema.js';
import { type PostureSources, sourceFactTypes } from '../policy/conditions/posture-sources.js';
import { object } from '../policy/strict.js';
import { aTemplate, isTemplate, placeholdersOf } from './template.js';

/** Seconds. */
const longestDeadline = 5;

/** RFC 6901 §3. */
const pointer = z
  .string({ error: 'a JSON pointer such as /agent/healthy' })
  .regex(/^(\/([^~/]|~[01])*)*$/, { error: 'a JSON pointer such as /agent/healthy' })
  .max(512, { error: 'a JSON pointer of at most 512 characters' });

/** Those that say how the message is carried are the client's own, and `accept` is always JSON. */
const refusedHeaders = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const aHeader = 'the name of a header that says who asks, such as authorization; not one of how a message is carried';

const headerName = z
  .string({ error: aHeader })
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, { error: aHeader })
  .refine((header) => !refusedHeaders.has(header.toLowerCase()) && !/^proxy-/i.test(header), { error: aHeader });

const headers = z
  .record(
    headerName,
    object('a map with file', { file: text('the path of a file').describe('Relative to the folder of this file.') }),
    { error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from header to a map with file') },
  )
  .refine((all) => new Set(Object.keys(all).map((header) => header.toLowerCase())).size === Object.keys(all).length, {
    error: 'a map of headers, each once',
  });

const facts = z
  .record(
    sourceName('the name of a fact: letters, digits, "_" and "-"'),
    object('a fact: at and type', {
      at: pointer.describe('Where it stands in the answer.'),
      type: z.enum(sourceFactTypes, { error: `one of ${sourceFactTypes.join(', ')}` }),
    }),
    { error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from name to fact') },
  )
  .refine((all) => Object.keys(all).length > 0, { error: 'a map of at least one fact' });

const source = object('a source of posture: type, url and facts', {
  type: z.literal('http', { error: 'http' }),
  url: z
    .string({ error: aTemplate })
    .max(512, { error: 'a URL of at most 512 characters' })
    .refine(isTemplate, { error: aTemplate }),
  headers: headers.default({}),
  facts,
  observedAt: pointer.optional().describe('When the facts were observed. Default: when they were asked for.'),
  maxAge: duration().prefault('1m').describe('How long an answer is used without asking again.'),
  deadline: duration()
    .refine((seconds) => seconds <= longestDeadline, { error: `a deadline of at most ${longestDeadline}s` })
    .prefault('1s'),
});

/** Durations are seconds. */
export const postureSourcesSchema = z.record(sourceName('the name of a source: letters, digits, "_" and "-"'), source, {
  error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from name to source of posture'),
});

export type PostureSourceOptions = z.output<typeof source>;

/** What rules have to know of sources. */
export function suppliedBy(sources: Readonly<Record<string, PostureSourceOptions>>): PostureSources {
  return Object.fromEntries(
    Object.entries(sources).map(([name, { url, facts: mapped }]) => [
      name,
      {
        facts: Object.fromEntries(Object.entries(mapped).map(([fact, { type }]) => [fact, type])),
        selectorKinds: [...new Set(placeholdersOf(url))].filter((each) => each.includes(':')),
      },
    ]),
  );
}
