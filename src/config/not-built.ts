/** Keys of the design whose enforcement is not built yet: refused, so that nobody relies on what is not there. */
import { isRecord, pathsOf, valueAt } from './path.js';
import type { Finding } from './problem.js';

/**
 * Keys by path, as `pathsOf` has them. After `=` stands the value that is meant; then, and with `block`, the key makes the block around it
 * another kind of block, of which nothing else is judged.
 */
export const notBuilt: readonly { readonly key: string; readonly block?: true }[] = [
  { key: 'listen.tls' },
  { key: 'admin' },
  { key: 'store.type=redis', block: true },
  { key: 'signing.type=aws-kms', block: true },
  { key: 'signing.type=vault', block: true },
  { key: 'attestors.*.pin' },
  { key: 'rules.*.delegator' },
  { key: 'rules.*.grant.binding' },
];

/** Finds the keys of the table and takes them, or their block, out of the values: what is left is judged by the schema. */
export function takeNotBuilt(values: unknown): Finding[] {
  const hits = notBuilt.flatMap(({ key, block }) => {
    const [pattern = '', value] = key.split('=');
    const found = pathsOf(values, pattern).filter((path) => value === undefined || valueAt(values, path) === value);
    return found.map((path) => ({ path, value, remove: block ? path.slice(0, -1) : path }));
  });
  for (const { remove } of hits) {
    const parent = valueAt(values, remove.slice(0, -1));
    if (isRecord(parent)) delete parent[String(remove.at(-1))];
  }
  return hits.map(({ path, value }) => ({
    path,
    at: value === undefined ? 'key' : 'value',
    message: value === undefined ? advice : `${value} ${advice}`,
  }));
}

const advice = 'is not built yet in this version: remove it';
