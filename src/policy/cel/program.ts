/** A CEL expression, checked and compiled: what it reads is known, and what one evaluation may cost is bounded. */
import type { UnknownCause } from '../../../attestors/attestor.js';
import { compileLinear } from '../../linear-pattern.js';
import type { Candidate } from '../match.js';
import { type Engine, loadEngine } from './engine.js';
import {
  type ClaimsRoot,
  celFacts,
  claimsPrefix,
  claimsRoots,
  type FactRoot,
  type Reading,
  readClaim,
} from './facts.js';
import { CelFault, type Member, type PatternCall, type Survey, survey } from './survey.js';

/** UTF-16 units. */
const longestExpression = 1000;

export type Outcome =
  | { readonly value: boolean; readonly facts: readonly (readonly [name: string, value: unknown])[] }
  | { readonly unknown: UnknownCause; readonly why: string };

export interface Program {
  readonly source: string;
  /** Such as `workload.environment`, `posture.kubelet` and `claims.repository`, sorted. */
  readonly reads: readonly string[];
  /** Pure; never throws. One evaluation a candidate. */
  evaluate(candidate: Candidate): Outcome;
}

/** An expression that is no condition. */
export class CelError extends Error {
  override readonly name = 'CelError';
  /** @param excerpt the line of the expression, and one with a caret under the place; empty: it is about the whole */
  constructor(
    message: string,
    readonly excerpt: readonly string[],
  ) {
    super(message);
  }
}

/** @throws CelError */
export function compileCel(source: string): Program {
  if (source.length > longestExpression) {
    throw new CelError(`an expression has at most ${longestExpression} characters`, []);
  }
  const engine = loadEngine();
  const surveyed = check(engine, source);
  const { reads, patterns, size } = surveyed;
  const inputs = reads.map((name) => inputOf(engine, name));
  const compiled = { inputs, size, run: compile(engine, source, patterns) };
  return Object.freeze({
    source,
    reads: Object.freeze(reads),
    evaluate: oncePerCandidate((candidate) => evaluate(compiled, candidate)),
  });
}

/** Many rules may ask the same, and what was seen is told of each that fails. */
function oncePerCandidate(evaluateFor: (candidate: Candidate) => Outcome): Program['evaluate'] {
  const outcomes = new WeakMap<Candidate, Outcome>();
  return (candidate) => {
    const before = outcomes.get(candidate);
    if (before !== undefined) return before;
    const outcome = evaluateFor(candidate);
    outcomes.set(candidate, outcome);
    return outcome;
  };
}

function check({ environment }: Engine, source: string): Survey {
  try {
    const parsed = environment.parse(source);
    const surveyed = survey(parsed.ast);
    const { valid, type, error } = parsed.check();
    if (!valid) throw error ?? new Error('not valid');
    for (const member of surveyed.members) checkMember(environment, source, member);
    if (type !== 'bool') throw new CelFault(`the value is of type ${type}: a condition is a comparison`, parsed.ast);
    return surveyed;
  } catch (error) {
    throw celError(source, error);
  }
}

/** The library sees to it for its other types. An entry's type is not known outside of its list: the value is then unknown. */
function checkMember(environment: Engine['environment'], source: string, { node, of }: Member): void {
  const { valid, type } = environment.check(source.slice(of.start, of.end));
  if (!valid || !timeTypes.has(String(type))) return;
  throw new CelFault('a time has no members but functions, such as getHours()', node);
}

const timeTypes: ReadonlySet<string> = new Set(['google.protobuf.Timestamp', 'google.protobuf.Duration']);

function celError(source: string, error: unknown): CelError {
  if (error instanceof CelFault) return new CelError(error.message, excerptOf(source, error.node.start));
  const { summary, range } = error as { summary?: string; range?: { start: number } };
  if (summary === undefined) throw error;
  return new CelError(summary, range === undefined ? [] : excerptOf(source, range.start));
}

function excerptOf(source: string, offset: number): string[] {
  const begin = source.lastIndexOf('\n', offset - 1) + 1;
  const end = source.indexOf('\n', offset);
  const line = source.slice(begin, end === -1 ? source.length : end).replaceAll('\t', ' ');
  return [line, `${' '.repeat(offset - begin)}^`];
}

type Evaluate = (values: Values) => unknown;

interface Compiled {
  readonly inputs: readonly Input[];
  readonly size: Survey['size'];
  readonly run: Evaluate;
}

/** As long as `matches`, so that places in the expression stay what they are. */
const linearMatches = 're2find';

