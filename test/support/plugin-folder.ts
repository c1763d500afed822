/** A folder with node_modules, as an operator has it: Counterseal (these very sources) and the example package are installed in it. */
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './command-line.js';

const exampleName = 'counterseal-machine-key';

/** @param folder is made if it is not there. @returns the folder of the installed example */
export async function installExample(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules');
  const counterseal = join(modules, 'counterseal');
  await mkdir(counterseal, { recursive: true });
  for (const room of ['src', 'attestors']) await link(join(root, room), join(counterseal, room));
  await link(join(root, 'node_modules/zod'), join(modules, 'zod'));
  const exports = {
    './attestor': './attestors/attestor.ts',
    './attestor/conformance': './src/conformance/index.ts',
  };
  await writeFile(join(counterseal, 'package.json'), JSON.stringify({ name: 'counterseal', type: 'module', exports }));
  const example = join(modules, exampleName);
  await rm(example, { recursive: true, force: true });
  await cp(join(root, 'examples/attestor-plugin'), example, { recursive: true });
  return example;
}

async function link(target: string, path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await symlink(target, path);
}
