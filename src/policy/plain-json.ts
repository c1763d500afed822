/** What a record can hold of JSON that came from outside: a bounded copy. */
import type { ClaimValue } from './facts.js';

/** Members and items, UTF-16 units of all texts and names, and levels of lists and maps. */
const mostValues = 256;
const mostText = 4096;
const deepest = 4;

/**
 * A copy that nobody changes; undefined for what is too much, and for what is no JSON.
 * @param spell how each text and name is written; default: as it is
 */
export function plainJson(json: unknown, spell = (text: string) => text): ClaimValue | undefined {
  const left = { values: mostValues, text: mostText };
  const copyText = (text: string): string => {
    left.text -= text.length;
    if (left.text < 0) throw tooMuch;
    return spell(text);
  };
  const copy = (value: unknown, depth: number): ClaimValue => {
    left.values -= 1;
    if (depth > deepest || left.values < 0) throw tooMuch;
    if (typeof value === 'string') return copyText(value);
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (Array.isArray(value)) return Object.freeze(value.map((item: unknown) => copy(item, depth + 1)));
    if (typeof value !== 'object') throw tooMuch;
    const members = Object.entries(value).map(([name, member]) => [copyText(name), copy(member, depth + 1)] as const);
    return Object.freeze(Object.fromEntries(members));
  };
  try {
    return copy(json, 0);
  } catch (error) {
    if (error !== tooMuch) throw error;
    return undefined;
  }
}

const tooMuch = new Error('a value that is too large for a record');