/** The library's `matches` backtracks: each call goes to a function of ours, with its pattern compiled here. */
function compile(engine: Engine, source: string, calls: readonly PatternCall[]): Evaluate {
  if (calls.length === 0) return checked(engine.environment, source);
  const patterns = new Map(calls.map((call) => [call.pattern, compilePattern(source, call)]));
  const environment = engine.environment
    .clone()
    .registerFunction(`string.${linearMatches}(string): bool`, (text: string, pattern: string) =>
      patterns.get(pattern)?.(text),
    );
  let rewritten = source;
  for (const call of calls) {
    const at = nameOf(source, call);
    rewritten = rewritten.slice(0, at) + linearMatches + rewritten.slice(at + linearMatches.length);
  }
  return checked(environment, rewritten);
}

/** Where the name of the function stands. A comment before it is refused: it could hold the name as well. */
function nameOf(source: string, { after, node }: PatternCall): number {
  const dot = /^[\s)]*\.\s*(?=matches\b)/.exec(source.slice(after));
  if (dot === null) throw new CelError('matches() stands right behind what it looks at', excerptOf(source, node.start));
  return after + dot[0].length;
}

/** Checked once: an expression that was not would be checked, and paid for, at each evaluation. */
function checked(environment: Engine['environment'], source: string): Evaluate {
  const parsed = environment.parse(source);
  const { valid, error } = parsed.check();
  if (!valid) throw error ?? new Error('not valid');
  return parsed;
}

function compilePattern(source: string, { pattern, node }: PatternCall) {
  try {
    return compileLinear(pattern);
  } catch {
    throw new CelError('not a pattern of RE2', excerptOf(source, node.start));
  }
}

function evaluate({ inputs, size, run }: Compiled, candidate: Candidate): Outcome {
  const facts: [string, unknown][] = [];
  const values: Values = {};
  let unknown: { unknown: UnknownCause; why: string } | null = null;
  for (const { name, read, put } of inputs) {
    const reading = read(candidate);
    if ('unknown' in reading) {
      if (unknown === null || reading.unknown === 'missing') unknown = { unknown: reading.unknown, why: name };
    } else {
      facts.push([name, reading.value]);
      put(values, reading.value);
    }
  }
  if (unknown !== null) return unknown;
  if (costOf(size, facts) > mostCost) {
    return { unknown: 'missing', why: 'the facts are too large for this expression' };
  }
  try {
    const value = run(values);
    if (typeof value === 'boolean') return { value, facts };
    return { unknown: 'missing', why: 'the value is no bool' };
  } catch (error) {
    return { unknown: 'missing', why: (error as { summary?: string }).summary ?? 'the expression failed' };
  }
}

/** About a millisecond. */
const mostCost = 100_000;

/** Every part looks at each of its facts once; parts that are for each entry do so with the entries, and with other facts once an entry. */
function costOf({ once, perEntry, additions, readPerEntry }: Survey['size'], facts: readonly [string, unknown][]) {
  let largest = 1;
  let within = 0;
  for (const [name, value] of facts) {
    const size = sizeOf(value);
    largest = Math.max(largest, size);
    if (readPerEntry.has(name)) within = Math.max(within, size);
  }
  return (once + perEntry * (1 + within)) * largest * (1 + additions);
}

/** In entries, a run of 16 characters counting as one more. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return 1 + value.length / 16;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + sizeOf(item), 1);
  if (value instanceof Map) return [...value].flat().reduce<number>((sum, item) => sum + sizeOf(item), 1);
  return 1;
}

/** A fact that the expression reads, and its place among the variables. */
interface Input {
  readonly name: string;
  read(candidate: Candidate): Reading;
  put(values: Values, value: unknown): void;
}

/** The variables of one evaluation: `workload`, `delegator`, `request`, `posture`, `network`, `behaviour`, `now`. */
type Values = Record<string, unknown>;

function inputOf(engine: Engine, name: string): Input {
  const of = claimsRoots.find((each) => name.startsWith(claimsPrefix[each]));
  if (of !== undefined) return claimInput(engine, name, of);
  const dot = name.indexOf('.');
  const [root, key] = dot === -1 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
  const fact = celFacts[name];
  if (fact === undefined) throw new Error(`no fact is called ${name}`);
  const Root = engine.roots[root as FactRoot];
  return {
    name,
    read: fact.read,
    put(values, value) {
      if (key === '') {
        values[root] = value;
        return;
      }
      const facts = (values[root] ?? new Root()) as Values;
      facts[key] = value;
      values[root] = facts;
    },
  };
}

function claimInput({ roots }: Engine, name: string, root: ClaimsRoot): Input {
  const key = name.slice(claimsPrefix[root].length);
  return {
    name,
    read: (candidate) => readClaim(candidate, root, key),
    put(values, value) {
      const holder = (values[root] ?? new roots[root]()) as { claims?: Map<string, unknown> };
      values[root] = holder;
      holder.claims ??= new Map();
      if (value !== undefined) holder.claims.set(key, value);
    },
  };
}
