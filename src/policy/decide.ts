/** The decision: a pure function of policy, facts and request. No clock, no I/O, no throwing, whatever the facts are. */

import type { AuthorizationDetails, Tool } from '../authorization-details/details.js';
import { narrowed } from '../authorization-details/narrow.js';
import { limitsOf, toolsOf } from './authorization-details.js';
import type { BindingKind } from './binding.js';
import type { CompiledGrant, CompiledResource, CompiledRule, Policy } from './compile.js';
import type { Decision, DecisionFault, Granted, RefusalReason, RuleVerdict } from './decision.js';
import { vouchedUntil, withinDelegators } from './delegation.js';
import type { Asked, Binding, Facts } from './facts.js';
import { type Candidate, type Clause, candidateOf, type Rank } from './match.js';
import { everyRule } from './rule-set.js';
import type { TokenType } from './token-type.js';

/** Nothing is granted by default, a deny that holds or is unknown ends it, and grants add up within what was asked. */
export function decide(policy: Policy, facts: Facts, asked: Asked): Decision {
  const candidate = candidateOf(facts, asked);
  const decision = decideWith({ policy, facts, candidate, withShadow: false }, asked);
  if (!decision.rules.some(({ shadow }) => shadow)) return decision;
  const { reason, granted } = decideWith({ policy, facts, candidate, withShadow: true }, asked);
  return Object.freeze({ ...decision, shadow: Object.freeze({ reason, granted }) });
}

interface Room {
  readonly policy: Policy;
  readonly facts: Facts;
  readonly candidate: Candidate;
  /** Whether rules in `mode: shadow` count. They are judged in any case. */
  readonly withShadow: boolean;
}

function decideWith(room: Room, asked: Asked): Decision {
  if (asked.resource !== null) return decideTarget(room, asked.resource, asked);
  const { facts } = room;
  const judged = judgeAll(room);
  const targets = grantable(judged, room, asked);
  const [target] = targets;
  if (target !== undefined && targets.size === 1) {
    const meant = { ...asked, resource: target };
    return decideTarget({ ...room, candidate: candidateOf(facts, meant) }, target, asked);
  }
  const detail = `No target was named, and ${targets.size === 0 ? 'no rule grants one' : `${targets.size} could be granted: name one`}.`;
  const told = verdictsOf(judged, room);
  const rules = room.policy.attestors.get(facts.workload.attestor)?.all.rules.length ?? 0;
  const left = rules - told.length;
  const more = left === 0 ? '' : ` ${left} of ${rules} rules are left out here.`;
  return refusal('target_refused', 'no_target', detail + more, told);
}

/** The target that a request without one is for; null: none, or one of several. */
export function soleTarget(policy: Policy, facts: Facts, asked: Asked): string | null {
  const room = { policy, facts, candidate: candidateOf(facts, asked), withShadow: false };
  const [target, ...others] = grantable(judgeAll(room), room, asked);
  return target === undefined || others.length > 0 ? null : target;
}

const judgeAll = ({ policy, facts, candidate }: Room): readonly Judged[] =>
  (policy.attestors.get(facts.workload.attestor)?.all.candidates(facts.workload) ?? []).map((rule) =>
    judge(rule, candidate),
  );

/** Of many candidates so many are told, those that fail only in what room is left: a record of thousands would help nobody. */
function mostTelling(judged: readonly Judged[], mostTold: number): readonly Judged[] {
  if (judged.length <= mostTold) return judged;
  const told = new Set(judged.toSorted((a, b) => Number(isOut(a)) - Number(isOut(b))).slice(0, mostTold));
  return judged.filter((each) => told.has(each));
}

/**
 * The targets that a request without one may have meant. Denies are left out of the count, and unknown grants are in
 * it, as are those that lack a binding: else one more deny, or a fact that is lost, or a proof that is left out, could leave a single
 * target and turn a refusal into a token. Of other types than what was asked for there is nothing to be had.
 */
function grantable(judged: readonly Judged[], { policy, withShadow }: Room, asked: Asked): Set<string> {
  const targets = new Set<string>();
  for (const each of judged) {
    const { grant, shadow } = each.rule;
    if (grant === null || isOut(each) || (shadow && !withShadow)) continue;
    if (policy.resources.get(grant.resource)?.tokenType === typeAsked(asked)) targets.add(grant.resource);
  }
  return targets;
}

