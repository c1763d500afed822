/** What a server is, for the suite: where it is, what it claims to support, and how evidence for it is come by. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { z } from 'zod';
import { importKey, type Members, type SigningKey } from './jws.js';
import { variantNames } from './variants.js';

/** What a server may claim in `supports`; each turns on the cases that ask for it. */
export const capabilities = [
  'metadata',
  'openid-configuration',
  'token-exchange',
  'jwt-bearer',
  'client-credentials',
  'delegation',
  'jwt-access-token',
  'single-use-evidence',
  'dpop',
  'dpop-nonce',
  'introspection',
  'jwt-introspection',
  'revocation',
  'authorization-details',
] as const;

export type Capability = (typeof capabilities)[number];

export const grantNames = [
  'token-exchange',
  'jwt-bearer',
  'client-credentials',
] as const satisfies readonly Capability[];
export type GrantName = (typeof grantNames)[number];

const text = (expected: string) => z.string({ error: expected }).min(1, { error: expected });
const url = (expected: string) =>
  z.string({ error: expected }).refine((value) => /^https?:\/\/[^#]+$/.test(value) && URL.canParse(value), {
    error: expected,
  });
const seconds = z
  .string({ error: 'a duration in seconds such as 10s' })
  .regex(/^[1-9][0-9]{0,4}s$/, { error: 'a duration in seconds such as 10s' });
const file = z.strictObject({ file: text('the path of a file, relative to this one') });

const minted = z.strictObject({
  issuer: text('the issuer whom the server trusts').describe('The `iss` of the evidence.'),
  key: file.describe('A private JWK with `alg` and `kid`, whose public part the server has for this issuer.'),
  audience: text('the audience that the server expects').optional().describe('Default: the issuer of the server.'),
  claims: z
    .record(z.string(), z.unknown())
    .describe('Beside, or instead of, those that the suite sets: at least `sub`.'),
  lifetime: seconds.default('300s').describe('Of the evidence.'),
});

const commanded = z.strictObject({
  command: z
    .array(text('a word of the command'), { error: 'the words of a command that prints the evidence' })
    .min(1, { error: 'the words of a command that prints the evidence' })
    .describe(
      'Prints the evidence. The environment variable COUNTERSEAL_VARIANT says which: good, or one of `variants`.',
    ),
  variants: z
    .array(z.enum(variantNames as [string, ...string[]]))
    .default([])
    .describe('Wrong evidence that the command can make.'),
});

const evidence = z.union([minted, commanded], {
  error: '{ issuer, key, claims }, for evidence that the suite signs itself, or { command }',
});

const client = z.strictObject({
  id: text('the client_id'),
  secret: file.optional().describe('Sent as Basic. Left out: the client_id is sent as a parameter.'),
});

const schema = z.strictObject({
  issuer: url('the issuer: an http or https URL without a fragment').describe('Byte for byte as the server has it.'),
  endpoints: z
    .strictObject({
      token: url('the URL of the token endpoint').optional(),
      jwks: url('the URL of the key set').optional(),
      introspection: url('the URL of the introspection endpoint').optional(),
      revocation: url('the URL of the revocation endpoint').optional(),
    })
    .default({})
    .describe('Instead of what the metadata says.'),
  supports: z
    .array(z.enum(capabilities))
    .refine((list) => grantNames.some((grant) => list.includes(grant)), {
      error: `at least one of ${grantNames.join(', ')}`,
    })
    .describe('What the server claims. What is not here is skipped, and said to be.'),
  evidence: evidence.describe('What a workload shows.'),
  client: client.optional().describe('Where the server knows clients by registration only.'),
  delegator: evidence.optional().describe('What a person, or another workload, shows as subject_token.'),
  caller: z
    .union([evidence, client.extend({ secret: file })], { error: 'evidence, or { id, secret: { file } }' })
    .optional()
    .describe('Who may introspect tokens for the resource.'),
  target: z.strictObject({
    resource: text('the resource that tokens are asked for'),
    audience: text('the same target as the server takes it as audience').optional(),
    scope: z.array(text('a scope')).describe('All that is granted there to the workload.'),
    refused: text('a resource that the server knows, and gives the workload nothing for').optional(),
    authorizationDetails: z
      .array(z.record(z.string(), z.unknown()))
      .optional()
      .describe('What is granted of RFC 9396; with authorization-details in supports.'),
  }),
  deadline: seconds.default('10s').describe('For each request, its answer included.'),
  listener: z
    .strictObject({
      host: text('the address to listen on'),
      port: z.int().min(1).max(65_535),
      url: url('its URL as the server would reach it'),
    })
    .optional()
    .describe(
      'Where requests that the server must not make would arrive. Default: any port of this machine’s loopback.',
    ),
});

