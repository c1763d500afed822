/** What the schema cannot see: that the names in a policy exist, and that nothing in it is silently without effect. */

import type { Role } from '../../attestors/attestor.js';
import { compileGlob } from '../../attestors/glob.js';
import { checkAssertedPerson, checkDelegator, checkDelegatorReads } from './check-delegator.js';
import { checkPlaceholders, checkSources } from './check-sources.js';
import { behaviourKeyOf, behaviourKeys } from './conditions/behaviour.js';
import { lookupOf } from './conditions/external.js';
import { checksOf } from './conditions/index.js';
import { isSourceFact, noSources, type PostureSources } from './conditions/posture-sources.js';
import type { Conditions, RuleCondition } from './conditions/schema.js';
import { kindOf } from './match.js';
import { type PolicyProblem, unknownName } from './problem.js';
import { boundAreAccessTokens, type Resources, type Rules } from './schema.js';

/** What a configured attestor can give. */
export interface Supply {
  readonly selectorKinds: readonly string[];
  readonly facts: readonly string[];
  /** Of the selectors that name the machine; left out: nothing tells it. */
  readonly nodeKind?: string;
  /** Default: `workload`. */
  readonly role?: Role;
  /** What is wrong with a selector that no workload can have; null: nothing. */
  readonly selectorFault?: (selector: string) => string | null;
}

export interface PolicyInput {
  readonly resources: Resources;
  /** By name, for all rules. */
  readonly conditions: Conditions;
  readonly rules: Rules;
  readonly attestors: ReadonlyMap<string, Supply>;
  /** Of this deployment: the default of a resource's. */
  readonly environment: string;
  /** Of posture outside the platforms. Default: none. */
  readonly sources?: PostureSources;
  /** Whether it is known where addresses are. Default: false. */
  readonly geo?: boolean;
}

type Rule = Rules[string];
type Grant = NonNullable<Rule['grant']>;

/** Every fault at once: of the resources and the named conditions, then in the order of the rules. */
export function checkPolicy(input: PolicyInput): PolicyProblem[] {
  const { conditions, resources, rules, sources = noSources } = input;
  return [
    ...Object.entries(resources).flatMap(checkToolScopes),
    ...Object.entries(conditions).flatMap(([name, condition]) =>
      checkSources(sources, condition, ['conditions', name]),
    ),
    ...Object.entries(rules).flatMap(([name, rule]) =>
      [
        ...checkWorkload(input, rule),
        ...checkDelegator(input, rule),
        ...checkAssertedPerson(input, rule),
        ...checkConditions(input, rule),
        ...checkEffect(input, rule),
      ].map((problem) => ({ ...problem, path: ['rules', name, ...problem.path] })),
    ),
    ...checkLookups(input),
  ];
}

/** One key has one answer: two conditions that ask for it must ask in the same way. */
function checkLookups({ conditions, rules }: PolicyInput): PolicyProblem[] {
  const first = new Map<string, { readonly at: string; readonly ask: string }>();
  const check = (path: PolicyProblem['path'], condition: RuleCondition): PolicyProblem[] => {
    if (typeof condition === 'string' || condition.external === undefined) return [];
    const lookup = lookupOf(condition.external);
    const ask = JSON.stringify(lookup.ask);
    const before = first.get(lookup.key);
    if (before === undefined) first.set(lookup.key, { at: path.join('.'), ask });
    if (before === undefined || before.ask === ask) return [];
    const message = `${before.at} asks ${lookup.key} with another deadline or token: name that condition, or write the same`;
    return [{ path: [...path, 'external'], message }];
  };
  return [
    ...Object.entries(conditions).flatMap(([name, each]) => check(['conditions', name], each)),
    ...Object.entries(rules).flatMap(([name, rule]) =>
      (rule.conditions ?? []).flatMap((each, index) => check(['rules', name, 'conditions', index], each)),
    ),
  ];
}

/** @returns problems with paths from where the workload stands */
export function checkWorkload(
  { attestors }: Pick<PolicyInput, 'attestors'>,
  { workload }: Pick<Rule, 'workload'>,
): PolicyProblem[] {
  const attestor = attestors.get(workload.attestor);
  if (attestor === undefined) {
    return [unknownName(['workload', 'attestor'], 'no attestor has this name', workload.attestor, attestors.keys())];
  }
  if (attestor.role === 'delegator') {
    const message =
      'this attestor stands for people (role: delegator), who do not ask by themselves: name the attestor of the workload';
    return [{ path: ['workload', 'attestor'], message, found: workload.attestor }];
  }
  const matches = [
    { at: ['workload', 'selectors'], selectors: workload.selectors },
    ...(workload.not ?? []).map((match, index) => ({
      at: ['workload', 'not', index, 'selectors'],
      selectors: match.selectors,
    })),
  ];
  return matches.flatMap(({ at, selectors }) =>
    (selectors ?? []).flatMap((selector, index) => checkSelector([...at, index], selector, attestor)),
  );
}

