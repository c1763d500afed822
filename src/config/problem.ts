/** What is wrong with a configuration file, and where. */

import type { Path } from './path.js';

/** One thing that is wrong, before it is known where in the text it stands. */
export interface Finding {
  readonly path: Path;
  /** Whether the key or its value is at fault. Default `value`; of a key that is missing, the map that lacks it. */
  readonly at?: 'key' | 'value';
  /** Advice: nothing is wrong. */
  readonly level?: 'note';
  readonly message: string;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly nearest?: string | undefined;
  /** A line of the value, and one with a caret under the place in it. */
  readonly excerpt?: readonly string[] | undefined;
}

export interface Problem {
  /** As it was given to the command. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** Such as `audit.sinks[0].path`; empty for the file as a whole. */
  readonly path: string;
  /** Advice. Left out: it is wrong. */
  readonly level?: 'note';
  readonly message: string;
  readonly expected: string | null;
  /** At most 80 characters, on one line. */
  readonly found: string | null;
  /** The known word that the unknown one was probably meant to be. */
  readonly nearest: string | null;
  /** A line of the value, and one with a caret under the place in it. Left out: the whole value is meant. */
  readonly excerpt?: readonly string[];
}

/** Everything that is wrong with a configuration, by file and in the order of its text. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    const sorted = sortProblems(problems);
    super(renderProblems(sorted));
    this.problems = sorted;
  }
}

/** `file:line:column: path: message (expected …, found …; did you mean …?)`, one line each, a note with `note: ` before the path; an excerpt stands below, indented. */
export function renderProblems(problems: readonly Problem[]): string {
  return problems
    .flatMap((problem) => [renderProblem(problem), ...(problem.excerpt ?? []).map((line) => `    ${line}`)])
    .map(printable)
    .join('\n');
}

/** Control characters and those that turn the direction of text cannot forge a line, or what stands in it. */
function printable(line: string): string {
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A value of the file as it is shown to a person: at most 80 characters, on one line. */
export function renderFound(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0 ? 'an empty map' : 'a map';
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return shown.length > 80 ? `${shown.slice(0, 79)}…` : shown;
}

function renderProblem(problem: Problem): string {
  const compared = [
    problem.expected === null ? [] : [`expected ${problem.expected}`],
    problem.found === null ? [] : [`found ${problem.found}`],
  ]
    .flat()
    .join(', ');
  const hint = problem.nearest === null ? '' : `did you mean ${problem.nearest}?`;
  const notes = [compared, hint].filter((note) => note !== '').join('; ');
  const path = problem.path === '' ? '' : `${problem.path}: `;
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  const level = problem.level === undefined ? '' : `${problem.level}: `;
  return `${place}: ${level}${path}${problem.message}${notes === '' ? '' : ` (${notes})`}`;
}

/** By file and in the order of its text, each once. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  const byText = new Map(problems.map((problem) => [renderProblem(problem), problem]));
  const byPlace = ([textOfA, a]: [string, Problem], [textOfB, b]: [string, Problem]) =>
    compareText(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    compareText(a.path, b.path) ||
    compareText(textOfA, textOfB);
  return Object.freeze([...byText].sort(byPlace).map(([, problem]) => problem));
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
