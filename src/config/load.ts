/** Reads the configuration file, and gives a service all of it or nothing. */
import { dirname, resolve } from 'node:path';
import { type CompiledClient, compileClients } from '../policy/clients.js';
import { compilePolicy, type Policy, PolicyError } from '../policy/compile.js';
import { suppliedBy } from '../posture-sources/schema.js';
import { checkAcross, defaultTrustDomain } from './across.js';
import type { Configuration } from './configuration.js';
import { readYaml } from './document.js';
import { checkFiles } from './files.js';
import { findingsOf } from './findings.js';
import { yamlFilesOf } from './folder.js';
import { literalHosts } from './hosts.js';
import { type LoadedModules, loadModules } from './modules.js';
import { isRecord, pathsOf, valueAt } from './path.js';
import { ConfigurationError, type Finding, renderFound } from './problem.js';
import { configurationSchema, expectation, type ModuleTypes, type Sections, sectionsWith } from './schema.js';
import { announceOf } from './sections/drain.js';
import { beside, readSettledSources, type Sources } from './sources.js';
import { supplyOf } from './supply.js';

export { ConfigurationError, renderProblems } from './problem.js';

/** @throws ConfigurationError with every problem of the file, and of those that it includes */
export async function loadConfiguration(file: string): Promise<Configuration> {
  const sources = await readSettledSources(file);
  const loaded = await loadModules(sources.values, dirname(resolve(file)));
  const { configuration, files } = parse(file, sources, loaded);
  const { caseFiles, findings } = await listCases(file, sources.values);
  findings.push(...(await checkFiles(configuration, files)));
  if (findings.length > 0) throw new ConfigurationError(findings.map(sources.locate));
  return Object.freeze({ ...configuration, caseFiles, fileVersion: sources.version, alsoRead: sources.alsoRead });
}

/**
 * @param file is not read: it gives messages a name, and relative paths a folder
 * @throws ConfigurationError with every problem of the text; nothing else is read, so that included files, and a block that names a
 * module, are problems
 */
export function parseConfiguration(file: string, source: string): Configuration {
  const document = readYaml(file, source);
  const include = ['policy', 'include'];
  const message = 'files cannot be included where only a text is read';
  const findings = valueAt(document.values, include) === undefined ? [] : [{ path: include, message }];
  return parse(file, document, { types: new Map(), findings }).configuration;
}

type Located = Pick<Sources, 'values' | 'locate'>;

function parse(file: string, { values, locate }: Located, { types, findings: earlier }: LoadedModules) {
  const findings = [...earlier];
  const parsed = configurationSchema(types).safeParse(values, { error: expectation });
  if (!parsed.success) findings.push(...findingsOf(parsed.error.issues, values));
  const valid = validSections(values, types);
  findings.push(...checkAcross(valid, values));
  const compiled = compile(valid, { values, types }, findings);
  if (findings.length > 0 || !parsed.success || compiled === undefined) {
    throw new ConfigurationError(findings.map(locate));
  }
  const { attestors, postureSources, signing } = values as Readonly<Record<string, unknown>>;
  const called = decisionPoints.flatMap((pattern) => pathsOf(values, `${pattern}.authzen`));
  const hosts = literalHosts([attestors, postureSources, signing, ...called.map((path) => valueAt(values, path))]);
  const configuration = configurationOf(resolve(file), parsed.data, compiled, hosts);
  const tokens = decisionPoints.flatMap((pattern) => pathsOf(values, `${pattern}.token.file`));
  const files = tokens.map((path) => ({ path, file: String(valueAt(values, path)) }));
  return { configuration, files };
}

/** Where conditions are that ask somebody else. */
const decisionPoints = ['conditions.*.external', 'rules.*.conditions[].external'];

async function listCases(file: string, values: unknown) {
  const findings: Finding[] = [];
  const path = ['policy', 'tests'];
  const tests = valueAt(values, path);
  if (typeof tests !== 'string') return { caseFiles: Object.freeze([]), findings };
  const { files, fault } = await yamlFilesOf(beside(file, tests));
  if (fault !== null) findings.push({ path, message: fault });
  return { caseFiles: Object.freeze(files), findings };
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
  const attestors = supplyOf(values, types);
  if (attestors === undefined || environment === undefined || resources === undefined) return undefined;
  if (postureSources === undefined) return undefined;
  // A section that is wrong is there all the same.
  const geo = valueAt(values, ['geo']) !== undefined;
  const known = { resources, attestors, environment, sources: suppliedBy(postureSources), geo };
  const policy = rules && conditions && compilePart(() => compilePolicy({ ...known, conditions, rules }), findings);
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
  {
    attestors,
    clients: _,
    conditions: __,
    policy: ___,
    resources: ____,
    rules: _____,
    trustDomain,
    ...parsed
  }: Sections,
  { policy, clients }: Compiled,
  hosts: ReadonlySet<string>,
): Configuration {
  const directory = dirname(file);
  const absolute = <Value extends { path: string }>(value: Value): Value => ({
    ...value,
    path: resolve(directory, value.path),
  });
  const { audit, drain, listen, outbound, postureSources, signing, store } = parsed;
  const values = {
    ...parsed,
    listen: withAbsoluteFiles(listen, directory),
    drain: { ...drain, announce: announceOf(drain, listen) },
    store: store.type === 'embedded' ? absolute(store) : withAbsoluteFiles(store, directory),
    audit: { ...audit, sinks: audit.sinks.map((sink) => (sink.type === 'file' ? absolute(sink) : sink)) },
    signing: withAbsoluteFiles(signing, directory),
    outbound: withAbsoluteFiles(outbound, directory),
    ...(parsed.geo && { geo: { database: resolve(directory, parsed.geo.database) } }),
    postureSources: withAbsoluteHeaders(postureSources, directory),
    trustDomain: trustDomain ?? defaultTrustDomain(parsed.issuer),
  };
  return Object.freeze({
    file,
    fileVersion: '',
    alsoRead: Object.freeze([]),
    directory,
    ...freezeAll(values),
    attestors: new Map(
      Object.entries(attestors).map(([name, { type, options, pin }]) => [
        name,
        Object.freeze({ type, options: freezeAll(options), pin }),
      ]),
    ),
    policy,
    caseFiles: Object.freeze([]),
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

const fileKeys = new Set(['file', 'tokenFile']);

/** Wherever a value is `{ file: PATH }`, or `{ tokenFile: PATH }`. */
function withAbsoluteFiles<Value>(value: Value, directory: string): Value {
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, part]) => [
    key,
    fileKeys.has(key) ? resolve(directory, String(part)) : withAbsoluteFiles(part, directory),
  ]);
  return Object.fromEntries(entries) as Value;
}

/** Plain data all the way down. */
function freezeAll<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) freezeAll(part);
  return value;
}
