/** Comparisons as conditions write them: `>=1.33.4`, or several of which all must hold, `>=1.33.4, <1.37`. */

const accepts = {
  '>=': (order: number) => order >= 0,
  '<=': (order: number) => order <= 0,
  '>': (order: number) => order > 0,
  '<': (order: number) => order < 0,
  '=': (order: number) => order === 0,
} as const;

export interface Comparison<Bound> {
  /** As it was written. */
  readonly text: string;
  readonly comparators: readonly { readonly operator: keyof typeof accepts; readonly bound: Bound }[];
}

/** Null when a part of it is no comparator, or has a bound that `parseBound` gives null for. */
export function parseComparison<Bound>(
  text: string,
  parseBound: (text: string) => Bound | null,
): Comparison<Bound> | null {
  const comparators: Comparison<Bound>['comparators'][number][] = [];
  for (const part of text.split(',')) {
    const [, operator, written = ''] = /^(>=|<=|>|<|=) ?(\S+)$/.exec(part.trim()) ?? [];
    const bound = operator === undefined ? null : parseBound(written);
    if (bound === null) return null;
    comparators.push({ operator: operator as keyof typeof accepts, bound });
  }
  return { text, comparators };
}

/** @param compare the order of the value against a bound; null: they have none. Null: not known whether all hold. */
export function meets<Bound>({ comparators }: Comparison<Bound>, compare: (bound: Bound) => number | null) {
  let known = true;
  for (const { operator, bound } of comparators) {
    const order = compare(bound);
    if (order === null) known = false;
    else if (!accepts[operator](order)) return false;
  }
  return known ? true : null;
}