function checkSelector(path: PolicyProblem['path'], selector: string, supply: Supply): PolicyProblem[] {
  const { selectorKinds: kinds, selectorFault } = supply;
  const kind = kindOf(selector);
  if (kind !== null && kinds.includes(kind)) {
    const fault = selectorFault?.(selector) ?? null;
    if (fault !== null) return [{ path, message: `no workload has this selector: ${fault}`, found: selector }];
    if (selector.length > kind.length + 1) return [];
    const message = 'a selector without a value matches no workload';
    return [{ path, message, expected: `${kind}: and a value, or * for any`, found: selector }];
  }
  if (kind === null || kind.includes('*')) {
    const message = 'a selector starts with a kind that is written out, and a ":"';
    return [{ path, message, expected: kinds.map((known) => `${known}:…`).join(', '), found: selector }];
  }
  return [unknownName(path, 'the attestor gives no selectors of this kind', kind, kinds)];
}

function checkConditions(input: PolicyInput, rule: Rule): PolicyProblem[] {
  const { workload, conditions = [], deny } = rule;
  return conditions.flatMap((asked, index) => {
    const path = ['conditions', index];
    const isNamed = typeof asked === 'string';
    const condition = isNamed ? namedCondition(input, asked) : asked;
    if (condition === undefined) {
      const names = Object.keys(input.conditions);
      return [unknownName(path, 'no condition has this name', String(asked), names)];
    }
    const problems = [
      ...(isNamed ? [] : checkSources(input.sources ?? noSources, condition, path)),
      ...checkFacts(input, workload.attestor, condition, path, isNamed),
      ...checkDelegatorReads(rule, checksOf(condition, input.sources ?? noSources), isNamed).map((problem) => ({
        ...problem,
        path: [...path, ...problem.path],
      })),
    ];
    if (deny === undefined) {
      if (condition.binding === undefined || isAccessToken(input, rule.grant)) return problems;
      return [...problems, { path: isNamed ? path : [...path, 'binding'], message: boundAreAccessTokens }];
    }
    const ofGrants = (Object.keys(onlyOfGrants) as (keyof typeof onlyOfGrants)[]).filter(
      (key) => condition[key] !== undefined,
    );
    return [
      ...problems,
      ...ofGrants.map((key) => ({ path: isNamed ? path : [...path, key], message: onlyOfGrants[key] })),
    ];
  });
}

/** Keys of conditions that a denial does not take. */
const onlyOfGrants = Object.freeze({
  unknown: 'unknown: permit is for grants: it would let through what the denial is there to stop',
  binding: 'binding is for grants: whoever left the proof out would get around the denial',
});

const namedCondition = ({ conditions }: PolicyInput, name: string) =>
  Object.hasOwn(conditions, name) ? conditions[name] : undefined;

/** What is never supplied is never known: a grant would never apply, and a denial always. */
function checkFacts(
  { attestors, sources = noSources, geo = false }: PolicyInput,
  attestor: string,
  condition: Exclude<RuleCondition, string>,
  path: PolicyProblem['path'],
  isNamed: boolean,
): PolicyProblem[] {
  const supply = attestors.get(attestor);
  if (supply === undefined) return [];
  const { kind, checks } = checksOf(condition, sources);
  const unsupplied = checks.flatMap(({ key, reads }) =>
    reads
      .filter((fact) => !isClaim(fact) && !isSourceFact(fact) && !(geo && isPlace(fact)) && !supplies(supply, fact))
      .map((fact) => ({
        path: isNamed ? path : [...path, kind, ...(key === kind ? [] : [key])],
        message: isPlace(fact)
          ? noGeo
          : `the attestor ${attestor} never supplies ${fact}, so it would never be known: leave it out of this rule, or name another attestor`,
      })),
  );
  const unasked = checkPlaceholders(sources, condition, { name: attestor, selectorKinds: supply.selectorKinds });
  return [
    ...unsupplied,
    ...unasked.map((problem) => ({ ...problem, path: isNamed ? path : [...path, ...problem.path] })),
  ];
}

