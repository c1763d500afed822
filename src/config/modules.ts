/** The step before everything else is judged: packages that attestors' blocks name with `module` are loaded. */
import type { AttestorType } from '../../attestors/attestor.js';
import { createPlugins, PluginError } from '../plugins/load.js';
import { isRecord, valueAt } from './path.js';
import { type Finding, renderFound } from './problem.js';
import type { ModuleTypes } from './schema.js';

export interface LoadedModules {
  readonly types: ModuleTypes;
  readonly findings: readonly Finding[];
}

/**
 * A block whose module cannot be used is taken out of the values: nothing else of it can be judged.
 * @param directory of the file, absolute
 */
export async function loadModules(values: unknown, directory: string): Promise<LoadedModules> {
  const plugins = createPlugins(directory);
  const types = new Map<string, AttestorType>();
  const findings: Finding[] = [];
  const blocks = valueAt(values, ['attestors']);
  for (const name of Object.keys(isRecord(blocks) ? blocks : {})) {
    const module = valueAt(blocks, [name, 'module']);
    if (module === undefined) continue;
    const path = ['attestors', name, 'module'];
    try {
      if (typeof module !== 'string')
        throw new PluginError(`expected the name of a package, found ${renderFound(module)}`);
      if (valueAt(blocks, [name, 'type']) !== undefined) {
        throw new PluginError('a block has a type or a module, not both: remove type, which the module gives itself');
      }
      types.set(module, await plugins.load(module));
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      findings.push({ path, message: error.message });
      delete (blocks as Record<string, unknown>)[name];
    }
  }
  return { types, findings };
}
