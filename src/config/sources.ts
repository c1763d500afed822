/**
 * Where the parts of a configuration stand: all in its file, or the policy in the files that `policy.include` names. Each entry of
 * `include` is a layer, and what a later one says of a name replaces what an earlier one says.
 */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { versionOf, versionOfAll } from '../file-version.js';
import { nearest } from '../nearest.js';
import type { YamlDocument } from './document.js';
import { findingsOf } from './findings.js';
import { yamlFilesOf } from './folder.js';
import { isRecord, renderPath, valueAt } from './path.js';
import { ConfigurationError, type Finding, type Problem } from './problem.js';
import { readDocument } from './read.js';
import { expectation, policyFileSchema, policySections } from './schema.js';

/** One of a section of the policy, such as a rule. */
export interface Entry {
  readonly path: readonly [section: string, name: string];
  /** As the file has it. */
  readonly value: unknown;
  /** Of the file that it stands in. */
  readonly locate: YamlDocument['locate'];
}

/** By the rendered path. */
export type Entries = ReadonlyMap<string, Entry>;

export interface Layer {
  /** As `policy.include` has it. */
  readonly name: string;
  /** Those with the value null take an earlier layer's out. */
  readonly entries: Entries;
  /** Those that any of its files has, if only as an empty map. */
  readonly sections: ReadonlySet<string>;
}

export interface Sources {
  /** Plain data: the file's, with what its layers come to. */
  readonly values: unknown;
  /** In the file that the entry of the policy stands in. */
  locate(finding: Finding): Problem;
  /** The policy, all layers together. */
  readonly entries: Entries;
  /** None: the policy stands in the file itself. */
  readonly layers: readonly Layer[];
}

/** @throws ConfigurationError with every problem of what is included */
export async function readSources(file: string): Promise<Sources> {
  return sourcesOf(file, await readDocument(file));
}

export interface SettledSources extends Sources {
  /** Of all that was read, as it was then. */
  readonly version: string;
  /** The files and folders that were read beside the file. */
  readonly alsoRead: readonly string[];
}

/** @throws ConfigurationError too when a file changes meanwhile: half of one state and half of another is neither */
export async function readSettledSources(file: string): Promise<SettledSources> {
  // Before it is read: what is written meanwhile is another version.
  const own = await versionOf(file);
  const document = await readDocument(file);
  const alsoRead = namedPaths(file, document);
  const version = await versionOfAll(own, alsoRead);
  const sources = await sourcesOf(file, document);
  const isSettled = sources.layers.length === 0 || version === (await versionOfAll(await versionOf(file), alsoRead));
  if (isSettled) return { ...sources, version, alsoRead };
  const message = 'the files changed while they were read: try again';
  throw new ConfigurationError([document.locate({ path: ['policy', 'include'], message })]);
}

/** The files and folders that a file would read beside itself, absolute, although it cannot be taken; none: it is no YAML. */
export async function pathsNamedIn(file: string): Promise<readonly string[]> {
  const document = await readDocument(file).catch(() => null);
  return document === null ? [] : namedPaths(file, document);
}

function namedPaths(file: string, { values }: YamlDocument): readonly string[] {
  const tests = valueAt(values, ['policy', 'tests']);
  const named = [...includeOf(values), ...(typeof tests === 'string' ? [tests] : [])];
  return Object.freeze(named.map((path) => beside(resolve(file), path)));
}

/** A path that a file names, from where that file's own path leads. */
export const beside = (file: string, path: string) => (isAbsolute(path) ? path : join(dirname(file), path));

/** Empty when it is not what it should be: the schema says so. */
function includeOf(values: unknown): readonly string[] {
  const include = valueAt(values, ['policy', 'include']);
  return Array.isArray(include) && include.every((path) => typeof path === 'string') ? include : [];
}

async function sourcesOf(file: string, document: YamlDocument): Promise<Sources> {
  const include = includeOf(document.values);
  if (include.length === 0) return { ...document, entries: entriesOf(document), layers: [] };
  const problems = policySections.flatMap((section) => (isIn(document, section) ? [twoPlaces(document, section)] : []));
  const layers: Layer[] = [];
  for (const [index, name] of include.entries()) {
    const { files, fault } = await yamlFilesOf(beside(file, name));
    if (fault !== null) problems.push(document.locate({ path: ['policy', 'include', index], message: fault }));
    // One after the other: however many there are, one is open.
    const read: PolicyFile[] = [];
    for (const each of files) read.push(await readPolicyFile(each));
    problems.push(...read.flatMap((each) => each.problems));
    layers.push(layerOf(name, read, problems));
  }
  // What is missing because its file is wrong would be missed again.
  if (problems.length > 0) throw new ConfigurationError(problems);
  const entries = merged(layers);
  return { values: valuesOf(document, layers, entries), locate: locateIn(document, entries), entries, layers };
}

const isIn = ({ values }: YamlDocument, section: string) => valueAt(values, [section]) !== undefined;