/** Whether a workload of the attestor may have this fact of posture or behaviour. */
export function supplies({ facts, nodeKind }: Supply, fact: string): boolean {
  if (!fact.startsWith('behaviour.')) return facts.includes(fact);
  const key = behaviourKeyOf(fact.slice('behaviour.'.length));
  if (key === null) return false;
  const kind = behaviourKeys[key];
  return nodeKind !== undefined || !('counts' in kind && kind.counts === 'node');
}
const isPlace = (fact: string) => fact.startsWith('network.');

const noGeo = 'it is not known where addresses are: name an MMDB file in geo.database';

/** Which claims evidence has, the delegator's too, is known only when it comes. */
const isClaim = (fact: string) => fact.startsWith('claims.') || fact.startsWith('delegator.');

function checkEffect(input: PolicyInput, rule: Rule): PolicyProblem[] {
  if (rule.grant !== undefined) return [...checkGrant(input, rule.grant), ...checkCrossing(input, rule, rule.grant)];
  return rule.deny === undefined ? [] : checkDeny(input, rule.deny.resource);
}

function checkGrant({ resources }: PolicyInput, grant: Grant): PolicyProblem[] {
  const resource = resources[grant.resource];
  if (resource === undefined) {
    return [unknownName(['grant', 'resource'], 'no resource has this URI', grant.resource, Object.keys(resources))];
  }
  const ofScope = grant.scope.flatMap((token, index) =>
    resource.scope.includes(token)
      ? []
      : [unknownName(['grant', 'scope', index], 'the resource has no such scope', token, resource.scope)],
  );
  const problems = [...ofScope, ...checkTools(grant, resource)];
  if (grant.binding === undefined || isAccessToken({ resources }, grant)) return problems;
  return [...problems, { path: ['grant', 'binding'], message: boundAreAccessTokens }];
}

/** Also where it is not known. */
function isAccessToken({ resources }: Pick<PolicyInput, 'resources'>, grant: Grant | undefined): boolean {
  const { tokenType = 'access_token' } = resources[grant?.resource ?? ''] ?? {};
  return tokenType === 'access_token';
}

/** A server that looks at details finds them in every token for it; one that does not look at them is not relied on to. */
function checkTools({ authorizationDetails }: Grant, { tools }: Resources[string]): PolicyProblem[] {
  const path = ['grant', 'authorizationDetails'];
  if (tools === undefined) {
    if (authorizationDetails === undefined) return [];
    return [{ path, message: 'the resource lists no tools: add them to it, and its server has to look at these' }];
  }
  if (authorizationDetails === undefined) {
    return [
      { path: ['grant'], message: 'without authorizationDetails: the resource lists tools, so say which of them' },
    ];
  }
  const named = authorizationDetails.flatMap((entry) => entry.tools.map(({ name }) => name));
  const unknown = named.filter((name) => !tools.includes(name));
  return unknown.map((name) => unknownName(path, 'the resource has no such tool', name, tools));
}

/** A scope token of the form `tools:NAME` is one about a tool. */
function checkToolScopes([uri, { scope, tools }]: readonly [string, Resources[string]]): PolicyProblem[] {
  if (tools === undefined) return [];
  return scope.flatMap((token, index) => {
    const name = /^tools:(.*)$/.exec(token)?.[1];
    if (name === undefined || tools.includes(name)) return [];
    return [unknownName(['resources', uri, 'scope', index], 'the resource has no such tool', name, tools)];
  });
}

/** A crossing that cannot let anyone in was meant otherwise, most likely the other way round. */
function checkCrossing(input: PolicyInput, rule: Rule, grant: Grant): PolicyProblem[] {
  const resource = input.resources[grant.resource];
  if (resource === undefined) return [];
  const home = resource.environment ?? input.environment;
  const admitted = rule.workload.environment;
  return (rule.crossing ?? []).flatMap((environment, index) => {
    const path = ['crossing', index];
    const expected = 'environments of workloads, other than the resource’s own';
    if (environment === home) {
      return [
        {
          path,
          message: 'this is the resource’s own environment, not one to cross from',
          expected,
          found: environment,
        },
      ];
    }
    if (admitted === undefined || admitted.includes(environment)) return [];
    return [unknownName(path, 'workload.environment does not admit this environment', environment, admitted)];
  });
}

/** A typing error must not leave a deny without effect. */
function checkDeny({ resources }: PolicyInput, pattern: string): PolicyProblem[] {
  const known = Object.keys(resources);
  if (known.some(compileGlob(pattern))) return [];
  return [unknownName(['deny', 'resource'], 'no resource matches this', pattern, known)];
}
