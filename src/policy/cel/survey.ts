/**
 * What an expression reads and what it may cost, found by looking at it, so that both are known before any request. What could not be
 * told in that way, such as a claim whose name is computed, is refused.
 */
import { nearest } from '../../nearest.js';
import type { ASTNode } from './engine.js';
import { type ClaimsRoot, celFacts, claimsPrefix, claimsRoots, factRoots } from './facts.js';

export interface Survey {
  /** Such as `workload.environment`, `posture.kubelet` and `claims.repository`, sorted. */
  readonly reads: readonly string[];
  readonly patterns: readonly PatternCall[];
  /** Members that are no facts, such as those of a claim: whether there can be any is told by the type of what they are of. */
  readonly members: readonly Member[];
  readonly size: Size;
}

/** `of.name` or `of["name"]`. */
export interface Member {
  readonly node: ASTNode;
  readonly of: ASTNode;
}

/** A call of `matches`. */
export interface PatternCall {
  readonly pattern: string;
  /** The argument. */
  readonly node: ASTNode;
  /** Offset behind which the name of the function stands. */
  readonly after: number;
}

/** How many parts an expression has. */
export interface Size {
  readonly once: number;
  /** Parts that are evaluated for every entry of a list. */
  readonly perEntry: number;
  /** How many times `+` may make a text or a list longer. */
  readonly additions: number;
  /** The facts that are read for every entry. */
  readonly readPerEntry: ReadonlySet<string>;
}

/** Something that a condition may not have, and where. */
export class CelFault extends Error {
  constructor(
    message: string,
    readonly node: ASTNode,
  ) {
    super(message);
  }
}

/** What was found so far. */
interface Found {
  readonly reads: Set<string>;
  readonly patterns: PatternCall[];
  readonly members: Member[];
  once: number;
  perEntry: number;
  additions: number;
  readonly readPerEntry: Set<string>;
}

/** The variable of the comprehension around; null: there is none. */
type Variable = string | null;

type Node<Op extends ASTNode['op']> = Extract<ASTNode, { op: Op }>;

const functions = ['has', 'size', 'timestamp', 'duration'];
const parts = ['FullYear', 'Month', 'Date', 'DayOfMonth', 'DayOfWeek', 'Hours', 'Minutes', 'Seconds'];
const methods = ['size', 'startsWith', 'endsWith', 'contains', 'matches', ...parts.map((part) => `get${part}`)];
const comprehensions = ['all', 'exists', 'exists_one', 'filter'];

/** Some readers take other forms too, and some of those by the zone of the machine. */
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/;

