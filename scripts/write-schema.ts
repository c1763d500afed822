/** Writes the files of `schema/`. A test fails when a committed one is not what this writes. */
import { writeFileSync } from 'node:fs';
import { configurationJsonSchema, policyFileJsonSchema } from '../src/config/json-schema.js';

for (const [name, schema] of [
  ['counterseal', configurationJsonSchema()],
  ['counterseal-policy', policyFileJsonSchema()],
] as const) {
  const file = new URL(`../schema/${name}.schema.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
}
