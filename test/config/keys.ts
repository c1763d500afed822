/**
 * Every key that the JSON Schema knows, as the documentation writes it (`audit.sinks[].path`), with its default. A condition
 * in a rule has the keys of `conditions.*`, and is documented there.
 */
import assert from 'node:assert/strict';
import { configurationJsonSchema } from '../../src/config/json-schema.js';

type JsonSchema = ReturnType<typeof configurationJsonSchema>;
type Entry = readonly [key: string, fallback: unknown];

/** The values are the defaults, each once: blocks of several types may have a key, and not the same default for it. */
export function schemaKeys(): ReadonlyMap<string, readonly unknown[]> {
  const entries = entriesOf(configurationJsonSchema(), '');
  const under = (place: string) => entries.map(([key]) => key).filter((key) => key.startsWith(place));
  const [named, inPlace] = ['conditions.*.', 'rules.*.conditions[].'] as const;
  assert.deepEqual(
    under(inPlace).map((key) => key.replace(inPlace, named)),
    under(named),
  );
  const keys = new Map<string, unknown[]>();
  for (const [key, fallback] of entries) {
    if (key.startsWith(inPlace)) continue;
    const known = keys.get(key) ?? [];
    keys.set(key, fallback === undefined || known.includes(fallback) ? known : [...known, fallback]);
  }
  return keys;
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
