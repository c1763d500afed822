import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { configurationJsonSchema, policyFileJsonSchema } from '../../src/config/json-schema.js';
import { parseConfiguration } from '../../src/config/load.js';
import { schemaKeys } from './keys.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const page = read('docs/configuration.md');
/** [first cell, second cell] of each row whose first cell is a key alone. */
const rowsOf = (text: string) =>
  [...text.matchAll(/^\| `([^`|]+)` \| ([^|]*)\|/gm)].map(([, key = '', cell = '']) => [key, cell.trim()] as const);
const sorted = (keys: Iterable<string>) => [...keys].sort();

describe('config: the JSON Schema', () => {
  for (const [file, schema] of [
    ['schema/counterseal.schema.json', configurationJsonSchema()],
    ['schema/counterseal-policy.schema.json', policyFileJsonSchema()],
  ] as const) {
    it(`is committed as it is generated (npm run schema): ${file}`, () =>
      assert.equal(read(file), `${JSON.stringify(schema, null, 2)}\n`, `${file} is stale: run npm run schema`));
  }

  it('wants the policy in the file without policy.include, and not in it with that', () => {
    const { required, if: condition, then: included, else: inFile } = configurationJsonSchema();
    assert.ok(!required?.includes('rules') && !required?.includes('resources'));
    assert.deepEqual(condition, { properties: { policy: { required: ['include'] } }, required: ['policy'] });
    assert.deepEqual(included, { properties: { resources: false, conditions: false, rules: false, clients: false } });
    assert.deepEqual(inFile, { required: ['resources', 'rules'] });
  });

  it('of included files has the sections of the policy with the same keys, each entry or null', () => {
    const own = policyFileJsonSchema();
    const whole = configurationJsonSchema().properties ?? {};
    assert.deepEqual([own.additionalProperties, own.required], [false, undefined]);
    for (const [section, schema] of Object.entries(own.properties ?? {})) {
      const [entry, inFile] = [schema, whole[section]].map(
        (each) => typeof each === 'object' && each.additionalProperties,
      );
      assert.deepEqual(entry, { anyOf: [inFile, { type: 'null' }] }, section);
    }
  });

  it('describes an attestor as the union of the types that there are, each strict, and of whatever a module has', () => {
    const schema = configurationJsonSchema().properties?.attestors;
    assert.ok(typeof schema === 'object' && typeof schema.additionalProperties === 'object');
    const forms = schema.additionalProperties.oneOf ?? [];
    assert.deepEqual(
      forms.map(({ properties, additionalProperties }) => [properties?.type, additionalProperties]),
      [
        [{ const: 'aws' }, false],
        [{ const: 'azure' }, false],
        [{ const: 'client' }, false],
        [{ const: 'kubernetes' }, false],
        [{ const: 'oidc' }, false],
        [undefined, undefined],
      ],
    );
  });
});

describe('config: docs/configuration.md', () => {
  it('has every key of the schema, once, and no other', () => {
    assert.deepEqual(sorted(rowsOf(page).map(([key]) => key)), sorted(schemaKeys().keys()));
  });

  it('tells the defaults that the schema has', () => {
    const documented = new Map(rowsOf(page));
    const plain = [...schemaKeys()].flatMap(([key, fallbacks]) => {
      const told = fallbacks.filter((fallback) => typeof fallback === 'string' || typeof fallback === 'number');
      return told.length === 0 ? [] : [[key, told.map((fallback) => `\`${fallback}\``).join('; ')] as const];
    });
    assert.ok(plain.length >= 8);
    for (const [key, defaults] of plain) {
      // Where types differ, it stands behind each default of which type it is.
      assert.equal(documented.get(key)?.replaceAll(/ \(`[a-z]+`\)/g, ''), defaults, key);
    }
  });

  it('shows a smallest file that is valid', () => {
    const yaml = /The smallest file[^`]*```yaml\n([^`]*)```/.exec(page)?.[1] ?? '';
    const { policy } = parseConfiguration('counterseal.yaml', yaml);
    assert.equal(policy.resources.size, 0);
  });

  it('shows the configuration of the quick start, which is valid', () => {
    const file = 'examples/quickstart/counterseal.yaml';
    assert.equal(parseConfiguration(file, read(file)).trustDomain, 'example.com');
  });
});
