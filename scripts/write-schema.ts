/** Writes `schema/counterseal.schema.json`. A test fails when the committed file is not what this writes. */
import { writeFileSync } from 'node:fs';
import { configurationJsonSchema } from '../src/config/json-schema.js';

const file = new URL('../schema/counterseal.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(configurationJsonSchema(), null, 2)}\n`);
