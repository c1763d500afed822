/** Turns the resources, conditions and rules of a configuration into what `decide` reads: checked, indexed, sorted, frozen. */

import { compileGlob } from '../../attestors/glob.js';
import type { AuthorizationDetails } from '../authorization-details/details.js';
import type { SigningAlgorithm } from '../signing/signer.js';
import { type BindingKind, bindingCondition } from './binding.js';
import { checkPolicy, type PolicyInput } from './check.js';
import { type ConditionCompiler, createConditionCompiler } from './conditions/clauses.js';
import { noSources, type PostureSources } from './conditions/posture-sources.js';
import type { RuleVerdict } from './decision.js';
import { delegatorClauses, delegatorReads } from './delegation.js';
import type { Lookup } from './lookup.js';
import {
  boundToPod,
  type Clause,
  type Condition,
  environmentCondition,
  type Hope,
  notCondition,
  selectorCondition,
} from './match.js';
import type { PolicyProblem } from './problem.js';
import { revisionOf } from './revision.js';
import { createRuleSet, leastIndexed, type RuleSet } from './rule-set.js';
import type { Rules } from './schema.js';
import type { TokenType } from './token-type.js';

export type { PolicyInput } from './check.js';
export type { PolicyProblem } from './problem.js';

/** The policy says something that cannot be meant; `problems` has every fault and its place. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  constructor(readonly problems: readonly PolicyProblem[]) {
    super(problems.map((problem) => `${problem.path.join('.')}: ${problem.message}`).join('\n'));
  }
}

export interface Policy {
  /** 32 hexadecimal digits: the same for the same resources, conditions, rules, environment, and types of what sources of posture supply. */
  readonly revision: string;
  readonly ruleCount: number;
  /** Verdicts that a decision tells at most. */
  readonly mostTold: number;
  readonly resources: ReadonlyMap<string, CompiledResource>;
  /** Of its resources, and access tokens in any case. */
  readonly tokenTypes: ReadonlySet<TokenType>;
  /** By the attestor's name. */
  readonly attestors: ReadonlyMap<string, AttestorRules>;
}

export interface CompiledResource {
  readonly scope: readonly string[];
  /** Seconds. */
  readonly lifetime: number;
  readonly algorithm: SigningAlgorithm | null;
  /** The one type of token that is issued for it, so that none can be taken for one of another type. */
  readonly tokenType: TokenType;
  /** Whether DPoP proofs that come for it have to carry a nonce of ours. */
  readonly dpopNonce: boolean;
}

/** The rules about one attestor's workloads, so that rules about other workloads and targets cost a decision nothing. */
export interface AttestorRules {
  readonly all: RuleSet<CompiledRule>;
  /** By resource: what grants it and what denies it. */
  readonly covering: ReadonlyMap<string, RuleSet<CompiledRule>>;
  /** Names of the facts and claims that any of these rules reads, such as `posture.kubelet` and `claims.repository`, sorted. */
  readonly reads: readonly string[];
  /** What any of these rules looks up, such as `external.https://pdp.example`. */
  readonly lookedUp: readonly string[];
  readonly behaviour: BehaviourReads;
}

/** Names of facts of behaviour, without `behaviour.`. */
export interface BehaviourReads {
  /** What any of the rules reads, sorted. */
  readonly names: readonly string[];
  /** What any of those reads that are not in `mode: shadow`. */
  readonly inForce: ReadonlySet<string>;
}

export interface CompiledRule {
  readonly name: string;
  readonly effect: RuleVerdict['effect'];
  /** All must hold. Those that ask for a binding come last. */
  readonly clauses: readonly Clause[];
  /** What those ask for. */
  readonly bindings: readonly BindingKind[];
  /** The selectors that it asks for and that are written out, without `*`. */
  readonly literals: readonly string[];
  /** Those of them that end with the clock. */
  readonly bounds: readonly Clause[];
  /** What its clauses read that others are asked about. */
  readonly lookups: readonly Lookup[];
  /** Judged and recorded, without effect. */
  readonly shadow: boolean;
  /** Null for a deny. */
  readonly grant: CompiledGrant | null;
  /** What is said of the rule when every clause holds. */
  readonly held: RuleVerdict;
}

