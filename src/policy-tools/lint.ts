/** `counterseal policy lint`: what a valid policy says in vain. Only what is certain is told. */
import { isDeepStrictEqual } from 'node:util';
import { compileGlob } from '../../attestors/glob.js';
import type { Configuration } from '../config/configuration.js';
import { valueAt } from '../config/path.js';
import { type Finding, type Problem, sortProblems } from '../config/problem.js';
import { readSources } from '../config/sources.js';
import { checksOf } from '../policy/conditions/index.js';
import { isSourceFact } from '../policy/conditions/posture-sources.js';
import { type Conditions, conditionsSchema } from '../policy/conditions/schema.js';
import { kindOf } from '../policy/match.js';
import { type Resources, type Rules, resourcesSchema, rulesSchema } from '../policy/schema.js';
import { suppliedBy } from '../posture-sources/schema.js';
import { vainConditions } from './lint-conditions.js';

type Rule = Rules[string];

interface Linted {
  readonly configuration: Configuration;
  readonly resources: Resources;
  readonly conditions: Conditions;
  readonly rules: readonly (readonly [name: string, rule: Rule])[];
  /** Seconds since the epoch. */
  readonly now: number;
}

/** By file and in the order of its text, with notes among them; empty: nothing was found. @param configuration as it was loaded from its file @param now seconds since the epoch */
export async function lintPolicy(
  configuration: Configuration,
  file: string,
  now = Date.now() / 1000,
): Promise<readonly Problem[]> {
  const { values, locate } = await readSources(file);
  const rules = rulesSchema.parse(valueAt(values, ['rules']));
  const linted: Linted = {
    configuration,
    resources: resourcesSchema.parse(valueAt(values, ['resources'])),
    conditions: conditionsSchema.parse(valueAt(values, ['conditions']) ?? {}),
    rules: Object.entries(rules),
    now,
  };
  const findings = [
    ...unreachable(linted),
    ...unused(linted),
    ...linted.rules.flatMap(([name, rule]) =>
      [
        ...contradictions(linted, rule),
        ...vainConditions(linted, rule),
        ...overruled(linted, name, rule),
        ...shadowed(linted, name, rule),
        ...mutable(linted, rule),
      ].map((finding) => ({ ...finding, path: ['rules', name, ...finding.path] })),
    ),
  ];
  return sortProblems(findings.map(locate));
}

function unreachable({ resources, rules }: Linted): Finding[] {
  const granted = new Set(
    rules.flatMap(([, { grant, mode }]) => (grant && mode === 'enforce' ? [grant.resource] : [])),
  );
  return Object.keys(resources).flatMap((uri) =>
    granted.has(uri)
      ? []
      : [{ path: ['resources', uri], at: 'key', message: 'nobody can reach it: no rule grants it' }],
  );
}

function unused({ conditions, rules }: Linted): Finding[] {
  const used = new Set(rules.flatMap(([, rule]) => rule.conditions ?? []).filter((asked) => typeof asked === 'string'));
  return Object.keys(conditions).flatMap((name) =>
    used.has(name) ? [] : [{ path: ['conditions', name], at: 'key', message: 'no rule uses this condition' }],
  );
}

/** What keeps a rule from matching any workload, or from ever being known to. */
function contradictions(linted: Linted, rule: Rule): Finding[] {
  return [...environments(linted, rule), ...excluded(rule), ...exclusive(linted, rule), ...neverSupplied(linted, rule)];
}

