/** An exchange as spans of OpenTelemetry, in OTLP's JSON (opentelemetry-proto 1.x: ids are hexadecimal, times are text). */
import { faults } from '../errors.js';
import type { StageTime } from '../exchange/timeline.js';
import type { TracedCall } from '../exchange/trace.js';
import type { Trail } from '../exchange/trail.js';
import { version } from '../version.js';
import { newSpanId } from './calls.js';

const server = 2;
const internal = 1;
const client = 3;
const failed = 2;

/** One for the request, one for each of its stages, and in those one for each call. Nothing of the evidence, its subject or its address is in it. */
export function spansOf(trail: Trail, times: readonly StageTime[]): readonly object[] {
  const { trace } = trail;
  const [first, last] = [times[0], times.at(-1)];
  if (trace === undefined || first === undefined || last === undefined) return [];
  const { traceId, parentSpanId } = trace;
  const spanId = newSpanId();
  const { calls, leftOut } = trace.end();
  const isOurs = trail.refusal !== undefined && faults[trail.refusal.fault].status >= 500;
  const root = {
    ...{ traceId, spanId, ...(parentSpanId === null ? {} : { parentSpanId }), name: 'POST /token', kind: server },
    ...span(first.began, last.ended),
    attributes: [...attributesOf(trail), ...(leftOut === 0 ? [] : [attribute('counterseal.calls_left_out', leftOut)])],
    status: isOurs ? { code: failed } : {},
  };
  const stages = times.map(({ stage, began, ended }) => ({
    ...{ traceId, spanId: newSpanId(), parentSpanId: spanId, name: stage, kind: internal },
    ...span(began, ended),
  }));
  const stageOf = ({ began }: TracedCall) => stages[times.findLastIndex((time) => time.began <= began)]?.spanId;
  return [root, ...stages, ...calls.map((call) => callSpan(call, traceId, stageOf(call) ?? spanId))];
}

const callSpan = (
  { spanId, name, attributes, began, ended, failed: isFailed }: TracedCall,
  traceId: string,
  parentSpanId: string,
) => ({
  ...{ traceId, spanId, parentSpanId, name, kind: client },
  ...span(began, ended),
  attributes: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
  status: isFailed ? { code: failed } : {},
});

export function requestOf(spans: readonly object[]): string {
  const resource = { attributes: [attribute('service.name', 'counterseal'), attribute('service.version', version)] };
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

/** Whole numbers have 64 bits there, so they are text. */
const attribute = (key: string, value: string | number) => ({
  key,
  value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
});

function attributesOf({ decisionId, attestor, refusal, decision }: Trail) {
  const rules = (decision?.rules ?? []).map(({ rule }) => ({ stringValue: rule }));
  return [
    attribute('counterseal.decision_id', decisionId),
    attribute('counterseal.attestor', attestor ?? 'none'),
    attribute('counterseal.outcome', refusal === undefined ? 'permitted' : 'refused'),
    ...(refusal === undefined ? [] : [attribute('counterseal.fault', refusal.fault)]),
    ...(rules.length === 0 ? [] : [{ key: 'counterseal.rules', value: { arrayValue: { values: rules } } }]),
  ];
}
