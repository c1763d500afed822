/** Reads the configuration file, and gives a service all of it or nothing. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { versionOf } from '../file-version.js';
import { type CompiledClient, compileClients } from '../policy/clients.js';
import { compilePolicy, type Policy, PolicyError } from '../policy/compile.js';
import { suppliedBy } from '../posture-sources/schema.js';
import { checkAcross, defaultTrustDomain } from './across.js';
import type { Configuration } from './configuration.js';
import { readYaml, type YamlDocument } from './document.js';
import { checkFiles, unreadable } from './files.js';
import { findingsOf } from './findings.js';
import { literalHosts } from './hosts.js';
import { type LoadedModules, loadModules } from './modules.js';
import { takeNotBuilt } from './not-built.js';
import { pathsOf, valueAt } from './path.js';
import { ConfigurationError, type Finding, type Problem, renderFound } from './problem.js';
import { configurationSchema, expectation, type ModuleTypes, type Sections, sectionsWith } from './schema.js';
import { supplyOf } from './supply.js';

export { ConfigurationError, renderProblems } from './problem.js';

/** @throws ConfigurationError with every problem of the file */
export async function loadConfiguration(file: string): Promise<Configuration> {
  // Before it is read: what is written meanwhile is another version.
  const fileVersion = await versionOf(file);
  const document = readYaml(file, await read(file));
  const loaded = await loadModules(document.values, dirname(resolve(file)));
  const { configuration, files, locate } = parse(file, document, loaded);
  const findings = await checkFiles(configuration, files);
  if (findings.length > 0) throw new ConfigurationError(findings.map(locate));
  return Object.freeze({ ...configuration, fileVersion });
}

/**
 * @param file is not read: it gives messages a name, and relative paths a folder
 * @throws ConfigurationError with every problem of the text; modules are not loaded, so a block that names one is a problem
 */
export function parseConfiguration(file: string, source: string): Configuration {
  return parse(file, readYaml(file, source), { types: new Map(), findings: [] }).configuration;
}

function parse(file: string, document: YamlDocument, { types, findings: ofModules }: LoadedModules) {
  const { values } = document;
  const findings = [...ofModules, ...takeNotBuilt(values)];
  const parsed = configurationSchema(types).safeParse(values, { error: expectation });
  if (!parsed.success) findings.push(...findingsOf(parsed.error.issues, values));
  const valid = validSections(values, types);
  findings.push(...checkAcross(valid, values));
  const compiled = compile(valid, { values, types }, findings);
  if (findings.length > 0 || !parsed.success || compiled === undefined) {
    throw new ConfigurationError(findings.map(document.locate));
  }
  const { attestors, postureSources } = values as { attestors: unknown; postureSources?: unknown };
  const called = decisionPoints.flatMap((pattern) => pathsOf(values, `${pattern}.authzen`));
  const hosts = literalHosts([attestors, postureSources, ...called.map((path) => valueAt(values, path))]);
  const configuration = configurationOf(resolve(file), parsed.data, compiled, hosts);
  const tokens = decisionPoints.flatMap((pattern) => pathsOf(values, `${pattern}.token.file`));
  const files = tokens.map((path) => ({ path, file: String(valueAt(values, path)) }));
  return { configuration, files, locate: document.locate };
}

/** Where conditions are that ask somebody else. */
const decisionPoints = ['conditions.*.external', 'rules.*.conditions[].external'];

async function read(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    const why = cause instanceof TypeError ? 'it is not UTF-8: save it as UTF-8' : unreadable(cause);
    throw new ConfigurationError([wholeFile(file, `cannot be read: ${why}`)]);
  }
}

function wholeFile(file: string, message: string): Problem {
  return Object.freeze({ file, line: 1, column: 1, path: '', message, expected: null, found: null, nearest: null });
}

/** What can be judged although other parts of the file are wrong. */
function validSections(values: unknown, types: ModuleTypes): Partial<Sections> {
  const present = typeof values === 'object' && values !== null ? values : {};
  const valid = Object.entries(sectionsWith(types)).flatMap(([key, schema]) => {
    const result = schema.safeParse((present as Record<string, unknown>)[key]);
    return result.success ? [[key, result.data]] : [];
  });
  return Object.fromEntries(valid) as Partial<Sections>;
}

interface Compiled {
  readonly policy: Policy;
  readonly clients: readonly CompiledClient[];
}

/** @param findings gets what policy and clients say that cannot be meant */
function compile(
  valid: Partial<Sections>,
  { values, types }: { readonly values: unknown; readonly types: ModuleTypes },
  findings: Finding[],
): Compiled | undefined {
  const { environment, resources, conditions, rules, clients, postureSources } = valid;
  const attestors = supplyOf(values, types, findings);
  if (attestors === undefined || environment === undefined || resources === undefined) return undefined;
  if (postureSources === undefined) return undefined;
  // A section that is wrong is there all the same.
  const geo = valueAt(values, ['geo']) !== undefined;
  const known = { resources, attestors, environment, sources: suppliedBy(postureSources), geo };
  // A condition that is not built was taken out of the values, and rules may name it.
  const named = findings.some(({ path }) => path[0] === 'conditions') ? undefined : conditions;
  const policy = rules && named && compilePart(() => compilePolicy({ ...known, conditions: named, rules }), findings);
  const compiledClients = clients && compilePart(() => compileClients({ ...known, clients }), findings);
  return policy && compiledClients && { policy, clients: compiledClients };
}

function compilePart<Part>(compile: () => Part, findings: Finding[]): Part | undefined {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    for (const problem of error.problems) {
      findings.push({ ...problem, found: problem.found === undefined ? undefined : renderFound(problem.found) });
    }
    return undefined;
  }
}

function configurationOf(
  file: string,
  { attestors, clients: _, conditions: __, resources: ___, rules: ____, trustDomain, ...parsed }: Sections,
  { policy, clients }: Compiled,
  hosts: ReadonlySet<string>,
): Configuration {
  const directory = dirname(file);
  const absolute = <Value extends { path: string }>(value: Value): Value => ({
    ...value,
    path: resolve(directory, value.path),
  });
  const { audit, outbound, postureSources, store } = parsed;
  const values = {
    ...parsed,
    store: store.type === 'embedded' ? absolute(store) : store,
    audit: { ...audit, sinks: audit.sinks.map((sink) => (sink.type === 'file' ? absolute(sink) : sink)) },
    outbound: { ...outbound, ...(outbound.ca && { ca: { file: resolve(directory, outbound.ca.file) } }) },
    ...(parsed.geo && { geo: { database: resolve(directory, parsed.geo.database) } }),
    postureSources: withAbsoluteHeaders(postureSources, directory),
    trustDomain: trustDomain ?? defaultTrustDomain(parsed.issuer),
  };
  return Object.freeze({
    file,
    fileVersion: '',
    directory,
    ...freezeAll(values),
    attestors: new Map(
      Object.entries(attestors).map(([name, { type, options }]) => [
        name,
        Object.freeze({ type, options: freezeAll(options) }),
      ]),
    ),
    policy,
    clients,
    literalHosts: hosts,
  });
}

function withAbsoluteHeaders(sources: Sections['postureSources'], directory: string): Sections['postureSources'] {
  const absolute = (headers: Sections['postureSources'][string]['headers']) =>
    Object.fromEntries(Object.entries(headers).map(([name, { file }]) => [name, { file: resolve(directory, file) }]));
  return Object.fromEntries(
    Object.entries(sources).map(([name, source]) => [name, { ...source, headers: absolute(source.headers) }]),
  );
}

/** Plain data all the way down. */
function freezeAll<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) freezeAll(part);
  return value;
}