const typeAsked = ({ tokenType = 'access_token' }: Asked): TokenType => tokenType;

function decideTarget(room: Room, target: string, asked: Asked): Decision {
  const { policy, facts, candidate } = room;
  const resource = policy.resources.get(target);
  if (resource === undefined) return refusal('target_refused', 'unknown_resource', 'No resource has this name.', []);
  if (resource.tokenType !== typeAsked(asked)) {
    const detail = `For this target ${resource.tokenType} is issued, and ${typeAsked(asked)} was asked for.`;
    return refusal('target_refused', 'other_token_type', detail, []);
  }
  const rules = policy.attestors.get(facts.workload.attestor)?.covering.get(target) ?? everyRule([]);
  const judged = rules.candidates(facts.workload).map((rule) => judge(rule, candidate));
  const scope = withinDelegators(asked.scope, facts);
  const wanted = { scope: scope === null ? null : new Set(scope), limits: limitsOf(asked, facts) };
  const sum = addUp(judged, resource, wanted, room);
  const vouched = Math.floor(vouchedUntil(facts)) - Math.floor(facts.now);
  const isEvidences = isShorter(vouched, sum.lifetime.seconds);
  const lifetime: Lifetime = isEvidences ? { seconds: vouched, ending: 'evidence' } : sum.lifetime;
  const { algorithm, tokenType } = resource;
  // Nothing but an access token is bound: who else reads a token looks at no key.
  const made = tokenType === 'access_token' ? sum.bound : { tokenType };
  const details = narrowed(sum.tools, wanted.limits, target);
  const granted = {
    ...{ resource: target, scope: sum.scope, lifetime: lifetime.seconds, algorithm, ...made },
    ...(details && { authorizationDetails: details }),
  };
  const told = verdictsOf(judged, room);
  return countingLeftOut(
    rules.rules.length - told.length,
    conclude({ ...sum, lifetime }, granted, { told, candidate }),
  );
}

/** Of a refusal: how many rules there are beside those that are told. */
function countingLeftOut(left: number, decision: Decision): Decision {
  if (left === 0 || decision.granted !== null) return decision;
  const more = `${left} more ${left === 1 ? 'rule is' : 'rules are'} left out here.`;
  return Object.freeze({ ...decision, detail: `${decision.detail} ${more}` });
}

interface Judged {
  readonly rule: CompiledRule;
  readonly rank: Rank;
  /** Null: every clause holds. */
  readonly settled: Clause | null;
  /** What it would come to with the binding for the want of which it fails; 0: it does not fail for that alone. */
  readonly ifBound: Rank;
}

/** A rule is as good as its worst clause: the first that fails, else the one that is furthest from a token. */
function judge(rule: CompiledRule, candidate: Candidate): Judged {
  let settled: Clause | null = null;
  let rank: Rank = 3;
  for (const clause of rule.clauses) {
    const found = clause.rank(candidate);
    if (found >= rank) continue;
    if (found === 0) return { rule, rank: 0, settled: clause, ifBound: clause.binding === undefined ? 0 : rank };
    rank = found;
    settled = clause;
  }
  return { rule, rank, settled, ifBound: 0 };
}

/** Whether nothing that is not known, and no binding, could let it apply. */
const isOut = ({ rank, ifBound }: Judged): boolean => rank === 0 && ifBound === 0;

function verdictOf({ rule, rank, settled }: Judged, candidate: Candidate): RuleVerdict {
  if (settled === null) return rule.held;
  return Object.freeze({
    ...rule.held,
    verdict: rank === 0 ? ('fails' as const) : ('unknown' as const),
    clause: settled.name,
    expected: settled.expected,
    seen: settled.seen(candidate),
  });
}

const verdictsOf = (judged: readonly Judged[], { policy, candidate }: Room): readonly RuleVerdict[] =>
  Object.freeze(mostTelling(judged, policy.mostTold).map((each) => verdictOf(each, candidate)));

/** How long a token may live. */
interface Lifetime {
  readonly seconds: number;
  /** What ends it before the time that resource and rules say; null: nothing does. */
  readonly ending: { readonly clause: Clause; readonly rule: string } | 'evidence' | null;
}

/** NaN is shorter than everything: facts that make no sense grant nothing. */
const isShorter = (one: number, other: number): boolean => one < other || Number.isNaN(one);

