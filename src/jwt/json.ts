/**
 * A JSON object as evidence may have it: JSON that no two parsers can read differently (RFC 8259 §4, RFC 7493 §2).
 * The native parser does the work. It drops the earlier of two members of one name, so a repeated member shows in the
 * count: the text has more members than the value.
 */
import { isUtf8 } from 'node:buffer';

/** Levels of nesting, the object itself being the first. */
const maxDepth = 16;

/** Why bytes are not such an object. */
export type JsonFault =
  | 'utf8'
  | 'json'
  | 'not_object'
  | 'duplicate_member'
  | 'forbidden_member'
  | 'lone_surrogate'
  | 'too_deep';

export type JsonObject = Readonly<Record<string, unknown>>;

/** @returns the object, frozen at every level, or what is wrong with the bytes */
export function parseObject(bytes: Buffer): JsonObject | JsonFault {
  return parse(bytes, 'not_object', (value): value is JsonObject => !Array.isArray(value));
}

/** As `parseObject`, of a list. */
export function parseArray(bytes: Buffer): readonly unknown[] | SharedFault | 'not_array' {
  return parse(bytes, 'not_array', (value): value is readonly unknown[] => Array.isArray(value));
}

type SharedFault = Exclude<JsonFault, 'not_object'>;

function parse<Value extends object, Otherwise extends string>(
  bytes: Buffer,
  otherwise: Otherwise,
  isWanted: (value: object) => value is Value,
): Value | SharedFault | Otherwise {
  if (!isUtf8(bytes)) return 'utf8';
  const text = bytes.toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'json';
  }
  if (typeof value !== 'object' || value === null || !isWanted(value)) return otherwise;
  const walk: Walk = { members: 0, fault: undefined };
  visit(value, 1, walk);
  if (walk.fault !== undefined) return walk.fault;
  if (walk.members !== countMembers(text)) return 'duplicate_member';
  // What stands in valid UTF-8 as it is has no half of a pair; only an escape can make one.
  if (text.includes('\\u') && hasLoneSurrogate(value)) return 'lone_surrogate';
  return value;
}

interface Walk {
  members: number;
  fault: SharedFault | undefined;
}

/** Counts members, freezes, and looks for what must not be there. */
function visit(value: object, depth: number, walk: Walk): void {
  if (depth > maxDepth) {
    walk.fault = 'too_deep';
    return;
  }
  const names = Object.keys(value);
  for (const name of names) {
    if (name === '__proto__') walk.fault = 'forbidden_member';
    const part = (value as JsonObject)[name];
    if (typeof part === 'object' && part !== null) visit(part, depth + 1, walk);
  }
  if (!Array.isArray(value)) walk.members += names.length;
  Object.freeze(value);
}

/** No UTF-8 spells half of a pair, so two strings that differ in it would be one in every store and log. */
function hasLoneSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some((entry) => entry.some(hasLoneSurrogate));
}

/** @param text valid JSON, in which each member has its colon, and no other colon stands outside a string */
function countMembers(text: string): number {
  let members = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === backslash) index++;
      else if (code === quotationMark) inString = false;
    } else if (code === quotationMark) inString = true;
    else if (code === colon) members++;
  }
  return members;
}

const quotationMark = 0x22;
const colon = 0x3a;
const backslash = 0x5c;
