/** YAML 1.2 with places: plain values for the schema, and for every path where in the text it stands. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLParseError,
  type YAMLWarning,
} from 'yaml';
import { type Path, renderPath } from './path.js';
import { ConfigurationError, type Finding, type Problem, renderFound } from './problem.js';

export interface YamlDocument {
  /** Plain data. Anchored parts that are used twice are one object. */
  readonly values: unknown;
  locate(finding: Finding): Problem;
}

/** How often the parts that aliases repeat may count together, against files that unfold without end. */
const maxAliases = 100;

/** @throws ConfigurationError for what is not YAML, or is YAML that could be read in two ways */
export function readYaml(file: string, text: string): YamlDocument {
  const at = placing(file, text);
  try {
    return read(text, at);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ConfigurationError([at(0, { path: [], message: tooDeep })]);
  }
}

const tooDeep = 'not usable YAML: it is nested too deeply';

type At = (offset: number, finding: Finding) => Problem;

function placing(file: string, text: string): At {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of text.matchAll(/\n/g)) lines.addNewLine(index + 1);
  return (offset, finding) => {
    const { line, col } = lines.linePos(offset);
    return Object.freeze({
      file,
      line,
      column: col,
      path: renderPath(finding.path),
      ...(finding.level && { level: finding.level }),
      message: finding.message,
      expected: finding.expected ?? null,
      found: finding.found ?? null,
      nearest: finding.nearest ?? null,
      ...(finding.excerpt === undefined || finding.excerpt.length === 0 ? {} : { excerpt: finding.excerpt }),
    });
  };
}

function read(text: string, at: At): YamlDocument {
  // The schema is named so that a %YAML 1.1 line cannot bring in `yes`, other octal numbers and merge keys.
  const document = parseDocument(text, { prettyErrors: false, schema: 'core', merge: false });
  const problems = [...syntaxProblems(document, at), ...keyProblems(document, at)];
  if (problems.length > 0) throw new ConfigurationError(problems);
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw new ConfigurationError([at(0, { path: [], message: 'the file is empty' })]);
  }
  return {
    values: unfold(document, at),
    locate: (finding) => at(offsetOf(document, finding), finding),
  };
}

/** Warnings count too: they tell of tags and directives that would otherwise be ignored. */
function syntaxProblems(document: Document.Parsed, at: At): Problem[] {
  return [...document.errors, ...document.warnings].map((error) =>
    at(error.pos[0], { path: [], message: syntaxMessage(error) }),
  );
}

function syntaxMessage({ code, message }: YAMLParseError | YAMLWarning): string {
  if (code === 'MULTIPLE_DOCS') return 'the file holds more than one document: remove what follows the ---';
  return message.startsWith('Maximum call stack') ? tooDeep : `not YAML 1.2: ${oneLine(message)}`;
}

/** `1: x` and `"1": x` would be one key, and `__proto__` is never looked at by what follows: both are refused here. */
function keyProblems(document: Document.Parsed, at: At): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Pair(_, pair) {
      const { key } = pair;
      if (isScalar(key) && typeof key.value === 'string' && key.value !== '__proto__') return;
      const found = isScalar(key) ? renderFound(key.value) : 'a list or a map';
      const wrong = { path: [], message: 'unusable key', expected: 'text: put it in quotes', found };
      problems.push(at(startOf(key), found === '"__proto__"' ? { ...wrong, expected: 'another name' } : wrong));
    },
  });
  return problems;
}

function unfold(document: Document.Parsed, at: At): unknown {
  try {
    return document.toJS({ maxAliasCount: maxAliases });
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause;
    let first = 0;
    visit(document, {
      Alias(_, alias) {
        first = startOf(alias);
        return visit.BREAK;
      },
    });
    throw new ConfigurationError([at(first, { path: [], message: `not usable YAML: ${oneLine(cause.message)}` })]);
  }
}

/** The start of the key or value at the path or, of what is not there, of the innermost part that is. */
function offsetOf(document: Document.Parsed, { path, at }: Finding): number {
  let node: unknown = document.contents;
  let key: unknown = null;
  for (const segment of path) {
    const next = child(document, node, segment);
    if (next === undefined) return startOf(node);
    ({ key, node } = next);
  }
  return startOf(at === 'key' && key !== null ? key : node);
}

function child(document: Document.Parsed, parent: unknown, segment: Path[number]) {
  const node = isAlias(parent) ? parent.resolve(document) : parent;
  if (isSeq(node) && typeof segment === 'number') {
    return segment < node.items.length ? { key: null, node: node.items[segment] } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find((item: Pair) => isScalar(item.key) && item.key.value === segment);
  return pair === undefined ? undefined : { key: pair.key, node: pair.value ?? pair.key };
}

const startOf = (node: unknown): number => (node as Node | null)?.range?.[0] ?? 0;

const oneLine = (message: string) => message.replaceAll(/\s+/g, ' ').trim();
