/**
 * What the arguments of a tool have to be: a closed part of JSON Schema 2020-12. Every schema says what its values are (`type`, `const` or `enum`), and
 * has keywords about such values alone: `maximum` without a type would let every text through. What is not in it is refused, never passed over.
 */
import { DetailsError, type Place, readItems, readMembers, unknownMember } from './fault.js';
import { isPattern } from './pattern.js';

export type Scalar = string | number | boolean | null;

interface Choice {
  readonly const?: Scalar;
  readonly enum?: readonly Scalar[];
}

export interface ObjectSchema {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  /** Written out always: the standard's default is true, and ours is false. */
  readonly additionalProperties: boolean;
}

export interface ArraySchema {
  readonly type: 'array';
  readonly items: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
}

export interface StringSchema extends Choice {
  readonly type: 'string';
  /** In code points. */
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

export interface NumberSchema extends Choice {
  readonly type: 'number' | 'integer';
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  /** Of an integer alone: of fractions no two libraries say the same. */
  readonly multipleOf?: number;
}

export type Schema =
  | ObjectSchema
  | ArraySchema
  | StringSchema
  | NumberSchema
  | (Choice & { readonly type: 'boolean' | 'null' })
  | (Choice & { readonly type?: undefined })
  | { readonly allOf: readonly Schema[] }
  | { readonly anyOf: readonly Schema[] };

type Read = (value: unknown, place: Place) => unknown;

const fail = (message: string, { path }: Place): never => {
  throw new DetailsError(message, path);
};

const readCount: Read = (value, place) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? value : fail('expected a whole number from 0', place);

const readNumber: Read = (value, place) =>
  isExact(value) ? value : fail('expected a number, if it is whole of at most 2^53 - 1', place);

const readMultiple: Read = (value, place) =>
  Number.isSafeInteger(value) && Number(value) >= 1 ? value : fail('expected a whole number from 1', place);

const readBoolean: Read = (value, place) =>
  typeof value === 'boolean' ? value : fail('expected true or false', place);

const readPattern: Read = (value, place) =>
  typeof value === 'string' && isPattern(value)
    ? value
    : fail('expected a pattern of at most 256 characters about the whole text, as ^[A-Z]{2}[0-9]+$', place);

const readScalar: Read = (value, place) =>
  value === null || typeof value === 'boolean' || isText(value) || isExact(value)
    ? value
    : fail('expected text, a number, true, false or null', place);

const readScalars: Read = (value, place) => {
  const items = readItems(value, place).map(([item, at]) => readScalar(item, at));
  return new Set(items).size === items.length ? Object.freeze(items) : fail('expected each value once', place);
};

const readNames: Read = (value, place) => {
  const names = readItems(value, place).map(([name, at]) => (isText(name) ? name : fail('expected a name', at)));
  return new Set(names).size === names.length ? Object.freeze(names) : fail('expected each name once', place);
};

const readSchemas: Read = (value, place) =>
  Object.freeze(readItems(value, place).map(([item, at]) => readSchema(item, at)));

const readProperties: Read = (value, place) =>
  Object.freeze(Object.fromEntries(readMembers(value, place).map(([name, part, at]) => [name, readSchema(part, at)])));

type Keywords = Readonly<Record<string, Read>>;

const choice: Keywords = { const: readScalar, enum: readScalars };
const bounds: Keywords = {
  minimum: readNumber,
  maximum: readNumber,
  exclusiveMinimum: readNumber,
  exclusiveMaximum: readNumber,
};

/** By type, what a schema may say beside it. */
const keywordsOf: ReadonlyMap<unknown, Keywords> = new Map<string, Keywords>([
  ['object', { properties: readProperties, required: readNames, additionalProperties: readBoolean }],
  ['array', { items: readSchema, minItems: readCount, maxItems: readCount }],
  ['string', { minLength: readCount, maxLength: readCount, pattern: readPattern, ...choice }],
  ['number', { ...bounds, ...choice }],
  ['integer', { ...bounds, multipleOf: readMultiple, ...choice }],
  ['boolean', choice],
  ['null', {}],
]);

/** What a schema without a type consists of: one of them. */
const alone: Keywords = { ...choice, allOf: readSchemas, anyOf: readSchemas };

/** Frozen, with defaults. @throws DetailsError */
export function readSchema(value: unknown, place: Place): Schema {
  const members = readMembers(value, place);
  const type = members.find(([keyword]) => keyword === 'type')?.[1];
  if (type === undefined && members.length !== 1) fail('expected type, or one of const, enum, allOf and anyOf', place);
  const keywords = type === undefined ? alone : (keywordsOf.get(type) ?? fail(aType, place));
  const read = members.map(([keyword, part, at]) => {
    if (keyword === 'type') return [keyword, part];
    const readPart = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
    if (readPart === undefined) throw unknownMember(at, Object.keys(keywords));
    return [keyword, readPart(part, at)];
  });
  return Object.freeze(finished(Object.fromEntries(read) as Schema, place));
}

const aType = `expected type to be one of ${[...keywordsOf.keys()].join(', ')}`;

/** What one keyword alone does not tell. */
function finished(schema: Schema, place: Place): Schema {
  if (!('type' in schema) || schema.type === undefined) return schema;
  if (schema.type === 'array')
    return schema.items === undefined ? fail('expected items beside type: array', place) : schema;
  if (schema.type === 'object') return finishedObject(schema, place);
  const chosen = [...('const' in schema ? [schema.const] : []), ...('enum' in schema ? (schema.enum ?? []) : [])];
  const { type } = schema;
  return chosen.every((value) => isOf(type, value)) ? schema : fail(`expected values of type ${type}`, place);
}

function finishedObject(schema: Partial<ObjectSchema>, place: Place): ObjectSchema {
  const { properties = Object.freeze({}), required, additionalProperties = false } = schema;
  const missing = required?.find((name) => !additionalProperties && !Object.hasOwn(properties, name));
  if (missing !== undefined) fail(`required names ${JSON.stringify(missing)}, which is not in properties`, place);
  return { type: 'object', properties, ...(required && { required }), additionalProperties };
}

/** Whether it is of such arguments as a call can have: an object. */
export function isOfObjects(schema: Schema): boolean {
  if ('allOf' in schema) return schema.allOf.some(isOfObjects);
  if ('anyOf' in schema) return schema.anyOf.every(isOfObjects);
  return schema.type === 'object';
}

/** Of the types whose values have no parts. */
export function isOf(type: 'string' | 'number' | 'integer' | 'boolean' | 'null', value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'number') return isExact(value);
  if (type === 'integer') return Number.isSafeInteger(value);
  return type === 'string' ? isText(value) : typeof value === 'boolean';
}

/** No infinity, as 1e999 is read; and no whole number that may have been another one before it was read. */
export const isExact = (value: unknown): value is number =>
  Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));

/** Half of a surrogate pair is no character. */
export const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed();
