/** What zod reports, in the words of this product. */
import type { z } from 'zod';
import { nearest } from '../nearest.js';
import { knownKeys } from './json-schema.js';
import { isRecord, type Path, valueAt } from './path.js';
import { type Finding, renderFound } from './problem.js';

type Issue = z.core.$ZodIssue;
type UnionIssue = z.core.$ZodIssueInvalidUnion;

/** A file: its values, and the keys that it may have at a path. */
interface Parsed {
  readonly values: unknown;
  keysAt(path: Path): readonly string[];
}

/** @param keysAt of another file than a configuration */
export function findingsOf(
  issues: readonly Issue[],
  values: unknown,
  keysAt: Parsed['keysAt'] = (path) => knownKeys(values, path),
): Finding[] {
  return issues.flatMap((issue) => findingsOfIssue(issue, issue.path.map(segmentOf), { values, keysAt }));
}

/** Symbols cannot come out of a YAML file. */
const segmentOf = (segment: PropertyKey) => (typeof segment === 'number' ? segment : String(segment));

function findingsOfIssue(issue: Issue, path: Path, parsed: Parsed): Finding[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], parsed));
  if (issue.code === 'invalid_key') return [unusableName(path, issue.issues[0]?.message ?? 'another name')];
  const value = valueAt(parsed.values, path);
  if (issue.code === 'custom' && !namesWhatIsExpected(issue.message))
    return [{ path, message: issue.message, excerpt: excerptOf(issue) }];
  if (value === undefined) return [{ path, message: 'missing key', expected: issue.message }];
  if (issue.code === 'invalid_union') return findingsOfUnion(issue, path, parsed);
  return [wrongValue(path, issue.message, value, issue.code === 'invalid_value' ? issue.values.map(String) : [])];
}

function unknownKey(path: Path, { keysAt }: Parsed): Finding {
  const word = String(path.at(-1));
  const near = nearest(word, keysAt(path.slice(0, -1)));
  return { path, at: 'key', message: 'unknown key', nearest: near ?? undefined };
}

function unusableName(path: Path, expected: string): Finding {
  return { path, at: 'key', message: 'unusable key', expected, found: renderFound(path.at(-1)) };
}

function wrongValue(path: Path, expected: string, value: unknown, words: readonly string[]): Finding {
  const near = typeof value === 'string' ? nearest(value, words) : null;
  return { path, message: 'wrong value', expected, found: renderFound(value), nearest: near ?? undefined };
}

/** A union's own text says what the forms are. Better is the fault within the form that was evidently meant. */
function findingsOfUnion(issue: UnionIssue, path: Path, parsed: Parsed): Finding[] {
  const meant = issue.errors.filter((form) =>
    // A key that is unknown deeper within stands where this form has a map, so the form was meant as well.
    form.every(({ path: at }) => at.length > 0),
  );
  const [only] = meant;
  if (only !== undefined && meant.length === 1) {
    return only.flatMap((inner) => findingsOfIssue(inner, [...path, ...inner.path.map(segmentOf)], parsed));
  }
  const value = valueAt(parsed.values, path);
  const unknown = keysOf(value).filter((key) => !parsed.keysAt(path).includes(key));
  if (unknown.length > 0) return unknown.map((key) => unknownKey([...path, key], parsed));
  const words = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
  return [wrongValue(path, issue.message, value, words)];
}

/** What a kind of value that is a language of its own tells of the place. */
const excerptOf = ({ params }: z.core.$ZodIssueCustom): Finding['excerpt'] => params?.excerpt;

const keysOf = (value: unknown): string[] => (isRecord(value) ? Object.keys(value) : []);

/** Schemas write either what was expected ("a list of …", "exactly one of …") or a whole sentence. */
const namesWhatIsExpected = (message: string) => /^(an?|one of|exactly one of|the) /.test(message);
