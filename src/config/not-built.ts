/** Keys of the design whose enforcement is not built yet: refused, so that nobody relies on what is not there. */
import { isRecord, pathsOf, valueAt } from './path.js';
import type { Finding } from './problem.js';

/** By path, as `pathsOf` has them. */
export const notBuilt: readonly string[] = ['attestors.*.pin', 'rules.*.grant.binding'];

/** Finds the keys of the table and takes them out of the values: what is left is judged by the schema. */
export function takeNotBuilt(values: unknown): Finding[] {
  const paths = notBuilt.flatMap((key) => pathsOf(values, key));
  for (const path of paths) {
    const parent = valueAt(values, path.slice(0, -1));
    if (isRecord(parent)) delete parent[String(path.at(-1))];
  }
  return paths.map((path) => ({ path, at: 'key', message: 'is not built yet in this version: remove it' }));
}
