/** Conditions of a rule that no workload of its attestor can ever meet. Those of `unknown: permit` are left out: what is not known meets them. */
import type { Configuration } from '../config/configuration.js';
import type { Finding } from '../config/problem.js';
import { leastAssurance } from '../policy/assurance.js';
import type { Comparison } from '../policy/conditions/comparison.js';
import type { Conditions } from '../policy/conditions/schema.js';
import { compareVersions, type Version } from '../policy/conditions/version.js';
import type { Rules } from '../policy/schema.js';

type Rule = Rules[string];
type Asked = Conditions[string];

interface Given {
  readonly configuration: Configuration;
  readonly conditions: Conditions;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** Paths are within the rule. */
export function vainConditions(given: Given, rule: Rule): Finding[] {
  const asked = (rule.conditions ?? []).flatMap((each, index) => {
    const condition = typeof each === 'string' ? given.conditions[each] : each;
    return condition === undefined || condition.unknown === 'permit' ? [] : [{ condition, index }];
  });
  return [
    ...asked.flatMap(({ condition, index }) =>
      [...unreached(given, rule, condition), ...contradicted(rule, condition), ...passed(given, rule, condition)].map(
        (told) => ({ ...told, path: ['conditions', index] }),
      ),
    ),
    ...nowhere(
      rule,
      asked.map(({ condition }) => condition),
    ),
  ];
}

const effectOf = ({ deny }: Rule): string => (deny ? 'the denial' : 'the grant');

type Told = Omit<Finding, 'path'>;

/** What is never unknown: a denial that asks for it denies nobody. */
function unreached({ configuration }: Given, rule: Rule, { attestation }: Asked): Told[] {
  const least = attestation?.assurance;
  if (least === undefined) return [];
  // No chain is stronger than its weakest link.
  const links = [rule.workload.attestor, ...(rule.delegator === undefined ? [] : [rule.delegator.attestor])];
  return links.flatMap((attestor) => {
    const configured = configuration.attestors.get(attestor);
    const highest = configured?.type.highestAssurance?.(configured.options);
    if (highest === undefined || leastAssurance(least, highest) === least) return [];
    const message = `with its options the attestor ${attestor} gives an assurance of at most ${highest}, so ${effectOf(rule)} never applies`;
    return [{ message }];
  });
}

/** Comparisons of one fact of which no value meets all. */
function contradicted(rule: Rule, { posture }: Asked): Told[] {
  const { kubelet, kernel, runtime, nodeBooted, podStarted, restarts } = posture ?? {};
  const comparisons = [
    told('kubelet', kubelet, orderOfVersions),
    told('kernel', kernel, orderOfVersions),
    told('runtime', runtime?.version, orderOfVersions),
    told('nodeBooted', nodeBooted, orderOfNumbers),
    told('podStarted', podStarted, orderOfNumbers),
    told('restarts', restarts && ofWholeNumbers(restarts), orderOfNumbers),
  ];
  return comparisons.flatMap((text) => (text === null ? [] : [{ message: `${text}, so ${ifNotKnown(rule)}` }]));
}

/** A denial applies where something is not known too. */
const ifNotKnown = (rule: Rule): string =>
  rule.deny ? 'the denial applies only where it is not known' : 'the grant never applies';

/** Null: there may be values. */
function told<Bound>(key: string, asked: Comparison<Bound> | undefined, order: Order<Bound>): string | null {
  if (asked === undefined || !isEmpty(asked, order)) return null;
  return `nothing is ${asked.text}, as posture.${key} asks`;
}

/** Below 0 too where two bounds have none. */
type Order<Bound> = (one: Bound, other: Bound) => number;

function isEmpty<Bound>({ comparators }: Comparison<Bound>, order: Order<Bound>): boolean {
  const lower = comparators.filter(({ operator }) => !operator.startsWith('<'));
  const upper = comparators.filter(({ operator }) => !operator.startsWith('>'));
  return lower.some((from) =>
    upper.some((to) => {
      const difference = order(from.bound, to.bound);
      return difference > 0 || (difference === 0 && (from.operator === '>' || to.operator === '<'));
    }),
  );
}

const orderOfNumbers: Order<number> = (one, other) => one - other;

/** A release is the same as each of its builds, so that of two bounds of one release nothing is certain where one has a build. */
function orderOfVersions(one: Version, other: Version): number {
  const order = compareVersions({ ...one, build: [] }, { ...other, build: [] }) ?? -1;
  return order === 0 && one.build.length + other.build.length > 0 ? -1 : order;
}

/** From 0 up, and with nothing between two that follow each other. */
function ofWholeNumbers({ text, comparators }: Comparison<number>): Comparison<number> {
  const whole = comparators.map(({ operator, bound }) => {
    if (operator === '>') return { operator: '>=', bound: bound + 1 } as const;
    return operator === '<' ? ({ operator: '<=', bound: bound - 1 } as const) : { operator, bound };
  });
  return { text, comparators: [{ operator: '>=', bound: 0 }, ...whole] };
}

/** A note: a grant for an emergency stays where it was written when it is over. */
function passed({ now }: Given, rule: Rule, { time }: Asked): Told[] {
  if (time?.notAfter === undefined || time.notAfter > now) return [];
  return [{ level: 'note', message: `notAfter has passed: ${effectOf(rule)} never applies again` }];
}

/** Countries and subdivisions, of all conditions of the rule, of which no place is in all. */
function nowhere(rule: Rule, asked: readonly Asked[]): Finding[] {
  const lists = (key: 'countries' | 'subdivisions') =>
    asked.flatMap(({ network }) => (network?.[key] === undefined ? [] : [network[key]]));
  const countries = lists('countries');
  const subdivisions = lists('subdivisions');
  const isIn = (place: string) =>
    subdivisions.every((list) => list.includes(place)) &&
    countries.every((list) => list.includes(place.slice(0, 'DE'.length)));
  const [places] = subdivisions.length > 0 ? subdivisions : countries;
  if (places === undefined || places.some(isIn)) return [];
  const all = [...countries, ...subdivisions].map((list) => `[${list.join(', ')}]`).join(' and ');
  return [{ path: ['conditions'], message: `no place is in all of ${all}, so ${ifNotKnown(rule)}` }];
}
