/** `counterseal policy diff`: recorded decisions made again under another policy, and what would change. */
import { isDeepStrictEqual } from 'node:util';
import { readRecords } from '../audit/read.js';
import type { AuditRecord } from '../audit/record.js';
import type { Configuration } from '../config/configuration.js';
import { toldBinding } from '../policy/binding.js';
import { decide } from '../policy/decide.js';
import type { Decision, RuleVerdict } from '../policy/decision.js';
import type { Inputs } from '../policy/facts.js';
import { inputsOf, type Outcome, outcomeOf } from './replay.js';
import { decisiveNames, unrecordedOf } from './unrecorded.js';

export const changes = Object.freeze([
  'newly refused',
  'newly permitted',
  'other resource',
  'narrower',
  'wider',
  'other scope',
  'shorter',
  'longer',
  'other binding',
  'other tools',
] as const);

export type Change = (typeof changes)[number];

/** One decision that would not, or may not, come out as it did. */
export interface Difference {
  readonly decision_id: string;
  readonly time: string;
  readonly subject: string | null;
  readonly attestor: string | null;
  readonly asked: { readonly resource: string | null; readonly scope: readonly string[] | null };
  /** Empty: it is undecidable. */
  readonly changes: readonly Change[];
  readonly was: Outcome | null;
  /** Null: nothing is granted, or it is undecidable. */
  readonly becomes: Outcome | null;
  /** Of the decision under the new policy; null: it is undecidable. */
  readonly reason: string | null;
  /** The rules that come out otherwise, one line each; of one that is undecidable, why. */
  readonly because: readonly string[];
}

export interface DiffSummary {
  /** Decisions that were made again, or would have been. */
  readonly decisions: number;
  readonly same: number;
  readonly undecidable: number;
  /** How many decisions have it; one may have several. */
  readonly changed: Readonly<Record<Change, number>>;
  readonly changedDecisions: number;
  /** Records of requests that ended before the policy, or for another reason than the policy's. */
  readonly passedOver: number;
}

/**
 * @param found gets each difference as it is found, in the order of the file
 * @throws Error that names the file and what to do about it, when it cannot be read
 */
export async function diffPolicy(
  configuration: Configuration,
  auditFile: string,
  found: (difference: Difference) => void,
): Promise<DiffSummary> {
  const changed = Object.fromEntries(changes.map((change) => [change, 0])) as Record<Change, number>;
  let [decisions, same, undecidable, changedDecisions, passedOver] = [0, 0, 0, 0, 0];
  for await (const record of readRecords(auditFile)) {
    const was = outcomeOf(record);
    if (was === undefined) {
      passedOver += 1;
      continue;
    }
    decisions += 1;
    const difference = compare(configuration, record, was);
    if (difference === null) {
      same += 1;
      continue;
    }
    for (const change of difference.changes) changed[change] += 1;
    if (difference.changes.length === 0) undecidable += 1;
    else changedDecisions += 1;
    found(difference);
  }
  return Object.freeze({ decisions, same, undecidable, changed, changedDecisions, passedOver });
}

/** @returns null when the decision comes out the same */
function compare(configuration: Configuration, record: AuditRecord, was: Outcome | null): Difference | null {
  const inputs = inputsOf(record);
  const why =
    inputs === null ? ['the record does not hold what was decided on'] : unknowable(configuration, record, inputs);
  if (inputs === null || why.length > 0) {
    return differenceOf(record, was, { changes: [], becomes: null, reason: null, because: why });
  }
  const decision = decide(configuration.policy, inputs.facts, inputs.asked);
  const becomes = outcomeOfDecision(decision);
  const found = changesOf(was, becomes);
  if (found.length === 0) return null;
  return differenceOf(record, was, {
    changes: found,
    becomes,
    reason: decision.reason,
    because: movedRules(record.rules ?? [], decision),
  });
}

type Compared = Pick<Difference, 'changes' | 'becomes' | 'reason' | 'because'>;

const differenceOf = (record: AuditRecord, was: Outcome | null, compared: Compared): Difference =>
  Object.freeze({
    decision_id: record.decision_id,
    time: record.time,
    subject: record.subject,
    attestor: record.attestor,
    asked: { resource: record.request.resource[0] ?? null, scope: record.request.scope },
    was,
    ...compared,
  });

/** Why the decision cannot be made again; empty when it can. */
function unknowable({ attestors, environment, policy }: Configuration, record: AuditRecord, inputs: Inputs): string[] {
  const { workload } = inputs.facts;
  const attestor = attestors.get(workload.attestor);
  if (attestor === undefined) return [`the configuration has no attestor ${workload.attestor}`];
  if (record.environment !== environment) {
    return [`it was recorded in ${record.environment}, and the configuration is that of ${environment}`];
  }
  const { reads = [], lookedUp = [] } = policy.attestors.get(workload.attestor) ?? {};
  const mapped = attestor.type.mappedKinds?.(attestor.options) ?? [];
  const unrecorded = unrecordedOf(inputs.facts, [...reads, ...lookedUp, ...mapped]);
  const names = decisiveNames(policy, inputs, unrecorded, record.rules ?? []);
  return names.map((name) => `it turns on ${name}, which was not recorded`);
}