export interface CompiledGrant {
  readonly resource: string;
  readonly scope: readonly string[];
  /** Null: the resource lists no tools. */
  readonly authorizationDetails: AuthorizationDetails | null;
  /** Seconds; infinite when the rule sets none. */
  readonly lifetime: number;
}

type Rule = Rules[string];

/** @throws PolicyError with every problem */
export function compilePolicy(input: PolicyInput): Policy {
  const problems = checkPolicy(input);
  if (problems.length > 0) throw new PolicyError(problems);
  const { resources, conditions, rules, environment, sources = noSources } = input;
  return Object.freeze({
    revision: revisionOf({ resources, conditions, rules, environment, ...typesOf(sources) }),
    ruleCount: Object.keys(rules).length,
    mostTold: leastIndexed,
    resources: new Map(Object.entries(resources).map(([name, resource]) => [name, compileResource(resource)])),
    tokenTypes: new Set(['access_token' as const, ...Object.values(resources).map(typeOf)]),
    attestors: indexRules(input),
  });
}

const typeOf = ({ tokenType = 'access_token' }: PolicyInput['resources'][string]): TokenType => tokenType;

function compileResource(resource: PolicyInput['resources'][string]): CompiledResource {
  const { scope, lifetime, algorithm = null, dpopNonce } = resource;
  return Object.freeze<CompiledResource>({
    scope: Object.freeze([...scope]),
    lifetime,
    algorithm,
    tokenType: typeOf(resource),
    dpopNonce: dpopNonce !== undefined,
  });
}

/** What is asked of a fact means another thing with another type. */
function typesOf(sources: PostureSources) {
  const types = Object.entries(sources).map(([source, { facts }]) => [source, facts]);
  return types.length === 0 ? {} : { sources: Object.fromEntries(types) };
}

interface RulesInMaking {
  readonly all: CompiledRule[];
  readonly covering: Map<string, CompiledRule[]>;
  readonly reads: Set<string>;
  readonly readsInForce: Set<string>;
}

function indexRules(input: PolicyInput): ReadonlyMap<string, AttestorRules> {
  const compileConditions = createConditionCompiler(input.conditions, input.sources ?? noSources);
  const index = new Map<string, RulesInMaking>();
  const sorted = Object.entries(input.rules).sort(([one], [other]) => (one < other ? -1 : 1));
  for (const [name, rule] of sorted) {
    const rules = index.get(rule.workload.attestor) ?? {
      all: [],
      covering: new Map<string, CompiledRule[]>(),
      reads: new Set<string>(),
      readsInForce: new Set<string>(),
    };
    index.set(rule.workload.attestor, rules);
    const { compiled, reads } = compileRule(input, name, rule, compileConditions);
    rules.all.push(compiled);
    for (const name of reads) {
      rules.reads.add(name);
      if (!compiled.shadow) rules.readsInForce.add(name);
    }
    for (const resource of coveredBy(input, rule)) {
      const covering = rules.covering.get(resource);
      if (covering === undefined) rules.covering.set(resource, [compiled]);
      else covering.push(compiled);
    }
  }
  return new Map([...index].map(([attestor, made]) => [attestor, finished(made)]));
}

function finished({ all, covering, reads, readsInForce }: RulesInMaking): AttestorRules {
  const sorted = [...reads].sort();
  return Object.freeze({
    all: createRuleSet(all),
    covering: new Map([...covering].map(([resource, rules]) => [resource, createRuleSet(rules)])),
    reads: Object.freeze(sorted),
    lookedUp: Object.freeze([
      ...new Set(all.flatMap(({ lookups }) => lookups.map(({ kind, key }) => `${kind}.${key}`))),
    ]),
    behaviour: Object.freeze({ names: behaviourIn(sorted), inForce: new Set(behaviourIn([...readsInForce])) }),
  });
}

const behaviourIn = (reads: readonly string[]): readonly string[] =>
  reads.flatMap((name) => (name.startsWith('behaviour.') ? [name.slice('behaviour.'.length)] : []));

/** The resources that a rule is about. A pattern is resolved here, once, since only known resources are ever issued. */
function coveredBy({ resources }: PolicyInput, { grant, deny }: Rule): readonly string[] {
  if (grant !== undefined) return [grant.resource];
  if (deny === undefined) return [];
  return deny.resource.includes('*') ? Object.keys(resources).filter(compileGlob(deny.resource)) : [deny.resource];
}

