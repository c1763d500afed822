/** The JSON Schema (2020-12) of the configuration, generated from zod, for editors; and the keys that it knows. */
import { z } from 'zod';
import { attestorTypes } from '../../attestors/index.js';
import { type Path, valueAt } from './path.js';
import { attestorBlock, blockKeys, configurationSchema, policyFileSchema, policySections } from './schema.js';

type JsonSchema = z.core.JSONSchema.JSONSchema;

export function configurationJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configurationSchema(new Map()), {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema !== attestorBlock) return;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      jsonSchema.oneOf = [
        ...[...attestorTypes.values()].map(({ type, options }) => withType(type, options)),
        withModule,
      ];
    },
  });
  const { required = [], ...rest } = schema;
  const ofPolicy = required.filter((key) => policySections.some((section) => section === key));
  return {
    ...rest,
    required: required.filter((key) => !ofPolicy.includes(key)),
    if: { properties: { policy: { required: ['include'] } }, required: ['policy'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: Object.fromEntries(policySections.map((section) => [section, false])) },
    else: { required: ofPolicy },
    title: 'Configuration of Counterseal',
  };
}

/** Of a file that `policy.include` names. */
export function policyFileJsonSchema(): JsonSchema {
  return { ...z.toJSONSchema(policyFileSchema, { io: 'input' }), title: 'Included policy of Counterseal' };
}

const { properties: ofEveryBlock } = z.toJSONSchema(z.object(blockKeys), { io: 'input' });

function withType(type: string, options: z.ZodType): JsonSchema {
  const { $schema: _, properties, required, ...rest } = z.toJSONSchema(options, { io: 'input' });
  return {
    ...rest,
    properties: { type: { const: type }, ...ofEveryBlock, ...properties },
    required: ['type', ...(required ?? [])],
  };
}

/** What else stands in such a block is for the module's own type to say. */
const withModule: JsonSchema = {
  type: 'object',
  properties: {
    module: { type: 'string', description: 'A package that exports an attestor type, or a file relative to this one.' },
    ...ofEveryBlock,
  },
  required: ['module'],
  not: { required: ['type'] },
};

/** Made when the first unknown key is looked at: a valid file does not pay for it. */
let generated: JsonSchema | undefined;

export function knownKeys(values: unknown, path: Path): readonly string[] {
  generated ??= configurationJsonSchema();
  return keysIn(generated, values, path);
}

/** The keys that the map at the path may have, as far as they have fixed names; of a union, those of the form that it has. */
export function keysIn(schema: JsonSchema, values: unknown, path: Path): readonly string[] {
  let forms = formsOf(schema, values);
  path.forEach((segment, index) => {
    const value = valueAt(values, path.slice(0, index + 1));
    forms = forms.flatMap((form) => stepInto(form, segment)).flatMap((part) => formsOf(part, value));
  });
  return [...new Set(forms.flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

function stepInto(schema: JsonSchema, segment: Path[number]): readonly JsonSchema[] {
  const { properties = {}, additionalProperties, items } = schema;
  const named = Object.hasOwn(properties, segment) ? properties[segment] : additionalProperties;
  const part = typeof segment === 'number' ? items : named;
  return typeof part === 'object' && !Array.isArray(part) ? [part] : [];
}

function formsOf(schema: JsonSchema, value: unknown): readonly JsonSchema[] {
  const forms = [schema, ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].filter((form) => typeof form === 'object');
  const type = valueAt(value, ['type']);
  return forms.filter(({ properties }) => {
    const named = properties?.type;
    return typeof named !== 'object' || named.const === undefined || type === undefined || named.const === type;
  });
}
