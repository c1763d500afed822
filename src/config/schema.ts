/**
 * The configuration, key by key: what `load` accepts, and the source of the JSON Schema. What is not enforced is not
 * here. The text of an error names what was expected.
 */
import { z } from 'zod';
import type { AttestorType } from '../../attestors/attestor.js';
import { attestorTypes } from '../../attestors/index.js';
import { aBaseUrl, aTrustDomain, isBaseUrl, name, text, trustDomainForm } from '../../attestors/options.js';
import { type PinMode, pinModes } from '../binding/pins.js';
import { conditionsSchema } from '../policy/conditions/schema.js';
import { clientsSchema, resourcesSchema, rulesSchema } from '../policy/schema.js';
import { list, object } from '../policy/strict.js';
import { postureSourcesSchema } from '../posture-sources/schema.js';
import { valueAt } from './path.js';
import { delegation } from './sections/delegation.js';
import { drafts } from './sections/drafts.js';
import { drain } from './sections/drain.js';
import { health, listen } from './sections/listeners.js';
import { signing } from './sections/signing.js';
import { store } from './sections/store.js';
import { telemetry } from './sections/telemetry.js';
import { listOfNetworks, path } from './sections/values.js';

const issuer = z
  .string({ error: aBaseUrl })
  .refine(isBaseUrl, { error: aBaseUrl })
  .describe('The issuer identifier: `iss` of every token, and the default audience of evidence.');

const trustDomain = z
  .string({ error: 'a SPIFFE trust domain such as example.com' })
  .regex(trustDomainForm, { error: aTrustDomain })
  .describe('The trust domain of subjects. Required off loopback; default there: the host of issuer.');

const environment = name('the name of an environment, such as production').describe(
  'Of this deployment: in every record, and the default of workloads and resources.',
);

const region = text('the name of a region').describe('Of this deployment: in every record.');

const audit = object('a map with sinks', {
  durability: z
    .enum(['strict', 'relaxed'])
    .default('strict')
    .describe('strict: the record is on disk before the answer leaves. relaxed: at most 100 ms are buffered.'),
  sinks: z
    .array(
      z.discriminatedUnion('type', [
        object('a sink', { type: z.literal('stdout') }),
        object('a sink', { type: z.literal('file'), path: path('the path of a file') }),
      ]),
      { error: 'a list of sinks' },
    )
    .min(1, { error: 'a list of at least one sink' })
    .describe('Every record goes to each of them; when one fails, the answer is 503.'),
  refusalsPerSecond: z
    .int({ error: 'a whole number from 1' })
    .min(1, { error: 'a whole number from 1' })
    .default(500)
    .describe('Refusals without verified evidence beyond this many per second and address are counted, not written.'),
})
  .superRefine(({ durability, sinks }, context) => {
    if (durability === 'relaxed' || sinks.length === 0 || sinks.some(({ type }) => type === 'file')) return;
    context.addIssue({ code: 'custom', path: ['sinks'], message: strictNeedsFile });
  })
  .describe('Where the records of decisions go.');

const strictNeedsFile =
  'durability: strict needs a file, because stdout cannot be synced to disk: add { type: file, path: ./data/audit.jsonl }, or set durability: relaxed';

const outbound = object('a map with ca and allow', {
  ca: object('a map with file', { file: path('the path of a PEM file') })
    .optional()
    .describe('Certificates that are trusted beside the well-known ones.'),
  allow: listOfNetworks
    .default([])
    .describe(
      'Private networks that may be called. An address that an attestor or a condition names literally is allowed as it is.',
    ),
})
  .prefault({})
  .describe('What may be called.');

const geo = object('a map with database', {
  database: path('the path of an MMDB file').describe(
    'Where addresses are: an MMDB file with countries, and for subdivisions one with cities. Read again when it changes.',
  ),
}).describe('What conditions of kind network need to ask for countries and subdivisions.');

const pinSchema = z
  .enum(pinModes)
  .default('none')
  .describe('Whether evidence is good only with the DPoP key of its first use: first-use, or required of every use.');

/** What the block of every type may have beside the options of the type. */
export const blockKeys = { pin: pinSchema };

/** What an attestor's block has become. */
export interface ConfiguredAttestor {
  readonly type: AttestorType;
  readonly options: unknown;
  readonly pin: PinMode;
}

/** Attestor types of packages, by the `module` that names them. */
export type ModuleTypes = ReadonlyMap<string, AttestorType>;

/** Without a type that is known, nothing else of a block can be judged. */
const typedBlock = z.looseObject(
  { type: z.enum([...attestorTypes.keys()]) },
  { error: 'a map with type or module, and the options of that type' },
);

/** Validated by the options of its type; in the JSON Schema it is replaced by the union of them. */
export const attestorBlock = z.unknown();

