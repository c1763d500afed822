/** Loads the package that a block of the configuration names with `module`. It runs in this process, with all its rights. */
import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AttestorType } from '../../attestors/attestor.js';
import { adoptType } from './adopt.js';
import { messageOf } from './message.js';
import { faultsOfType } from './shape.js';

/** Milliseconds that a module may take to be imported. */
const importTime = 10_000;

/** What is wrong with a module, and what to do. */
export class PluginError extends Error {
  override readonly name = 'PluginError';
}

/** The export in which a package has its attestor type. */
const exportName = 'attestorType';

/** Of one load of a configuration: a module that several blocks name is loaded once. */
export interface Plugins {
  /** @throws PluginError */
  load(specifier: string): Promise<AttestorType>;
}

/** @param directory absolute: relative paths are relative to it, and packages are looked for from it upwards, then beside us */
export function createPlugins(directory: string): Plugins {
  const adopted = new Map<unknown, AttestorType>();
  return Object.freeze<Plugins>({
    async load(specifier) {
      const exported = exportOf(await importFile(resolveModule(specifier, directory)));
      const known = adopted.get(exported);
      if (known !== undefined) return known;
      const type = checked(exported);
      const names = [...adopted.values()].map((other) => other.type);
      if (names.includes(type.type)) {
        throw new PluginError(`its type ${type.type} is also that of another module: load only one of them`);
      }
      adopted.set(exported, type);
      return type;
    },
  });
}

/** A path that is relative to the directory, or the name of a package, with a subpath of its `exports` if wanted. */
function resolveModule(specifier: string, directory: string): string {
  if (isAbsolute(specifier) || !/^(\.{1,2}\/|@?[A-Za-z0-9])[^\u0000-\u001f\\:]*$/.test(specifier)) {
    throw new PluginError('expected the name of a package, or a path that begins with ./ or ../; no URL');
  }
  // A file in a folder is only a name to resolve from: neither has to be there.
  const here = createRequire(join(directory, 'counterseal.yaml'));
  const places = specifier.startsWith('.') ? [here] : [here, createRequire(import.meta.url)];
  for (const place of places) {
    try {
      const file = place.resolve(specifier);
      if (isAbsolute(file)) return file;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw unresolved(cause);
    }
  }
  throw new PluginError(
    specifier.startsWith('.')
      ? `there is no such module: name its file, relative to ${directory}`
      : `there is no such package: install it in ${directory}, or where Counterseal is installed`,
  );
}

function unresolved(cause: unknown): PluginError {
  return (cause as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED'
    ? new PluginError('the package does not export this: its exports need it, with the condition default')
    : new PluginError(`it cannot be resolved: ${messageOf(cause)}`);
}

async function importFile(file: string): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it is not there after ${importTime} ms`)), importTime);
  });
  try {
    return await Promise.race([import(pathToFileURL(file).href), late]);
  } catch (cause) {
    throw new PluginError(`${file} fails when it is imported: ${messageOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function exportOf(module: unknown): unknown {
  const exported = (module as Readonly<Record<string, unknown>>)[exportName];
  if (exported !== undefined) return exported;
  throw new PluginError(`it has no export ${exportName}: a package of an attestor exports its type under this name`);
}

function checked(exported: unknown): AttestorType {
  let faults: readonly string[];
  try {
    faults = faultsOfType(exported);
  } catch (cause) {
    faults = [messageOf(cause)];
  }
  if (faults.length === 0) return adoptType(exported as AttestorType);
  throw new PluginError(`its ${exportName} is not usable: ${faults.join('; ')}`);
}