interface Sum {
  /** The deny that weighs most: one that holds, else one that is unknown. */
  readonly deny: Judged | null;
  /** Names of the rules that grant something. */
  readonly contributing: readonly string[];
  /** Sorted. */
  readonly scope: readonly string[];
  /** Of each rule that grants some of the scope and of the tools. Empty: the resource lists no tools, or nothing is granted. */
  readonly tools: readonly (readonly Tool[])[];
  /** Whether a rule grants some of the scope, and none of the tools. */
  readonly isToolless: boolean;
  readonly lifetime: Lifetime;
  readonly bound: Pick<Granted, 'binding'>;
  /** A grant that would add something of what was asked, if only the request carried the binding. */
  readonly unbound: Judged | null;
  /** A grant that would add something of what was asked, if only a dependency answered. */
  readonly awaited: Judged | null;
  readonly unknown: Judged | null;
}

/** What a token may have at most. */
interface Wanted {
  /** Null: all that is granted. */
  readonly scope: ReadonlySet<string> | null;
  readonly limits: readonly AuthorizationDetails[];
}

function addUp(
  judged: readonly Judged[],
  resource: CompiledResource,
  wanted: Wanted,
  { candidate, withShadow }: Room,
): Sum {
  const scope = new Set<string>();
  const tools: (readonly Tool[])[] = [];
  let isToolless = false;
  let seconds = resource.lifetime;
  let ending: Lifetime['ending'] = null;
  const contributing: string[] = [];
  let deny: Judged | null = null;
  const bindings = new Set<BindingKind>();
  let unbound: Judged | null = null;
  let awaited: Judged | null = null;
  let unknown: Judged | null = null;
  for (const each of judged) {
    const { grant } = each.rule;
    if (isOut(each) || (each.rule.shadow && !withShadow)) continue;
    if (grant === null) {
      if (deny === null || each.rank > deny.rank) deny = each;
      continue;
    }
    // Unknown grants shorten and bind too: else a token would live longer because a fact got lost, or a proof was left out.
    for (const kind of each.rule.bindings) bindings.add(kind);
    if (isShorter(grant.lifetime, seconds)) [seconds, ending] = [grant.lifetime, null];
    for (const clause of each.rule.bounds) {
      const open = openFor(clause, candidate);
      if (isShorter(open, seconds)) [seconds, ending] = [open, { clause, rule: each.rule.name }];
    }
    if (each.rank === 0) {
      if (offers(grant, wanted)) unbound ??= each;
    } else if (each.rank === 3) {
      contributing.push(each.rule.name);
      const offer = offerOf(grant, wanted);
      for (const token of offer.scope) scope.add(token);
      if (offer.tools !== null) tools.push(offer.tools);
      if (offer.isToolless) isToolless = true;
    } else {
      unknown ??= each;
      if (each.rank === 2 && offers(grant, wanted)) awaited ??= each;
    }
  }
  const lifetime = { seconds, ending };
  const bound = boundTo(candidate.binding, bindings);
  const given = { scope: Object.freeze([...scope].sort()), tools, isToolless };
  return { deny, contributing, ...given, lifetime, bound, unbound, awaited, unknown };
}

/** Whoever sends a proof wants a bound token (RFC 9449 §5). A certificate may be there for the connection alone: it has to be asked for. */
function boundTo({ dpop, mtls }: Binding, asked: ReadonlySet<BindingKind>): Pick<Granted, 'binding'> {
  const isByCertificate = mtls !== undefined && asked.has('mtls');
  if (dpop === undefined && !isByCertificate) return {};
  const binding = { ...(dpop !== undefined && { dpop }), ...(isByCertificate && { mtls }) };
  return { binding: Object.freeze(binding) };
}

/** Whole seconds until the clause ends with the clock. Of one that is not known to hold nothing can be said: infinite. */
function openFor(clause: Clause, candidate: Candidate): number {
  if (clause.rank(candidate) !== 3) return Number.POSITIVE_INFINITY;
  return Math.floor(clause.until?.(candidate) ?? Number.POSITIVE_INFINITY) - Math.floor(candidate.now);
}

function toldEnd({ seconds, ending }: Lifetime): string {
  if (ending === null) return '';
  const what = ending === 'evidence' ? 'the evidence' : `${ending.clause.name} of "${ending.rule}"`;
  return ` After ${seconds} s it is ended by ${what}.`;
}