function outcomeOfDecision({ granted }: Decision): Outcome | null {
  if (granted === null) return null;
  const { algorithm: _, tokenType: __, ...rest } = granted;
  return rest;
}

function changesOf(was: Outcome | null, becomes: Outcome | null): Change[] {
  if (was === null || becomes === null) {
    if (was === becomes) return [];
    return [was === null ? 'newly permitted' : 'newly refused'];
  }
  if (was.resource !== becomes.resource) return ['other resource'];
  const binding: readonly Change[] = isDeepStrictEqual(was.binding, becomes.binding) ? [] : ['other binding'];
  const tools: readonly Change[] = isDeepStrictEqual(was.authorizationDetails, becomes.authorizationDetails)
    ? []
    : ['other tools'];
  const lifetime = lifetimeChange(was.lifetime, becomes.lifetime);
  return [...scopeChange(was.scope, becomes.scope), ...lifetime, ...binding, ...tools];
}

function scopeChange(was: readonly string[], becomes: readonly string[]): Change[] {
  const lost = was.some((token) => !becomes.includes(token));
  const won = becomes.some((token) => !was.includes(token));
  if (lost && won) return ['other scope'];
  return lost ? ['narrower'] : won ? ['wider'] : [];
}

function lifetimeChange(was: number, becomes: number): Change[] {
  if (was === becomes) return [];
  return [becomes < was ? 'shorter' : 'longer'];
}

/** The rules whose verdict is another one, and, where there is none, what the decision says. */
function movedRules(before: readonly RuleVerdict[], decision: Decision): string[] {
  const old = new Map(before.map((verdict) => [verdict.rule, verdict]));
  const now = new Map(decision.rules.map((verdict) => [verdict.rule, verdict]));
  const moved = [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((rule) => {
    const [one, other] = [old.get(rule), now.get(rule)];
    if (one !== undefined && other !== undefined && judgement(one) === judgement(other)) return [];
    // A rule that did nothing and does nothing changes nothing.
    if ((one === undefined || one.verdict === 'fails') && (other === undefined || other.verdict === 'fails')) return [];
    return [`${rule}: ${other === undefined ? 'no candidate any more' : judgement(other)}${formerly(one)}`];
  });
  return moved.length > 0 ? moved : [decision.detail];
}

function judgement({ effect, shadow, verdict, clause, expected, seen }: RuleVerdict): string {
  const what = `${effect}${shadow ? ' in shadow' : ''}`;
  if (verdict === 'holds') return `${what}, every clause holds`;
  return `${what}, ${clause} ${verdict === 'unknown' ? 'is unknown' : verdict}: expected ${expected}, saw ${seen}`;
}

function formerly(one: RuleVerdict | undefined): string {
  if (one === undefined) return ' (it was no candidate)';
  return one.verdict === 'holds'
    ? ' (it held)'
    : ` (${one.clause} ${one.verdict === 'unknown' ? 'was unknown' : 'failed'})`;
}

/** Several lines for a person; what a record holds may have any characters, so each goes through `printable`. */
export function renderDifference(difference: Difference): string[] {
  const { changes: found, decision_id, time, subject, attestor, asked, was, becomes, reason, because } = difference;
  const what = found.length === 0 ? 'undecidable' : found.join(', ');
  const scope = asked.scope === null ? 'all that is granted' : `scope ${asked.scope.join(' ')}`;
  return [
    `${what}: ${decision_id}, ${time}`,
    `    who      ${subject ?? 'not known'} (${attestor ?? 'no attestor'})`,
    `    asked    ${asked.resource ?? 'no resource named'}, ${scope}`,
    `    was      ${told(was, 'nothing')}`,
    ...(found.length === 0 ? [] : [`    becomes  ${told(becomes, `nothing: ${reason}`)}`]),
    ...because.map((line, index) => `    ${(index === 0 ? 'because' : '').padEnd(8)} ${line}`),
  ];
}

const told = (outcome: Outcome | null, nothing: string): string =>
  outcome === null
    ? nothing
    : `scope ${outcome.scope.join(' ')} of ${outcome.resource} for ${outcome.lifetime} s${toldBinding(outcome.binding)}${toldTools(outcome)}`;

const toldTools = ({ authorizationDetails: details }: Outcome): string =>
  details === undefined ? '' : `, with ${JSON.stringify(details.flatMap((entry) => entry.tools))}`;

export function renderSummary({
  decisions,
  same,
  undecidable,
  changed,
  changedDecisions,
  passedOver,
}: DiffSummary): string {
  const kinds = changes.flatMap((change) => (changed[change] === 0 ? [] : [`${changed[change]} ${change}`]));
  const which = kinds.length === 0 ? '' : ` (${kinds.join(', ')})`;
  return `${decisions} decisions: ${changedDecisions} would change${which}, ${undecidable} undecidable, ${same} the same; ${passedOver} records without a decision of the policy`;
}
