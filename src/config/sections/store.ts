/** `store`: where state is kept that outlives a request. */
import { z } from 'zod';
import { text } from '../../../attestors/options.js';
import { list, object } from '../../policy/strict.js';
import { path } from './values.js';

/** Whether more than this machine may write to it. */
export const isShared = ({ type }: { readonly type: string }): boolean => type !== 'memory' && type !== 'embedded';

const secretFile = (what: string) =>
  object(`a map with file: the path of ${what}`, { file: path(`the path of ${what}`) }).optional();

const aRedisUrl = 'redis://HOST:PORT or rediss://HOST:PORT (with TLS), with /NUMBER of a database if wanted';
const noUser =
  'user and password do not belong here: set username and password, or name a file that holds the whole URL';
const anAddress = 'an address such as redis-0.example:6379 or [fd00::1]:6379';

const redisUrl = z
  .string({ error: aRedisUrl })
  .regex(/@|^rediss?:\/\/([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(\/[0-9]{0,4})?$/, {
    error: aRedisUrl,
  });

const redis = object('a store', {
  type: z.literal('redis').describe('Redis 6.2 or later, for several replicas.'),
  mode: z.enum(['single', 'sentinel', 'cluster']).default('single').describe('How the primary is found.'),
  url: z
    .union([redisUrl, object(`${aRedisUrl}, or { file: PATH }`, { file: path('the path of a file with a URL') })], {
      error: `${aRedisUrl}; or { file: PATH } of a file that holds it`,
    })
    .optional()
    .describe('Of mode single.'),
  nodes: list(
    `a list of addresses, each ${anAddress}`,
    z.string({ error: anAddress }).regex(/^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$/, { error: anAddress }),
  )
    .optional()
    .describe('Of mode sentinel the Sentinels, of mode cluster some of its nodes.'),
  master: text('the name that the Sentinels give to the primary').optional().describe('Of mode sentinel.'),
  username: text('the name of an ACL user').optional().describe('Left out: the default user.'),
  password: secretFile('a file with the password'),
  sentinelUsername: text('the name of an ACL user').optional().describe('Of the Sentinels.'),
  sentinelPassword: secretFile('a file with the password of the Sentinels'),
  tls: object('a map with ca, cert and key', {
    ca: secretFile('a file with PEM certificates').describe('Trusted instead of the well-known roots.'),
    cert: secretFile('a file with the PEM certificate of this client'),
    key: secretFile('a file with its PEM key'),
  })
    .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
      error: 'cert and key, together or neither',
    })
    .optional()
    .describe('Switches TLS on; {} with the well-known roots.'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'a prefix of keys: 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-"' })
    .default('counterseal')
    .describe('With which all keys begin, so that others may use the same Redis.'),
}).superRefine((store, context) => {
  // Here, where the message does not quote what was found.
  if (typeof store.url === 'string' && store.url.includes('@')) {
    context.addIssue({ code: 'custom', path: ['url'], message: noUser });
  }
  for (const key of modeKeys) {
    const isWanted = wanted[store.mode].includes(key);
    const isThere = store[key] !== undefined;
    if (isWanted && !isThere) {
      context.addIssue({ code: 'custom', path: [], message: `mode ${store.mode} needs ${key}` });
    }
    if (isThere && !isWanted && !optional[store.mode].includes(key)) {
      context.addIssue({ code: 'custom', path: [key], message: `is not of mode ${store.mode}: remove it` });
    }
  }
});

const modeKeys = ['url', 'nodes', 'master', 'sentinelUsername', 'sentinelPassword'] as const;
type ModeKey = (typeof modeKeys)[number];
type ByMode = Readonly<Record<'single' | 'sentinel' | 'cluster', readonly ModeKey[]>>;
const wanted: ByMode = { single: ['url'], sentinel: ['nodes', 'master'], cluster: ['nodes'] };
const optional: ByMode = { single: [], sentinel: ['sentinelUsername', 'sentinelPassword'], cluster: [] };

export const store = z
  .discriminatedUnion('type', [
    object('a store', { type: z.literal('memory').describe('Lost at the end of the process, signing keys included.') }),
    object('a store', {
      type: z.literal('embedded').describe('LMDB, in a folder of this machine.'),
      path: path('the path of a folder').default('./data'),
    }),
    redis,
  ])
  .prefault({ type: 'embedded' })
  .describe('Where signing keys, claims and revocations are kept.');
