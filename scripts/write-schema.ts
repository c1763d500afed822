/** Writes the files of `schema/`, and the list of the black-box suite's cases. A test fails when a committed one is not what this writes. */
import { writeFileSync } from 'node:fs';
import { cases } from '../conformance/cases/index.js';
import { profileJsonSchema } from '../conformance/profile.js';
import { renderList } from '../conformance/report/list.js';
import { configurationJsonSchema, policyFileJsonSchema } from '../src/config/json-schema.js';

for (const [name, schema] of [
  ['counterseal', configurationJsonSchema()],
  ['counterseal-policy', policyFileJsonSchema()],
  ['counterseal-conformance', profileJsonSchema()],
] as const) {
  const file = new URL(`../schema/${name}.schema.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
}

writeFileSync(new URL('../conformance/CASES.md', import.meta.url), renderList(cases));
