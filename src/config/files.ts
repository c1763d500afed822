/** The files that a configuration names: those that have to be there when the service starts, and those that it writes. */
import { open, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readPlaces } from '../geo/places.js';
import { readFirstKey } from '../signing/local-key.js';
import { readMasterKey } from '../signing/master-key.js';
import { readHeaders } from '../telemetry/headers.js';
import type { Configuration } from './configuration.js';
import { isRecord, type Path } from './path.js';
import type { Finding } from './problem.js';
import { vaultTokenFile } from './sections/signing-remote.js';

/** A file, and where the configuration names it. */
interface NamedFile {
  readonly path: Path;
  readonly file: string;
  /** What is wrong with what it holds; null: nothing. Left out: that is not looked at. */
  readonly fault?: ((text: string) => string | null) | undefined;
}

/**
 * @param configuration is valid in itself
 * @param ofConditions files that conditions name, relative to the configuration's folder
 */
export async function checkFiles(configuration: Configuration, ofConditions: readonly NamedFile[]): Promise<Finding[]> {
  const { directory, issuer, attestors, listen, outbound, postureSources, signing, store } = configuration;
  const named = ofConditions.map(({ path, file }): NamedFile => ({ path, file: resolve(directory, file) }));
  named.push(...filesIn(store, ['store']));
  if (outbound.ca !== undefined) named.push({ path: ['outbound', 'ca', 'file'], file: outbound.ca.file });
  for (const key of ['cert', 'key', 'clientCa'] as const) {
    const file = listen.tls?.[key]?.file;
    if (file !== undefined) named.push({ path: ['listen', 'tls', key, 'file'], file });
  }
  if (signing.type === 'vault') named.push(vaultTokenFile(signing));
  for (const [name, { type, options }] of attestors) {
    for (const { path, file, fault } of type.plan(options, issuer).files) {
      named.push({ path: ['attestors', name, ...path], file: resolve(directory, file), fault });
    }
  }
  for (const [name, { headers }] of Object.entries(postureSources)) {
    for (const [header, { file }] of Object.entries(headers)) {
      named.push({ path: ['postureSources', name, 'headers', header, 'file'], file });
    }
  }
  const findings = await Promise.all(named.map(checkNamed));
  return [
    ...findings.flat(),
    ...(await checkGeo(configuration)),
    ...(await checkSigning(configuration)),
    ...(await checkTraceHeaders(configuration)),
    ...checkWritten(configuration),
  ];
}

/** Wherever a value is `{ file: PATH }`. */
function filesIn(value: unknown, path: Path): NamedFile[] {
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    key === 'file' ? [{ path: [...path, key], file: String(part) }] : filesIn(part, [...path, key]),
  );
}

async function checkGeo({ geo }: Configuration): Promise<Finding[]> {
  if (geo === undefined) return [];
  const read = async (file: string) => readPlaces(await readFile(file));
  return checkContent({ path: ['geo', 'database'], file: geo.database }, read);
}

async function checkSigning({ signing }: Configuration): Promise<Finding[]> {
  if (signing.type !== 'local') return [];
  const { algorithms, masterKey, firstKey } = signing;
  const checks: Promise<Finding[]>[] = [];
  const check = (
    path: Path,
    named: { readonly file: string } | undefined,
    read: (file: string) => Promise<unknown>,
  ) => {
    if (named !== undefined) checks.push(checkContent({ path: ['signing', ...path, 'file'], file: named.file }, read));
  };
  check(['masterKey'], masterKey, readMasterKey);
  check(['masterKey', 'previous'], masterKey?.previous, readMasterKey);
  check(['firstKey'], firstKey, (file) => readFirstKey(file, algorithms));
  return (await Promise.all(checks)).flat();
}

async function checkTraceHeaders({ directory, telemetry }: Configuration): Promise<Finding[]> {
  const { headers } = telemetry.traces ?? {};
  if (headers === undefined) return [];
  const file = resolve(directory, headers.file);
  return checkContent({ path: ['telemetry', 'traces', 'headers', 'file'], file }, readHeaders);
}

async function checkNamed({ path, file, fault }: NamedFile): Promise<Finding[]> {
  if (fault === undefined) return checkFile(path, file);
  return checkContent({ path, file }, async (readable) => {
    const wrong = fault(await readFile(readable, 'utf8'));
    if (wrong !== null) throw new Error(wrong);
  });
}

/** @param read throws when the file does not hold what it has to */
async function checkContent({ path, file }: NamedFile, read: (file: string) => Promise<unknown>): Promise<Finding[]> {
  const unopened = await checkFile(path, file);
  if (unopened.length > 0) return unopened;
  try {
    await read(file);
    return [];
  } catch (error) {
    return [{ path, message: `${file} cannot be used: ${(error as Error).message}` }];
  }
}

/** Two that write into one file destroy what the other wrote. */
function checkWritten({ audit, store }: Configuration): Finding[] {
  const writers = new Map<string, string>();
  if (store.type === 'embedded') {
    for (const name of ['data.mdb', 'lock.mdb']) writers.set(join(store.path, name), 'the store');
  }
  return audit.sinks.flatMap((sink, index): Finding[] => {
    if (sink.type !== 'file') return [];
    const writer = writers.get(sink.path);
    writers.set(sink.path, `audit.sinks[${index}]`);
    if (writer === undefined) return [];
    return [{ path: ['audit', 'sinks', index, 'path'], message: `${writer} writes this file: name another` }];
  });
}

async function checkFile(path: Path, file: string): Promise<Finding[]> {
  try {
    // First, because opening a pipe waits for its writer.
    const there = await stat(file);
    if (there.isDirectory()) return [{ path, message: `${file} cannot be read: ${remedies.EISDIR}` }];
    if (!there.isFile()) return [{ path, message: `${file} is no file: name a regular one` }];
    await (await open(file, 'r')).close();
    return [];
  } catch (cause) {
    return [{ path, message: `${file} cannot be read: ${unreadable(cause)}` }];
  }
}

const remedies: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file (ENOENT): check its path',
  ENOTDIR: 'a part of its path is no folder (ENOTDIR): check its path',
  EISDIR: 'it is a folder (EISDIR): name the file in it',
  EACCES: 'this user may not (EACCES): give it the right to read the file',
};

/** Why a file cannot be read, and what to do. */
export function unreadable(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  return remedies[code] ?? `${code}: check its path and rights`;
}
