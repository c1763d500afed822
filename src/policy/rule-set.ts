/**
 * Rules by the selectors that they ask for. Of many rules about one resource most are about other workloads: these cost
 * a decision nothing, and none of them could have had an effect on it.
 */
import type { WorkloadFacts } from './facts.js';
import { kindOf } from './match.js';

/** What the index goes by. */
interface Asking {
  /** The selectors that a rule asks for and that are written out, without `*`. */
  readonly literals: readonly string[];
}

export interface RuleSet<Rule> {
  /** All of them, sorted by name. */
  readonly rules: readonly Rule[];
  /** Those that may apply to the workload, sorted by name: the others ask for a selector that it is known not to have. */
  candidates(workload: WorkloadFacts): readonly Rule[];
}

/** Of fewer rules all are candidates: a record that tells of each why it does not apply is what people debug denials with. */
export const leastIndexed = 64;

/** @param rules sorted by name */
export function createRuleSet<Rule extends Asking>(rules: readonly Rule[], least = leastIndexed): RuleSet<Rule> {
  if (rules.length < least) return everyRule(rules);
  const index = indexOf(rules);
  return Object.freeze({
    rules,
    candidates: (workload) => candidatesIn(index, rules, workload),
  } satisfies RuleSet<Rule>);
}

export const everyRule = <Rule>(rules: readonly Rule[]): RuleSet<Rule> =>
  Object.freeze({ rules, candidates: () => rules } satisfies RuleSet<Rule>);

/** Places in the list of rules, each rule's in one list of `always` and `bySelector`. */
interface Index {
  /** Of rules that ask for no selector which is written out. */
  readonly always: readonly number[];
  readonly bySelector: ReadonlyMap<string, readonly number[]>;
  /** Of rules by the kind of their selector in `bySelector`. */
  readonly byKind: ReadonlyMap<string, readonly number[]>;
}

function indexOf(rules: readonly Asking[]): Index {
  const shares = new Map<string, number>();
  for (const { literals } of rules) for (const each of literals) shares.set(each, (shares.get(each) ?? 0) + 1);
  const always: number[] = [];
  const bySelector = new Map<string, number[]>();
  const byKind = new Map<string, number[]>();
  for (const [place, { literals }] of rules.entries()) {
    const [first, ...others] = literals;
    if (first === undefined) {
      always.push(place);
      continue;
    }
    const rarest = others.reduce(
      (one, other) => ((shares.get(other) ?? 0) < (shares.get(one) ?? 0) ? other : one),
      first,
    );
    add(bySelector, rarest, place);
    add(byKind, kindOf(rarest) ?? rarest, place);
  }
  return { always, bySelector, byKind };
}

function add(lists: Map<string, number[]>, key: string, place: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [place]);
  else list.push(place);
}

/** Where it is not known whether the workload has selectors of a kind, it may have any: nothing of that kind is left out. */
function candidatesIn<Rule>({ always, bySelector, byKind }: Index, rules: readonly Rule[], workload: WorkloadFacts) {
  const places = new Set(always);
  for (const selector of workload.selectors) for (const place of bySelector.get(selector) ?? none) places.add(place);
  for (const kind of Object.keys(workload.unknown)) for (const place of byKind.get(kind) ?? none) places.add(place);
  return [...places].sort((one, other) => one - other).flatMap((place) => rules[place] ?? []);
}

const none: readonly number[] = Object.freeze([]);
