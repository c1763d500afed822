import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Of what a link leads to: a ConfigMap is exchanged by its link. Differs when a file, or anything in a folder, may have changed. */
export async function versionOf(path: string): Promise<string> {
  return orCode(async () => {
    const there = await stat(path);
    if (!there.isDirectory()) return told(there);
    const names = await namesIn(path);
    const versions = await Promise.all(names.map((name) => orCode(async () => told(await stat(join(path, name))))));
    return JSON.stringify(names.map((name, index) => [name, versions[index]]));
  });
}

/** @param own of the configuration file @param paths that it names */
export async function versionOfAll(own: string, paths: readonly string[]): Promise<string> {
  return [own, ...(await Promise.all(paths.map(versionOf)))].join('\n');
}

/** With the time of its state, which nobody can set: the other can be set back. */
const told = ({ dev, ino, size, mtimeMs, ctimeMs }: Stats) => [dev, ino, size, mtimeMs, ctimeMs].join();

/** A fault is a version too, since it may be another one the next time. */
async function orCode(version: () => Promise<string>): Promise<string> {
  try {
    return await version();
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** What stands in a folder, by name; hidden entries left out, in which a mounted ConfigMap keeps what its links lead to. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder);
  return names.filter((name) => !name.startsWith('.')).sort();
}
