/** What is counted and measured while it happens. Labels have values of the configuration and of our tables only, none of a request. */
import type { Metric } from 'prom-client';
import { pinAlerts } from '../binding/pins.js';
import { type Fault, faults } from '../errors.js';
import type { Observe } from '../exchange/pipeline.js';
import type { IntrospectionOutcome } from '../introspection/introspection.js';
import type { RevocationOutcome } from '../introspection/revoke.js';
import { type LimitedBy, limitedBy } from '../limits/limits.js';
import type { Decision, RuleVerdict } from '../policy/decision.js';
import type { MeasureRoundTrip } from './measured-store.js';
import { createCounterTally, createHistogramTally } from './tally.js';

export interface Instruments {
  /** An exchange that has ended. */
  readonly exchange: Observe;
  readonly introspection: (outcome: IntrospectionOutcome, fault: Fault | null) => void;
  readonly revocation: (outcome: RevocationOutcome, fault: Fault | null) => void;
  /** Pinned evidence that was in other hands, at another endpoint than that of tokens. */
  readonly alert: (attestor: string, alert: string) => void;
  readonly rateLimited: (by: LimitedBy) => void;
  readonly roundTrip: MeasureRoundTrip;
  readonly metrics: readonly Metric[];
}

/** Of what is not known, and of what does not apply. */
const none = 'none';

/** @param pinning names of the attestors whose evidence is pinned */
export function createInstruments(pinning: readonly string[]): Instruments {
  const exchanges = createCounterTally('counterseal_exchanges_total', 'Requests to the token endpoint, each once.', [
    'attestor',
    'outcome',
    'error',
    'fault',
  ]);
  const rules = createCounterTally(
    'counterseal_rule_exchanges_total',
    'Exchanges that a rule permitted or refused: one for each rule that did.',
    ['attestor', 'rule', 'outcome'],
  );
  const duration = createHistogramTally(
    'counterseal_exchange_duration_seconds',
    'From the whole body to the answer.',
    'outcome',
  );
  const stageDuration = createHistogramTally(
    'counterseal_exchange_stage_duration_seconds',
    'The same, by stage of the pipeline.',
    'stage',
  );
  const introspections = createCounterTally(
    'counterseal_introspections_total',
    'Requests to the introspection endpoint.',
    ['outcome', 'error', 'fault'],
  );
  const alerts = createCounterTally(
    'counterseal_evidence_alerts_total',
    'Refusals of pinned evidence that was in other hands, by the alert of the record.',
    ['attestor', 'alert'],
  );
  for (const attestor of pinning) for (const alert of pinAlerts) alerts.expect(attestor, alert);
  const limited = createCounterTally(
    'counterseal_rate_limited_total',
    'Requests that were over a limit, on all endpoints.',
    ['by'],
  );
  for (const by of limitedBy) limited.expect(by);
  const revocations = createCounterTally(
    'counterseal_revocation_requests_total',
    'Requests to the revocation endpoint.',
    ['outcome', 'error', 'fault'],
  );
  const roundTrips = createHistogramTally(
    'counterseal_store_operation_duration_seconds',
    'Round trips to the store, those that failed included.',
    'operation',
  );
  const storeErrors = createCounterTally('counterseal_store_errors_total', 'Round trips to the store that failed.', [
    'operation',
  ]);
  const all = [
    ...[exchanges, rules, duration, stageDuration, introspections, revocations],
    ...[alerts, limited, roundTrips, storeErrors],
  ];
  return Object.freeze<Instruments>({
    metrics: all.map(({ metric }) => metric),
    exchange({ attestor = none, delegatorAttestor = attestor, refusal, decision }, times) {
      const outcome = refusal === undefined ? 'permitted' : 'refused';
      exchanges.count(attestor, outcome, ...faultLabels(refusal?.fault ?? null));
      // Once a delegator's evidence is looked at, that of who asks is in the right hands.
      if (refusal !== undefined && pinAlerts.has(refusal.reason)) alerts.count(delegatorAttestor, refusal.reason);
      for (const rule of decisiveRules(decision, refusal === undefined)) rules.count(attestor, rule, outcome);
      for (const { stage, began, ended } of times) stageDuration.observe(stage, (ended - began) / 1000);
      const [first, last] = [times[0], times.at(-1)];
      if (first !== undefined && last !== undefined) duration.observe(outcome, (last.ended - first.began) / 1000);
    },
    introspection: (outcome, fault) => introspections.count(outcome, ...faultLabels(fault)),
    revocation: (outcome, fault) => revocations.count(outcome, ...faultLabels(fault)),
    alert: (attestor, alert) => alerts.count(attestor, alert),
    rateLimited: (by) => limited.count(by),
    roundTrip(operation, seconds, failed) {
      roundTrips.observe(operation, seconds);
      if (failed) storeErrors.count(operation);
    },
  });
}

const faultLabels = (fault: Fault | null): readonly [error: string, fault: string] =>
  fault === null ? [none, none] : [faults[fault].error ?? none, fault];

/** Those that hold of a permit; of a refusal the denials that made it one. */
function decisiveRules(decision: Decision | undefined, permitted: boolean): readonly string[] {
  if (decision === undefined || (!permitted && !isDenial(decision))) return [];
  const isDecisive = ({ effect, verdict, shadow }: RuleVerdict) =>
    shadow !== true &&
    (permitted ? effect === 'grant' && verdict === 'holds' : effect === 'deny' && verdict !== 'fails');
  return decision.rules.flatMap((rule) => (isDecisive(rule) ? [rule.rule] : []));
}

const isDenial = ({ reason }: Decision) => reason === 'denied_by_rule' || reason === 'deny_unknown';
