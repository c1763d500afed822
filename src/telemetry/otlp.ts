/** An exchange as spans of OpenTelemetry, in OTLP's JSON (opentelemetry-proto 1.x: ids are hexadecimal, times are text). */
import { randomBytes } from 'node:crypto';
import { faults } from '../errors.js';
import type { StageTime } from '../exchange/timeline.js';
import type { Trail } from '../exchange/trail.js';
import { version } from '../version.js';

const server = 2;
const internal = 1;
const failed = 2;

/** One for the request, and one for each of its stages. Nothing of the evidence, its subject or its address is in it. */
export function spansOf(trail: Trail, times: readonly StageTime[]): readonly object[] {
  const { trace } = trail;
  const [first, last] = [times[0], times.at(-1)];
  if (trace === undefined || first === undefined || last === undefined) return [];
  const { traceId, parentSpanId } = trace;
  const spanId = randomBytes(8).toString('hex');
  const isOurs = trail.refusal !== undefined && faults[trail.refusal.fault].status >= 500;
  const root = {
    ...{ traceId, spanId, ...(parentSpanId === null ? {} : { parentSpanId }), name: 'POST /token', kind: server },
    ...span(first.began, last.ended),
    attributes: attributesOf(trail),
    status: isOurs ? { code: failed } : {},
  };
  const stages = times.map(({ stage, began, ended }) => ({
    ...{ traceId, spanId: randomBytes(8).toString('hex'), parentSpanId: spanId, name: stage, kind: internal },
    ...span(began, ended),
  }));
  return [root, ...stages];
}

export function requestOf(spans: readonly object[]): string {
  const resource = { attributes: [text('service.name', 'counterseal'), text('service.version', version)] };
  return JSON.stringify({
    resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'counterseal', version }, spans }] }],
  });
}

const span = (began: number, ended: number) => ({
  startTimeUnixNano: nanoseconds(began),
  endTimeUnixNano: nanoseconds(ended),
});

/** @param time milliseconds of `performance.now()` */
const nanoseconds = (time: number) => String(BigInt(Math.round((performance.timeOrigin + time) * 1000)) * 1000n);

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });

function attributesOf({ decisionId, attestor, refusal, decision }: Trail) {
  const rules = (decision?.rules ?? []).map(({ rule }) => ({ stringValue: rule }));
  return [
    text('counterseal.decision_id', decisionId),
    text('counterseal.attestor', attestor ?? 'none'),
    text('counterseal.outcome', refusal === undefined ? 'permitted' : 'refused'),
    ...(refusal === undefined ? [] : [text('counterseal.fault', refusal.fault)]),
    ...(rules.length === 0 ? [] : [{ key: 'counterseal.rules', value: { arrayValue: { values: rules } } }]),
  ];
}