/** As Go's `time.ParseDuration` has it, which CEL refers to. */
const goDuration = /^[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/;

/** How much more than another part a pattern costs. */
const patternCost = 40;

const computedClaim = 'the names of claims are written out, as in workload.claims.repository or workload.claims["a-b"]';

/** @throws CelFault */
export function survey(root: ASTNode): Survey {
  const sums = { once: 0, perEntry: 0, additions: 0 };
  const found: Found = { reads: new Set(), patterns: [], members: [], ...sums, readPerEntry: new Set() };
  visit(found, root, null);
  const { reads, patterns, members, ...size } = found;
  return { reads: [...reads].sort(), patterns, members, size };
}

function visit(found: Found, node: ASTNode, variable: Variable): void {
  count(found, variable, 1);
  const fact = factAt(node);
  if (fact !== null) {
    found.reads.add(fact);
    if (variable !== null) found.readPerEntry.add(fact);
    return;
  }
  if (node.op === 'id' && node.args !== variable) throw noFact(node.args, node);
  if (node.op === '+') found.additions += 1;
  if (node.op === '.' || node.op === '[]') found.members.push({ node, of: node.args[0] });
  if ((node.op === '/' || node.op === '%') && isZero(node.args[1]))
    throw new CelFault('a division by zero', node.args[1]);
  if (node.op === 'call') checkCall(node);
  if (node.op === 'rcall') checkMethod(found, node, variable);
  if (node.op === 'rcall' && comprehensions.includes(node.args[0])) visitComprehension(found, node, variable);
  else for (const child of childrenOf(node)) visit(found, child, variable);
}

function count(found: Found, variable: Variable, cost: number): void {
  if (variable === null) found.once += cost;
  else found.perEntry += cost;
}

function checkCall(node: Node<'call'>): void {
  const [name, [argument]] = node.args;
  if (!functions.includes(name)) throw new CelFault(`${name}() is not among the functions of conditions`, node);
  // Of a member of what is no map it would be false, where nothing is known.
  if (name === 'has' && (argument === undefined || factAt(argument) === null)) {
    throw new CelFault(
      'has() takes a claim by its name; for a member of one there is "name" in workload.claims.CLAIM',
      node,
    );
  }
  if (name !== 'timestamp' && name !== 'duration') return;
  const text = literalText(argument);
  if (text === null) throw new CelFault(`${name}() takes a text that is written out`, node);
  if (name === 'timestamp' && !isTime(text)) {
    throw new CelFault('timestamp() takes a time as RFC 3339 has it, such as "2027-01-15T08:00:00Z"', node);
  }
  if (name === 'duration' && !goDuration.test(text)) {
    throw new CelFault('duration() takes a number with its unit, such as "5m", "1h30m" or "1.5s"', node);
  }
}

/** Of a day that there is: readers take the 31st of a shorter month for a day of the next. */
function isTime(text: string): boolean {
  const day = `${text.slice(0, 10)}T00:00:00Z`;
  return (
    rfc3339.test(text) && isValid(text) && isValid(day) && new Date(day).toISOString().startsWith(text.slice(0, 10))
  );
}

const isValid = (text: string): boolean => !Number.isNaN(Date.parse(text));

/** Of whole numbers: a double that is divided by 0.0 has a value. */
function isZero(node: ASTNode): boolean {
  if (node.op === '-_') return isZero(node.args);
  return node.op === 'value' && ['bigint', 'object'].includes(typeof node.args) && String(node.args) === '0';
}

function checkMethod(found: Found, node: Node<'rcall'>, variable: Variable): void {
  const [name, receiver, args] = node.args;
  if (!methods.includes(name) && !comprehensions.includes(name)) {
    throw new CelFault(`${name}() is not among the functions of conditions`, node);
  }
  if (name.startsWith('get') && args.length > 0) {
    throw new CelFault(`${name}() takes no zone: it is of UTC. For hours of a zone there is the condition time`, node);
  }
  if (name !== 'matches') return;
  const [argument = node] = args;
  const pattern = literalText(argument);
  if (pattern === null) throw new CelFault('matches() takes a pattern that is written out', argument);
  found.patterns.push({ pattern, node: argument, after: receiver.end });
  count(found, variable, patternCost);
}

function visitComprehension(found: Found, node: Node<'rcall'>, outer: Variable): void {
  const [, range, [variable, ...bodies]] = node.args;
  if (outer !== null) throw new CelFault('a list within a list is not gone through: that could take long', node);
  if (variable?.op !== 'id') throw new CelFault('the first argument is the name of a variable', node);
  if (variable.args === 'now' || isRoot(variable.args)) {
    throw new CelFault(`${variable.args} is what facts are called: name the variable otherwise`, variable);
  }
  visit(found, range, outer);
  for (const body of bodies) visit(found, body, variable.args);
}

/** The name of the fact that this reads; null: it is something else. @throws CelFault for one that there is not, and for claims of no name */
function factAt(node: ASTNode): string | null {
  if (node.op === 'id' && node.args === 'now') return 'now';
  const holder = node.op === 'in' ? claimsOf(node.args[1]) : undefined;
  if (holder !== undefined && node.op === 'in') return claimOf(holder, literalText(node.args[0]), node);
  if (claimsOf(node) !== undefined) throw new CelFault(computedClaim, node);
  if (node.op !== '.' && node.op !== '[]') return null;
  const [of, key] = node.args;
  const name = typeof key === 'string' ? key : literalText(key);
  const root = claimsOf(of);
  if (root !== undefined) return claimOf(root, name, node);
  if (of.op !== 'id' || !isRoot(of.args)) return null;
  const fact = `${of.args}.${name}`;
  if (name === null || !Object.hasOwn(celFacts, fact)) throw noFact(fact, node);
  return fact;
}

function claimOf(root: ClaimsRoot, name: string | null, node: ASTNode): string {
  if (name === null) throw new CelFault(computedClaim, node);
  return `${claimsPrefix[root]}${name}`;
}

function noFact(name: string, node: ASTNode): CelFault {
  const near = nearest(name, Object.keys(celFacts));
  return new CelFault(`${name} is no fact${near === null ? '' : `: did you mean ${near}?`}`, node);
}

/** Whose claims this is, as a whole; undefined: it is something else. */
function claimsOf(node: ASTNode): ClaimsRoot | undefined {
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [of, key] = node.args;
  const name = typeof key === 'string' ? key : literalText(key);
  return name === 'claims' && of.op === 'id' ? claimsRoots.find((root) => root === of.args) : undefined;
}

const isRoot = (name: string): boolean => (factRoots as readonly string[]).includes(name);

const literalText = (node: ASTNode | undefined): string | null =>
  node?.op === 'value' && typeof node.args === 'string' ? node.args : null;

/** Of a call with its receiver too. */
function childrenOf({ args }: ASTNode): ASTNode[] {
  if (Array.isArray(args))
    return args.flatMap((each: unknown) => (Array.isArray(each) ? each.flatMap(nodesIn) : nodesIn(each)));
  return nodesIn(args);
}

const nodesIn = (part: unknown): ASTNode[] =>
  typeof part === 'object' && part !== null && 'op' in part ? [part as ASTNode] : [];