/** A grant is for the resource's environment and those that cross; what else the rule asks may leave none of them. */
function environments({ configuration, resources, conditions }: Linted, rule: Rule): Finding[] {
  const { grant, crossing = [], workload } = rule;
  const home = grant && (resources[grant.resource]?.environment ?? configuration.environment);
  const asked = (rule.conditions ?? []).flatMap((each) => {
    const condition = typeof each === 'string' ? conditions[each] : each;
    return condition?.environment && condition.unknown === undefined ? [condition.environment] : [];
  });
  const lists = [
    ...(home === undefined ? [] : [[home, ...crossing]]),
    ...(workload.environment ? [workload.environment] : []),
    ...asked,
  ];
  const [first = [], ...others] = lists;
  if (lists.length === 0 || first.some((name) => others.every((list) => list.includes(name)))) return [];
  const message = `it can never apply: no environment is in all of ${lists.map((list) => `[${list.join(', ')}]`).join(' and ')}`;
  return [{ path: [], at: 'key', message }];
}

/** A match of `not` that everything which the rule is about has. */
function excluded({ workload }: Rule): Finding[] {
  return (workload.not ?? []).flatMap((match, index) => {
    const { selectors = [], environment } = match;
    const isIn =
      environment === undefined || workload.environment?.every((name) => environment.includes(name)) === true;
    if (!isIn || !implies(workload.selectors, selectors)) return [];
    const message = 'the rule can never apply: every workload that it is about has this';
    return [{ path: ['workload', 'not', index], message }];
  });
}

/** Selectors of a kind that a workload has one of: no workload has both of two that exclude each other. */
function exclusive({ configuration }: Linted, { workload }: Rule): Finding[] {
  const { attestor, selectors = [], not = [] } = workload;
  const single = configuration.attestors.get(attestor)?.type.singleKinds ?? [];
  const rival = (selector: string, others: readonly string[]) =>
    single.includes(kindOf(selector) ?? '') ? others.find((other) => excludes(selector, other)) : undefined;
  const told = (effect: string, selector: string, other: string) =>
    `${effect}: a workload has one ${kindOf(selector)}, and ${other} stands here too`;
  const ofRule = selectors.flatMap((selector, index) => {
    const other = rival(selector, selectors.slice(0, index));
    const path = ['workload', 'selectors', index];
    return other === undefined ? [] : [{ path, message: told('the rule can never apply', selector, other) }];
  });
  const ofNot = not.flatMap((match, index) => {
    const asked = match.selectors ?? [];
    const [pair] = asked.flatMap((selector, at) => {
      const other = rival(selector, [...selectors, ...asked.slice(0, at)]);
      return other === undefined ? [] : [{ selector, other }];
    });
    const path = ['workload', 'not', index];
    return pair === undefined ? [] : [{ path, message: told('it leaves nobody out', pair.selector, pair.other) }];
  });
  return [...ofRule, ...ofNot];
}

/** Of two selectors of one kind: whether no value is both. Of two patterns it is not told. */
function excludes(one: string, other: string): boolean {
  if (kindOf(one) !== kindOf(other) || (one.includes('*') && other.includes('*'))) return false;
  return !compileGlob(one)(other) && !compileGlob(other)(one);
}

/** Facts that the options of the attestor leave out are unknown for every workload. */
function neverSupplied({ configuration, conditions }: Linted, rule: Rule): Finding[] {
  const { attestor } = rule.workload;
  const configured = configuration.attestors.get(attestor);
  const supplied = configured?.type.suppliedFacts?.(configured.options);
  if (supplied === undefined) return [];
  const sources = suppliedBy(configuration.postureSources);
  return (rule.conditions ?? []).flatMap((each, index) => {
    const condition = typeof each === 'string' ? conditions[each] : each;
    const facts = condition === undefined ? [] : checksOf(condition, sources).checks.flatMap(({ reads }) => reads);
    const missing = facts.filter(
      (fact) => fact.startsWith('posture.') && !isSourceFact(fact) && !supplied.includes(fact),
    );
    if (missing.length === 0) return [];
    const effect = rule.deny
      ? 'the denial always applies'
      : condition?.unknown
        ? 'the condition always holds'
        : 'the grant never applies';
    const message = `with its options the attestor ${attestor} never supplies ${missing.join(', ')}, so ${effect}`;
    return [{ path: ['conditions', index], message }];
  });
}