type Values = z.output<typeof schema>;

export interface MintedEvidence {
  readonly issuer: string;
  readonly key: SigningKey;
  readonly audience: string;
  readonly claims: Members;
  /** Seconds. */
  readonly lifetime: number;
}

export interface CommandedEvidence {
  readonly command: readonly string[];
  readonly variants: readonly string[];
  /** In which it is run: that of the profile. */
  readonly folder: string;
}

export type EvidenceSource = MintedEvidence | CommandedEvidence;

export interface Client {
  readonly id: string;
  readonly secret: string | undefined;
}

export interface Profile {
  readonly issuer: string;
  readonly endpoints: Values['endpoints'];
  readonly supports: ReadonlySet<Capability>;
  readonly evidence: EvidenceSource;
  readonly client: Client | undefined;
  readonly delegator: EvidenceSource | undefined;
  readonly caller: EvidenceSource | Client | undefined;
  readonly target: Values['target'];
  /** Milliseconds. */
  readonly deadline: number;
  readonly listener: Values['listener'];
}

/** What is wrong with a profile: `file:line:column: what`, one line each. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError';
}

/** @throws ProfileError */
export async function loadProfile(path: string): Promise<Profile> {
  const values = parse(path, await readText(path, path));
  const folder = dirname(resolve(path));
  const read = async (name: string) => readText(resolve(folder, name), path);
  const sourceOf = async (given: Values['evidence']): Promise<EvidenceSource> => {
    if ('command' in given) return Object.freeze({ ...given, folder });
    const { audience = values.issuer, lifetime, key, ...rest } = given;
    const signing = readKey(await read(key.file), `${path}: ${key.file}`);
    return Object.freeze({ ...rest, audience, key: signing, lifetime: Number.parseInt(lifetime, 10) });
  };
  const clientOf = async ({ id, secret }: z.output<typeof client>): Promise<Client> =>
    Object.freeze({ id, secret: secret && (await read(secret.file)).trim() });
  const { delegator, caller, listener } = values;
  return Object.freeze<Profile>({
    ...values,
    listener,
    supports: new Set(values.supports),
    evidence: await sourceOf(values.evidence),
    client: values.client && (await clientOf(values.client)),
    delegator: delegator && (await sourceOf(delegator)),
    caller: caller && ('id' in caller ? await clientOf(caller) : await sourceOf(caller)),
    deadline: Number.parseInt(values.deadline, 10) * 1000,
  });
}

async function readText(path: string, told: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ProfileError(`${told}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function readKey(text: string, told: string): SigningKey {
  let jwk: unknown;
  try {
    jwk = JSON.parse(text);
  } catch {
    throw new ProfileError(`${told}: a private JWK is expected`);
  }
  try {
    return importKey(Object(jwk) as Members);
  } catch (error) {
    throw new ProfileError(`${told}: ${(error as Error).message}`);
  }
}

function parse(path: string, text: string): Values {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: 'core' });
  const at = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}: ${message}`;
  };
  const [broken] = [...document.errors, ...document.warnings];
  if (broken !== undefined) throw new ProfileError(at(broken.pos[0], broken.message));
  const result = schema.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const where = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
    return at(offsetOf(document.contents, issue.path), `${where}${issue.message}`);
  });
  throw new ProfileError(problems.join('\n'));
}

/** Of the innermost part at the path that there is. */
function offsetOf(contents: Node | null, path: readonly PropertyKey[]): number {
  let node: unknown = contents;
  let offset = 0;
  for (const segment of path) {
    if (!isMap(node)) break;
    const pair = node.items.find(({ key }) => isScalar(key) && key.value === segment);
    if (pair === undefined) break;
    offset = (pair.key as Node).range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}

/** For editors; `schema/counterseal-conformance.schema.json`. */
export const profileJsonSchema = () => ({
  ...z.toJSONSchema(schema, { io: 'input' }),
  title: 'Profile of a server for counterseal-conformance',
});