const twoPlaces = ({ locate }: YamlDocument, section: string): Problem =>
  locate({ path: [section], at: 'key', message: 'with policy.include it stands in the included files: move it there' });

interface PolicyFile {
  /** Null: it cannot be used. */
  readonly document: YamlDocument | null;
  readonly problems: readonly Problem[];
}

async function readPolicyFile(file: string): Promise<PolicyFile> {
  try {
    const document = await readDocument(file);
    const problems = findingsIn(document).map(document.locate);
    return { document: problems.length === 0 ? document : null, problems };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { document: null, problems: error.problems };
  }
}

function findingsIn({ values }: YamlDocument): Finding[] {
  const parsed = policyFileSchema.safeParse(values, { error: expectation });
  const issues = parsed.error?.issues ?? [];
  const [atTop, others] = [issues.filter(isUnknownAtTop), issues.filter((issue) => !isUnknownAtTop(issue))];
  const unknown = atTop.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []));
  // Of a file that is a text alone nothing is quoted: a link may lead to a secret.
  const isText = typeof values !== 'object';
  const found = findingsOf(others, values).map((each) => (isText ? { ...each, found: undefined } : each));
  return [...unknown.map(unknownSection), ...found];
}

const isUnknownAtTop = ({ code, path }: { readonly code: string; readonly path: readonly PropertyKey[] }) =>
  code === 'unrecognized_keys' && path.length === 0;

const unknownSection = (key: string): Finding => ({
  ...{ path: [key], at: 'key', message: 'unknown key', nearest: nearest(key, policySections) ?? undefined },
  expected: `only ${policySections.join(', ')} in an included file`,
});

/** @param problems gets names that two files of the layer have */
function layerOf(name: string, files: readonly PolicyFile[], problems: Problem[]): Layer {
  const entries = new Map<string, Entry>();
  const documents = files.flatMap(({ document }) => (document === null ? [] : [document]));
  for (const [key, entry] of documents.flatMap((document) => [...entriesOf(document)])) {
    const first = entries.get(key);
    if (first === undefined) entries.set(key, entry);
    else problems.push(problemOf(entry, `${placeOf(first)} has this name too, in the same layer: keep one of them`));
  }
  const sections = policySections.filter((section) => documents.some((document) => isIn(document, section)));
  return { name, entries, sections: new Set(sections) };
}

function entriesOf({ values, locate }: YamlDocument): Map<string, Entry> {
  const entries = policySections.flatMap((section) => {
    const named = valueAt(values, [section]);
    const entries = Object.entries(isRecord(named) ? named : {});
    return entries.map(([name, value]): Entry => ({ path: [section, name], value, locate }));
  });
  return new Map(entries.map((entry) => [renderPath(entry.path), entry]));
}

const problemOf = ({ path, locate }: Entry, message: string, near: string | null = null): Problem =>
  locate({ path, at: 'key', message, nearest: near ?? undefined });

/** Such as `policy/base/rules.yaml:3:3`. */
export function placeOf({ path, locate }: Entry): string {
  const { file, line, column } = locate({ path, at: 'key', message: '' });
  return `${file}:${line}:${column}`;
}

/** @throws ConfigurationError for what takes out nothing */
function merged(layers: readonly Layer[]): Entries {
  const problems: Problem[] = [];
  const all = new Map<string, Entry>();
  for (const [key, entry] of layers.flatMap(({ entries }) => [...entries])) {
    if (entry.value !== null) all.set(key, entry);
    else if (!all.delete(key)) problems.push(takesNothingOut(entry, all));
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return all;
}

function takesNothingOut(entry: Entry, before: Entries): Problem {
  const [section, name] = entry.path;
  const names = [...before.values()].flatMap(({ path }) => (path[0] === section ? [path[1]] : []));
  return problemOf(entry, 'null takes out what an earlier layer has, and none has this', nearest(name, names));
}

function valuesOf({ values }: YamlDocument, layers: readonly Layer[], entries: Entries): unknown {
  const present = policySections.filter((section) => layers.some(({ sections }) => sections.has(section)));
  const sections = present.map((section) => {
    const own = [...entries.values()].filter(({ path }) => path[0] === section);
    return [section, Object.fromEntries(own.map(({ path, value }) => [path[1], value]))] as const;
  });
  return { ...(values as object), ...Object.fromEntries(sections) };
}

/** What is said of a section as a whole stands where its files are named. */
function locateIn(document: YamlDocument, entries: Entries): Sources['locate'] {
  return (finding) => {
    const [section, name] = finding.path;
    const entry = name === undefined ? undefined : entries.get(renderPath(finding.path.slice(0, 2)));
    if (entry !== undefined) return entry.locate(finding);
    if (!policySections.some((known) => known === section)) return document.locate(finding);
    const place = document.locate({ ...finding, path: ['policy', 'include'] });
    return Object.freeze({ ...place, path: renderPath(finding.path) });
  };
}
