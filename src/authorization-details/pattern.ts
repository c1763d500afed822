/**
 * The patterns of schemas: what RE2 and ECMA-262 (JSON Schema 2020-12, validation §6.3.3) read alike, so that every validator says the same.
 * They are about the whole text: one without anchors, or with an alternation that escapes them, is refused.
 */
import { LRUCache } from 'lru-cache';
import { compileLinear } from '../linear-pattern.js';

/** UTF-16 units: of a pattern, and of a text that one is matched with. A longer text does not match. */
const longestPattern = 256;
const longestText = 4096;

/** What a pattern may come to with its counts written out, in characters and classes: a client writes patterns that a resource server compiles. */
const largest = 256;

const part =
  /(?<any>\.)|(?<open>\((?:\?:|(?!\?)))|(?<close>\))|(?<or>\|)|\{(?<least>\d{1,3})(?:,(?<most>\d{0,3}))?\}\??|(?<more>[*+?]\??)|(?<atom>\\(?:[dDwW]|[\^$\\.*+?()[\]{}|/])|\[(?:\^|(?!\^))(?:\\(?:[dDwW]|[\^$\\.*+?()[\]{}|/-])|[^[\]\\])+\]|[^^$\\.*+?()[\]{}|])/uy;

/** What a dot is in ECMA-262. */
const anyCharacter = '[^\\n\\r\\x{2028}\\x{2029}]';

/** Whether `matchesPattern` takes it. Nothing is compiled for it. */
export function isPattern(pattern: string): boolean {
  return linearOf(pattern) !== null && isWellFormed(pattern);
}

/** @param pattern that `isPattern` */
export function matchesPattern(pattern: string, text: string): boolean {
  if (text.length > longestText) return false;
  const matches = compiled.get(pattern) ?? compileLinear(linearOf(pattern) ?? '');
  compiled.set(pattern, matches);
  return matches(text);
}

/** A token comes with the same ones again and again. */
const compiled = new LRUCache<string, (text: string) => boolean>({ max: 256 });

/** Is only parsed: it is never matched with anything, which could take long. */
function isWellFormed(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

/** The same for RE2. Null: it is not about the whole text, is too large, or has what the two read differently. */
function linearOf(pattern: string): string | null {
  if (pattern.length > longestPattern || !pattern.startsWith('^') || !pattern.endsWith('$')) return null;
  const inner = pattern.slice(1, -1);
  const groups: Group[] = [{ size: 0, last: 0 }];
  let linear = '';
  for (let at = 0; at < inner.length; ) {
    part.lastIndex = at;
    const found = part.exec(inner)?.groups;
    if (found === undefined || !measure(groups, found)) return null;
    linear += found.any === undefined ? inner.slice(at, part.lastIndex) : anyCharacter;
    at = part.lastIndex;
  }
  return groups.length === 1 && (groups[0]?.size ?? 0) <= largest ? `^${linear}$` : null;
}

/** A group that is open, the pattern itself being the first. */
interface Group {
  size: number;
  /** Of what a count behind it would repeat. */
  last: number;
}

/** @returns whether the part may stand there */
function measure(
  groups: Group[],
  { open, close, or, least, most, more }: Readonly<Record<string, string | undefined>>,
): boolean {
  if (open !== undefined) return groups.push({ size: 0, last: 0 }) > 0;
  const inner = groups.at(-1) ?? { size: 0, last: 0 };
  if (close !== undefined) {
    groups.pop();
    return add(groups.at(-1), inner.size + 1);
  }
  // An alternation outside of groups would leave the anchors.
  if (or !== undefined) return groups.length > 1;
  if (more !== undefined) return add(inner, 1);
  if (least === undefined) return add(inner, 1);
  return add(inner, inner.last * (Math.max(Number(least), Number(most ?? 0), 1) - 1));
}

function add(group: Group | undefined, size: number): boolean {
  if (group === undefined) return false;
  group.size += size;
  group.last = size;
  return true;
}