const attestor = (modules: ModuleTypes) =>
  attestorBlock.transform((block, context): ConfiguredAttestor => {
    const type = typeOfBlock(block, modules);
    const options = type && optionsOfBlock(block);
    const result =
      type === undefined
        ? typedBlock.safeParse(block, { error: expectation })
        : type.options.safeParse(options, { error: expectation });
    const pinned = z.object(blockKeys).safeParse({ pin: valueAt(block, ['pin']) }, { error: expectation });
    if (type !== undefined && result.success && pinned.success) {
      return Object.freeze({ type, options: result.data, pin: pinned.data.pin });
    }
    for (const issue of [...(result.error?.issues ?? []), ...(pinned.error?.issues ?? [])])
      context.issues.push({ ...issue, input: options ?? block } as z.core.$ZodRawIssue);
    return z.NEVER;
  });

/** @param block as the file has it; undefined when it does not name a type that is there */
export function typeOfBlock(block: unknown, modules: ModuleTypes): AttestorType | undefined {
  const [type, module] = [valueAt(block, ['type']), valueAt(block, ['module'])];
  return module === undefined ? attestorTypes.get(String(type)) : modules.get(String(module));
}

/** @param block is a map */
export function optionsOfBlock(block: unknown): Readonly<Record<string, unknown>> {
  const { type: _, module: __, pin: ___, ...options } = block as Readonly<Record<string, unknown>>;
  return options;
}

const attestors = (modules: ModuleTypes) =>
  z
    .record(name('an attestor name of letters, digits, ".", "_" and "-"'), attestor(modules), {
      error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from name to attestor'),
    })
    .describe('Who verifies evidence. Its name is a segment of the subjects of its workloads.');

const policy = object('a map with include and tests', {
  include: list('a list of at least one path', path('the path of a file or folder'))
    .optional()
    .describe(
      'Where resources, conditions, rules and clients stand, instead of here. What a later one says of a name replaces an earlier one.',
    ),
  tests: path('the path of a file or folder')
    .optional()
    .describe('Cases that have to come out as they say before the policy is taken.'),
})
  .optional()
  .describe('Files and tests of the policy.');

/** What makes up the policy: in the configuration file, or in those that it includes. */
export const policySections = ['resources', 'conditions', 'rules', 'clients'] as const;

const layered = <Key extends z.core.$ZodRecordKey, Value extends z.core.SomeType>(
  what: string,
  { keyType, valueType }: z.ZodRecord<Key, Value>,
) =>
  z
    .record(keyType, z.nullable(valueType), { error: (issue) => (issue.code === 'invalid_key' ? undefined : what) })
    .optional()
    .describe('By name; null takes out what an earlier layer has.');

/** A file that `policy.include` names. */
export const policyFileSchema = object(`a map with ${policySections.join(', ')}`, {
  resources: layered('a map from resource URI to resource', resourcesSchema),
  conditions: layered('a map from name to condition', conditionsSchema),
  rules: layered('a map from name to rule', rulesSchema),
  clients: layered('a map from name to client', clientsSchema),
});

/** By section, so that what is wrong in one does not hide what is wrong in another. */
export const sectionsWith = (modules: ModuleTypes) => ({
  issuer,
  trustDomain: trustDomain.optional(),
  environment,
  region: region.optional(),
  listen,
  health,
  drain,
  store,
  signing,
  audit,
  telemetry,
  outbound,
  attestors: attestors(modules),
  delegation,
  drafts,
  policy,
  resources: resourcesSchema.describe('What tokens are for, by resource URI.'),
  conditions: conditionsSchema.default({}).describe('What else rules may ask for, by the name that they use.'),
  geo: geo.optional(),
  postureSources: postureSourcesSchema
    .default({})
    .describe('Products that know the posture of workloads, by the name under which conditions ask for it.'),
  clients: clientsSchema.prefault({}).describe('Who may introspect tokens, by name: resource servers, as a rule.'),
  rules: rulesSchema.describe('Who gets what, by name. Nothing is granted but what stands here.'),
});

export const configurationSchema = (modules: ModuleTypes) => object('a map', sectionsWith(modules));

export type Sections = z.output<ReturnType<typeof configurationSchema>>;

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  array: 'a list',
};

/** What was expected, in our words, where a schema does not say it itself. */
export const expectation: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type') return kinds[issue.expected] ?? issue.expected;
  if (issue.code === 'invalid_value') return oneOf(issue.values.map(String));
  if (issue.code === 'invalid_union' && Array.isArray(issue.options)) {
    // Undefined is among them where the type may be left out.
    return oneOf(issue.options.filter((option) => option !== undefined).map(String));
  }
  if (issue.code === 'too_small') return `at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `at most ${issue.maximum}`;
  if (issue.code === 'invalid_format')
    return issue.format === 'regex' ? `text like ${issue.pattern}` : `a valid ${issue.format}`;
  return undefined;
};

const oneOf = (words: readonly string[]) => (words.length === 1 ? `${words[0]}` : `one of ${words.join(', ')}`);
