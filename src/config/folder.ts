/** Folders of YAML files. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../file-version.js';
import { unreadable } from './files.js';

export interface Listing {
  readonly files: readonly string[];
  /** Why the path cannot be used, and what to do; null: it can. */
  readonly fault: string | null;
}

/** A file itself; of a folder its `*.yaml` and `*.yml`, by name. */
export async function yamlFilesOf(path: string): Promise<Listing> {
  try {
    const there = await stat(path);
    if (there.isFile()) return { files: [path], fault: null };
    if (!there.isDirectory()) return { files: [], fault: 'it is neither a file nor a folder: name one' };
    return await filesIn(path);
  } catch (cause) {
    return { files: [], fault: `it cannot be read: ${unreadable(cause)}` };
  }
}

async function filesIn(folder: string): Promise<Listing> {
  const files: string[] = [];
  for (const name of await namesIn(folder)) {
    const there = await stat(join(folder, name));
    // Passed over, what stands in it would be missed in silence.
    if (there.isDirectory()) return { files: [], fault: `it has the folder ${name} in it: name that one by itself` };
    if (!/\.ya?ml$/.test(name)) {
      if (!/ya?ml|json/i.test(name)) continue;
      return { files: [], fault: `${name} in it would be passed over: let it end in .yaml or .yml, or take it away` };
    }
    if (!there.isFile()) return { files: [], fault: `${name} in it is no file: take it away` };
    files.push(join(folder, name));
  }
  return files.length === 0 ? { files, fault: 'it has no file *.yaml or *.yml in it' } : { files, fault: null };
}