/** A denial that applies to every workload that a grant is for. */
function overruled({ rules }: Linted, name: string, rule: Rule): Finding[] {
  const { grant } = rule;
  if (grant === undefined) return [];
  return rules.flatMap(([other, { deny, ...denial }]) =>
    deny !== undefined && other !== name && compileGlob(deny.resource)(grant.resource) && isWider(denial, rule)
      ? [
          {
            path: [],
            at: 'key',
            message: `it never grants anything: ${other} denies this resource to all of its workloads`,
          },
        ]
      : [],
  );
}

/** Scope that a rule about more workloads grants already. Of two rules about the same, the later name is told. */
function shadowed({ rules }: Linted, name: string, rule: Rule): Finding[] {
  const { grant } = rule;
  if (grant === undefined || rule.mode === 'shadow') return [];
  const wider = rules.filter(
    ([other, theirs]) => other !== name && grantsWider(theirs, rule) && !(grantsWider(rule, theirs) && name < other),
  );
  return grant.scope.flatMap((token, index) => {
    const found = wider.find(([, { grant: theirs }]) => theirs?.scope.includes(token));
    const message = `${found?.[0]} grants this to all of these workloads already`;
    return found === undefined ? [] : [{ path: ['grant', 'scope', index], message }];
  });
}

/** A grant by names that somebody else may have later. A note: most policies are written so, and one in Git cannot know ids. */
function mutable({ configuration }: Linted, { grant, workload }: Rule): Finding[] {
  const { attestor, selectors = [] } = workload;
  const configured = configuration.attestors.get(attestor);
  const pin = grant && configured?.type.pinFor?.(selectors, configured.options);
  if (!pin) return [];
  const message = `it names its workload only by what may become somebody else's: ${pin} would pin it`;
  return [{ path: [], at: 'key', level: 'note', message }];
}

/** Whether a grant of the same resource is for all whom the other is for. */
function grantsWider(one: Rule, other: Rule): boolean {
  return (
    one.grant?.resource === other.grant?.resource &&
    (one.grant?.binding === undefined || one.grant.binding === other.grant?.binding) &&
    isDeepStrictEqual(one.grant?.authorizationDetails, other.grant?.authorizationDetails) &&
    (other.crossing ?? []).every((environment) => one.crossing?.includes(environment)) &&
    (other.workload.podless !== true || one.workload.podless === true) &&
    isWider(one, other)
  );
}

type Asks = Pick<Rule, 'workload' | 'delegator' | 'conditions' | 'mode' | 'grant'>;

/** Whether a rule in force applies wherever the other does: all that it asks, the other asks too. */
function isWider(one: Asks, other: Asks): boolean {
  const { attestor, selectors = [], environment, not = [] } = one.workload;
  const { workload } = other;
  return (
    one.mode === 'enforce' &&
    attestor === workload.attestor &&
    isForAll(one, other) &&
    implies(workload.selectors, selectors) &&
    (environment === undefined || workload.environment?.every((name) => environment.includes(name)) === true) &&
    not.every((match) => workload.not?.some((theirs) => isDeepStrictEqual(match, theirs))) &&
    (one.conditions ?? []).every((asked) => other.conditions?.some((theirs) => isDeepStrictEqual(asked, theirs)))
  );
}

/** Whether it is for all for whom the other is: a denial that does not say is for everybody. */
function isForAll({ delegator, grant }: Asks, other: Asks): boolean {
  if (delegator === undefined && grant === undefined) return true;
  return isDeepStrictEqual(delegator, other.delegator);
}

/** Whether a workload that has all of the first has all of the second. A pattern covers itself, and selectors that it matches. */
function implies(has: readonly string[] = [], asked: readonly string[] = []): boolean {
  return asked.every((pattern) => {
    const glob = compileGlob(pattern);
    return has.some((selector) => selector === pattern || (!selector.includes('*') && glob(selector)));
  });
}
