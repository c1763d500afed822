/** Every key that the JSON Schema knows, as the documentation writes it (`audit.sinks[].path`), with its default. */
import { configurationJsonSchema } from '../../src/config/json-schema.js';

type JsonSchema = ReturnType<typeof configurationJsonSchema>;
type Entry = readonly [key: string, fallback: unknown];

/** The value is the default; undefined where there is none. */
export function schemaKeys(): ReadonlyMap<string, unknown> {
  return new Map(entriesOf(configurationJsonSchema(), ''));
}

function entriesOf(schema: JsonSchema, path: string): Entry[] {
  const { properties = {}, additionalProperties, items, oneOf = [], anyOf = [] } = schema;
  const named = Object.entries(properties).flatMap(([key, part]) => {
    const own = path === '' ? key : `${path}.${key}`;
    const fallback = typeof part === 'object' ? part.default : undefined;
    return [[own, fallback] as const, ...partEntries(part, own)];
  });
  return [
    ...named,
    ...partEntries(additionalProperties, `${path}.*`),
    ...partEntries(items, `${path}[]`),
    ...[...oneOf, ...anyOf].flatMap((form) => partEntries(form, path)),
  ];
}

const partEntries = (part: unknown, path: string): Entry[] =>
  typeof part === 'object' && part !== null && !Array.isArray(part) ? entriesOf(part as JsonSchema, path) : [];