function compileRule(input: PolicyInput, name: string, rule: Rule, compileConditions: ConditionCompiler) {
  const effect = rule.grant === undefined ? 'deny' : 'grant';
  const hope = rule.grant === undefined ? 'fails' : 'holds';
  const match = rule.grant === undefined ? workloadClauses(rule, hope) : grantClauses(input, rule, rule.grant);
  const { clauses, reads } = compileConditions(rule.conditions ?? [], hope);
  const isPerson = input.attestors.get(rule.delegator?.attestor ?? '')?.role === 'delegator';
  const all = Object.freeze(bindingLast([...delegatorClauses(rule, hope, isPerson), ...match, ...clauses]));
  const compiled = Object.freeze<CompiledRule>({
    name,
    effect,
    clauses: all,
    bindings: Object.freeze([...new Set(all.flatMap(({ binding }) => binding ?? []))]),
    literals: Object.freeze([...new Set(rule.workload.selectors?.filter((pattern) => !pattern.includes('*')))]),
    lookups: Object.freeze(all.flatMap(({ lookup }) => (lookup === undefined ? [] : [lookup]))),
    shadow: rule.mode === 'shadow',
    bounds: Object.freeze(all.filter(({ until }) => until !== undefined)),
    grant:
      rule.grant === undefined
        ? null
        : Object.freeze({
            resource: rule.grant.resource,
            scope: Object.freeze([...rule.grant.scope]),
            authorizationDetails: rule.grant.authorizationDetails ?? null,
            lifetime: rule.grant.lifetime ?? Number.POSITIVE_INFINITY,
          }),
    held: Object.freeze({ ...verdictBase(name, rule), verdict: 'holds', clause: null, expected: null, seen: null }),
  });
  return { compiled, reads: [...delegatorReads(rule), ...reads] };
}

const bindingLast = (clauses: readonly Clause[]): readonly Clause[] =>
  clauses.toSorted((one, other) => Number(one.binding !== undefined) - Number(other.binding !== undefined));

/** What a verdict on a rule begins with. */
const verdictBase = (name: string, { grant, mode }: Rule): Pick<RuleVerdict, 'rule' | 'effect' | 'shadow'> => ({
  rule: name,
  effect: grant === undefined ? 'deny' : 'grant',
  ...(mode === 'shadow' ? { shadow: true } : {}),
});

/** A grant stays within the resource's environment, but for workloads of those that `crossing` lists, and asks for the resource's binding beside its own. */
function grantClauses(input: PolicyInput, rule: Rule, grant: NonNullable<Rule['grant']>): Clause[] {
  const { environment: home = input.environment, binding } = input.resources[grant.resource] ?? {};
  return [
    ...admissionClauses(rule),
    named('environment', environmentCondition([home, ...(rule.crossing ?? [])], 'holds')),
    ...(grant.binding === undefined ? [] : [named('grant.binding', bindingCondition(grant.binding))]),
    ...(binding === undefined ? [] : [named('resource.binding', bindingCondition(binding))]),
  ];
}

/** What a workload has to be to get something. */
export function admissionClauses(rule: Pick<Rule, 'workload'>): Clause[] {
  return [
    ...(rule.workload.podless === true ? [] : [named('workload.podless', boundToPod)]),
    ...workloadClauses(rule, 'holds'),
  ];
}

function workloadClauses({ workload }: Pick<Rule, 'workload'>, hope: Hope): Clause[] {
  const opposite = hope === 'holds' ? 'fails' : 'holds';
  return [
    ...conditions({ selectors: workload.selectors }, hope).map((each) => named('workload.selectors', each)),
    ...conditions({ environment: workload.environment }, hope).map((each) => named('workload.environment', each)),
    ...(workload.not ?? []).map((match) => named('workload.not', notCondition(conditions(match, opposite)))),
  ];
}

interface Match {
  readonly selectors?: readonly string[] | undefined;
  readonly environment?: readonly string[] | undefined;
}

function conditions({ selectors, environment }: Match, hope: Hope): Condition[] {
  const all = (selectors ?? []).map((pattern) => selectorCondition(pattern, hope));
  if (environment !== undefined) all.push(environmentCondition(environment, hope));
  return all;
}

const named = (name: string, condition: Condition): Clause => Object.freeze({ ...condition, name });