/** What a grant would add. */
interface Offer {
  readonly scope: readonly string[];
  /** Null: none. */
  readonly tools: readonly Tool[] | null;
  readonly isToolless: boolean;
}

/** Of a rule that grants tools, scope comes with some of its tools, and they with some of its scope. */
function offerOf({ scope: given, authorizationDetails }: CompiledGrant, { scope: wanted, limits }: Wanted): Offer {
  const scope = wanted === null ? given : given.filter((token) => wanted.has(token));
  if (scope.length === 0) return { scope, tools: null, isToolless: false };
  const tools = toolsOf(authorizationDetails, limits);
  return tools?.length === 0 ? { scope: [], tools: null, isToolless: true } : { scope, tools, isToolless: false };
}

const offers = (grant: CompiledGrant, wanted: Wanted): boolean => offerOf(grant, wanted).scope.length > 0;

interface Told {
  readonly told: readonly RuleVerdict[];
  readonly candidate: Candidate;
}

function conclude(sum: Sum, granted: Granted, { told: rules, candidate }: Told): Decision {
  // Also false for NaN: facts that make no sense grant nothing.
  const inTime = granted.lifetime >= 1;
  const hopeful = inTime && (granted.scope.length > 0 || sum.awaited !== null);
  if (sum.deny !== null) return denial(sum.deny, hopeful, { told: rules, candidate });
  if (granted.scope.length === 0 && hopeful && sum.awaited !== null) {
    return refusal('dependency_unavailable', 'fact_unavailable', notKnown(sum.awaited, candidate), rules);
  }
  if (granted.scope.length === 0 && inTime && sum.unbound !== null) {
    return lacksBinding(sum.unbound, { told: rules, candidate });
  }
  if (sum.contributing.length === 0) {
    return sum.unknown === null
      ? refusal('target_refused', 'no_rule_grants', 'No rule grants this target to this workload.', rules)
      : refusal('target_refused', 'fact_unknown', notKnown(sum.unknown, candidate), rules);
  }
  if (granted.scope.length === 0 && sum.isToolless) {
    const detail = 'Rules grant this target, but none of the tools.';
    return refusal('authorization_details_refused', 'authorization_details_not_granted', detail, rules);
  }
  if (granted.scope.length === 0) {
    return refusal('scope_refused', 'scope_not_granted', 'Rules grant this target, but none of the scope.', rules);
  }
  if (!inTime) {
    const detail = 'The evidence, or a condition that ends with the clock, holds for less than another second.';
    return refusal('target_refused', 'no_time_left', detail, rules);
  }
  const detail = `Granted by ${sum.contributing.map((name) => `"${name}"`).join(', ')}.${toldEnd(sum.lifetime)}`;
  return Object.freeze({
    fault: null,
    reason: 'granted',
    detail,
    granted: Object.freeze(granted),
    rules,
    shadow: null,
  });
}

/** @param hopeful something would be granted, or would be if dependencies answered, were it not for denies */
function denial(deny: Judged, hopeful: boolean, { told: rules, candidate }: Told): Decision {
  if (deny.rank === 3) {
    return refusal('target_refused', 'denied_by_rule', `The rule "${deny.rule.name}" denies this target.`, rules);
  }
  // Rank 1: every unknown deny may yet fail when the dependencies answer.
  const fault = deny.rank === 1 && hopeful ? 'dependency_unavailable' : 'target_refused';
  return refusal(fault, 'deny_unknown', notKnown(deny, candidate), rules);
}

function lacksBinding(unbound: Judged, { told: rules, candidate }: Told): Decision {
  const { rule, clause, expected, seen } = verdictOf(unbound, candidate);
  const fault = unbound.settled?.binding === 'mtls' ? 'client_certificate_missing' : 'dpop_proof_missing';
  const detail = `The rule "${rule}" asks for a binding: ${clause} expects ${expected} and saw ${seen}.`;
  return refusal(fault, 'binding_missing', detail, rules);
}

function notKnown(judged: Judged, candidate: Candidate): string {
  const { rule, clause, expected, seen } = verdictOf(judged, candidate);
  return `It is not known whether the rule "${rule}" applies: ${clause} expects ${expected} and saw ${seen}.`;
}

const refusal = (
  fault: DecisionFault,
  reason: RefusalReason,
  detail: string,
  rules: readonly RuleVerdict[],
): Decision => Object.freeze({ fault, reason, detail, granted: null, rules, shadow: null });
