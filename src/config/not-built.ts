/** Keys of the design whose enforcement is not built yet: refused, so that nobody relies on what is not there. */
import { type Path, valueAt } from './path.js';
import type { Finding } from './problem.js';

const conditionKinds = ['behaviour', 'external'];

/**
 * Keys by path, `*` for any name and `[]` for each entry of a list. After `=` stands the value that is meant; then, and with `block`, the key makes the block around it
 * another kind of block, of which nothing else is judged; of an entry of a list, the list.
 */
export const notBuilt: readonly { readonly key: string; readonly block?: true }[] = [
  { key: 'listen.tls' },
  { key: 'admin' },
  { key: 'store.type=redis', block: true },
  { key: 'signing.rotateEvery' },
  { key: 'signing.masterKey' },
  { key: 'signing.type', block: true },
  { key: 'conditions.*.network.countries' },
  ...conditionKinds.map((kind) => ({ key: `conditions.*.${kind}`, block: true as const })),
  { key: 'attestors.*.pin' },
  { key: 'rules.*.conditions[].network.countries' },
  ...conditionKinds.map((kind) => ({ key: `rules.*.conditions[].${kind}`, block: true as const })),
  { key: 'rules.*.delegator' },
  { key: 'rules.*.grant.binding' },
];

/** Finds the keys of the table and takes them, or their block, out of the values: what is left is judged by the schema. */
export function takeNotBuilt(values: unknown): Finding[] {
  const hits = notBuilt.flatMap(({ key, block }) => {
    const [pattern = '', value] = key.split('=');
    const found = expand(values, pattern.replaceAll('[]', '.[]').split('.'), []).filter(
      (path) => value === undefined || valueAt(values, path) === value,
    );
    return found.map((path) => ({ path, value, remove: block ? blockAround(path) : path }));
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

/** Entries of a list cannot go: those behind them would be taken for others. */
function blockAround(path: Path): Path {
  const around = path.slice(0, -1);
  return typeof around.at(-1) === 'number' ? around.slice(0, -1) : around;
}

function expand(values: unknown, pattern: readonly string[], path: Path): Path[] {
  const [segment, ...rest] = pattern;
  if (segment === undefined) return [path];
  if (segment === '[]') {
    const items: readonly unknown[] = Array.isArray(values) ? values : [];
    return items.flatMap((item, index) => expand(item, rest, [...path, index]));
  }
  if (!isRecord(values)) return [];
  const keys = segment === '*' ? Object.keys(values) : Object.hasOwn(values, segment) ? [segment] : [];
  return keys.flatMap((key) => expand(values[key], rest, [...path, key]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
