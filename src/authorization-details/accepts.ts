/** Whether a value is what a schema says. Pure; the time grows with the product of both sizes. */
import { matchesPattern } from './pattern.js';
import {
  type ArraySchema,
  isExact,
  isOf,
  isText,
  type NumberSchema,
  type ObjectSchema,
  type Schema,
  type StringSchema,
} from './schema.js';

/** @param value that `isPlain` */
export function accepts(schema: Schema, value: unknown): boolean {
  if ('allOf' in schema) return schema.allOf.every((each) => accepts(each, value));
  if ('anyOf' in schema) return schema.anyOf.some((each) => accepts(each, value));
  if (schema.type === 'object') return isObject(value) && acceptsMembers(schema, value);
  if (schema.type === 'array') return Array.isArray(value) && acceptsItems(schema, value);
  if (schema.type !== undefined && !isOf(schema.type, value)) return false;
  if ('const' in schema && schema.const !== value) return false;
  if ('enum' in schema && schema.enum?.some((each) => each === value) !== true) return false;
  if (schema.type === 'string') return acceptsText(schema, String(value));
  return (schema.type !== 'number' && schema.type !== 'integer') || acceptsNumber(schema, Number(value));
}

function acceptsMembers(schema: ObjectSchema, value: Readonly<Record<string, unknown>>): boolean {
  const { properties, required = [], additionalProperties } = schema;
  return (
    required.every((name) => Object.hasOwn(value, name)) &&
    Object.entries(value).every(([name, member]) => {
      const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
      return known === undefined ? additionalProperties : accepts(known, member);
    })
  );
}

const acceptsItems = (
  { items, minItems = 0, maxItems = Number.POSITIVE_INFINITY }: ArraySchema,
  value: readonly unknown[],
) => value.length >= minItems && value.length <= maxItems && value.every((item) => accepts(items, item));

function acceptsText(
  { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern }: StringSchema,
  text: string,
): boolean {
  const length = [...text].length;
  if (length < minLength || length > maxLength) return false;
  return pattern === undefined || matchesPattern(pattern, text);
}

const acceptsNumber = (schema: NumberSchema, value: number): boolean =>
  !(schema.minimum !== undefined && value < schema.minimum) &&
  !(schema.maximum !== undefined && value > schema.maximum) &&
  !(schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) &&
  !(schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum) &&
  !(schema.multipleOf !== undefined && value % schema.multipleOf !== 0);

/** How deep arguments may be. */
const deepest = 32;

/** Whether it is JSON that every parser reads alike. */
export function isPlain(value: unknown, levels = deepest): boolean {
  if (value === null || typeof value === 'boolean' || isText(value) || isExact(value)) return true;
  if (levels < 1 || typeof value !== 'object') return false;
  // By index: an entry that an array does not have is no value.
  if (Array.isArray(value)) return Array.from(value).every((item) => isPlain(item, levels - 1));
  return (
    isObject(value) &&
    Object.entries(value).every(([name, member]) => name !== '__proto__' && isText(name) && isPlain(member, levels - 1))
  );
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
