/** schema/mcp-tools.schema.json, for other validators and for editors: it says of details what our parser says. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { readDetails, written } from '../../src/authorization-details/details.js';
import { DetailsError } from '../../src/authorization-details/fault.js';
import { root } from '../support/command-line.js';

const details = (tools: string) => `[{ "type": "mcp_tools", "tools": ${tools} }]`;
const tool = (schema: string) => details(`[{ "name": "pay", "arguments": ${schema} }]`);
const property = (schema: string) => tool(`{ "type": "object", "properties": { "a": ${schema} } }`);
const named = (name: string) => details(`[{ "name": "${name}" }]`);
const many = (count: number) => details(JSON.stringify(Array.from({ length: count }, (_, i) => ({ name: `t${i}` }))));

const accepted: readonly string[] = [
  named('list_accounts'),
  named('a'.repeat(128)),
  many(64),
  '[{ "type": "mcp_tools", "tools": [{ "name": "a" }] }, { "type": "mcp_tools", "tools": [{ "name": "b" }] }]',
  '[{ "type": "mcp_tools", "locations": ["https://bank.example/mcp"], "tools": [{ "name": "pay" }] }]',
  tool('{ "type": "object" }'),
  tool('{ "type": "object", "properties": {}, "additionalProperties": true, "required": ["a"] }'),
  tool('{ "anyOf": [{ "type": "object" }, { "allOf": [{ "type": "object" }, { "const": 1 }] }] }'),
  tool('{ "allOf": [{ "type": "object" }] }'),
  property('{ "type": "string", "minLength": 0, "maxLength": 9, "pattern": "^DE[0-9]{20}$" }'),
  property('{ "type": "string", "enum": ["EUR", "USD"] }'),
  property('{ "type": "number", "exclusiveMinimum": 0, "maximum": 99.5, "const": 1.5 }'),
  property('{ "type": "integer", "minimum": 0.5, "multipleOf": 5, "enum": [5, 10.0] }'),
  property('{ "type": "integer", "const": 9007199254740991 }'),
  property('{ "type": "boolean", "const": true }'),
  property('{ "type": "null" }'),
  property('{ "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 3 }'),
  property('{ "const": null }'),
  property('{ "enum": ["a", 1, true, null] }'),
  property('{ "anyOf": [{ "const": 1 }, { "type": "string" }] }'),
];

const refused: readonly string[] = [
  '[]',
  '{}',
  'null',
  '[{}]',
  '[{ "type": "mcp_tools" }]',
  '[{ "type": "openid_credential", "tools": [{ "name": "pay" }] }]',
  '[{ "type": "mcp_tools", "tools": [{ "name": "pay" }], "actions": ["read"] }]',
  '[{ "type": "mcp_tools", "tools": [{ "name": "pay" }], "locations": [] }]',
  '[{ "type": "mcp_tools", "tools": [{ "name": "pay" }], "locations": [""] }]',
  '[{ "type": "mcp_tools", "tools": [{ "name": "pay" }], "locations": "https://bank.example/mcp" }]',
  details('[]'),
  details('{ "name": "pay" }'),
  details('[{}]'),
  details('[{ "name": "pay", "description": "pays" }]'),
  details('[{ "name": 1 }]'),
  named(''),
  named('pay all'),
  named('pay\\n'),
  named('a'.repeat(129)),
  many(65),
  tool('true'),
  tool('{}'),
  tool('{ "type": "string" }'),
  tool('{ "const": 1 }'),
  tool('{ "anyOf": [{ "type": "object" }, { "type": "string" }] }'),
  tool('{ "allOf": [{ "type": "string" }] }'),
  tool('{ "allOf": [] }'),
  tool('{ "anyOf": [{ "type": "object" }], "allOf": [{ "type": "object" }] }'),
  tool('{ "oneOf": [{ "type": "object" }] }'),
  tool('{ "$ref": "#" }'),
  tool('{ "type": "object", "patternProperties": {} }'),
  tool('{ "type": "object", "additionalProperties": { "type": "string" } }'),
  tool('{ "type": "object", "required": [], "additionalProperties": true }'),
  tool('{ "type": "object", "required": ["a", "a"], "additionalProperties": true }'),
  tool('{ "type": "object", "properties": { "__proto__": { "type": "null" } } }'),
  tool('{ "type": "object", "const": {} }'),
  property('true'),
  property('{ "type": ["string", "null"] }'),
  property('{ "type": "date" }'),
  property('{ "maximum": 1 }'),
  property('{ "type": "string", "maximum": 1 }'),
  property('{ "type": "string", "format": "date" }'),
  property('{ "type": "string", "maxLength": -1 }'),
  property('{ "type": "string", "maxLength": 1.5 }'),
  property('{ "type": "string", "maxLength": 9007199254740992 }'),
  property('{ "type": "string", "const": 1 }'),
  property('{ "type": "string", "enum": [] }'),
  property('{ "type": "string", "enum": ["a", "a"] }'),
  property('{ "type": "string", "pattern": "[a-z]+" }'),
  property(`{ "type": "string", "pattern": "^${'a'.repeat(255)}$" }`),
  property('{ "type": "number", "multipleOf": 2 }'),
  property('{ "type": "number", "minimum": "1" }'),
  property('{ "type": "integer", "const": 1.5 }'),
  property('{ "type": "integer", "const": 9007199254740992 }'),
  property('{ "type": "integer", "multipleOf": 0 }'),
  property('{ "type": "boolean", "const": "true" }'),
  property('{ "type": "null", "const": null }'),
  property('{ "type": "array" }'),
  property('{ "type": "array", "items": [{ "type": "string" }] }'),
  property('{ "const": {} }'),
  property('{ "enum": [[]] }'),
  property('{ "const": 1, "enum": [1] }'),
];

/** What is of more than one place, or of the pattern's own language: the parser alone says it. */
const refusedByParserAlone: readonly string[] = [
  details('[{ "name": "pay" }, { "name": "pay", "arguments": { "type": "object" } }]'),
  tool('{ "type": "object", "required": ["a"] }'),
  property('{ "type": "string", "pattern": "^a$|^b$" }'),
  property('{ "type": "string", "pattern": "^(?=a)a$" }'),
  property('{ "type": "number", "const": 1e300 }'),
  property(`${'{ "anyOf": ['.repeat(7)}{ "const": 1 }${'] }'.repeat(7)}`),
];

function doesParse(value: unknown): boolean {
  try {
    readDetails(value, written);
    return true;
  } catch (error) {
    if (error instanceof DetailsError) return false;
    throw error;
  }
}

describe('authorization details: schema/mcp-tools.schema.json', () => {
  let isValid: ValidateFunction;
  before(async () => {
    const text = await readFile(join(root, 'schema/mcp-tools.schema.json'), 'utf8');
    isValid = new Ajv2020({ strictTypes: false }).compile(JSON.parse(text));
  });

  const said = (text: string) => {
    const value: unknown = JSON.parse(text);
    return { schema: isValid(value), parser: doesParse(value) };
  };

  for (const [title, texts, expected] of [
    ['accepts what the parser accepts', accepted, { schema: true, parser: true }],
    ['refuses what the parser refuses', refused, { schema: false, parser: false }],
    ['leaves to the parser what no schema says', refusedByParserAlone, { schema: true, parser: false }],
  ] as const) {
    it(title, () => {
      for (const text of texts) assert.deepEqual(said(text), expected, text);
    });
  }
});
