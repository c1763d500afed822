/** Places in a configuration. */

/** Keys and list indexes from the root of the file. */
export type Path = readonly (string | number)[];

/** `resources["https://calendar.example/mcp"].scope[0]`: keys that are more than a word are quoted as in JSON. */
export function renderPath(path: Path): string {
  return path
    .map((segment, index) => {
      if (typeof segment === 'number') return `[${segment}]`;
      if (!/^[A-Za-z0-9_-]+$/.test(segment)) return `[${JSON.stringify(segment)}]`;
      return index === 0 ? segment : `.${segment}`;
    })
    .join('');
}

/** The value at a path of plain data; undefined when there is none. */
export function valueAt(values: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, segment) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, segment)
        ? (value as Record<string | number, unknown>)[segment]
        : undefined,
    values,
  );
}

/** The places that a pattern is of, such as `rules.*.conditions[].cel`: `*` for any name, `[]` for each entry of a list. */
export const pathsOf = (values: unknown, pattern: string): Path[] =>
  expand(values, pattern.replaceAll('[]', '.[]').split('.'), []);

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

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
