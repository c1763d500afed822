/**
 * Traces, sent to an OpenTelemetry collector. No exchange waits for it: what it does not take in time is dropped, and
 * operators are told so once a minute.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observe } from '../exchange/pipeline.js';
import type { Trace } from '../exchange/trace.js';
import type { Calls } from './calls.js';
import { requestOf, spansOf } from './otlp.js';
import type { Sample } from './sampling.js';

/** Exchanges that wait to be sent, and that one request has, at most. */
const mostWaiting = 2_048;
const mostAtOnce = 256;
/** Milliseconds. */
const sendEvery = 2_000;
const quietFor = 60_000;
/** For what waits at the end. */
const lastChance = 1_000;

export interface TracesOptions {
  readonly calls: Calls;
  readonly sample: Sample;
  /** Sends one request. Rejects when the collector did not take it. */
  readonly send: (body: string) => Promise<void>;
  readonly warn: (message: string) => void;
}

export interface Traces extends Pick<Calls, 'follow' | 'roundTrip'> {
  /** Undefined: it is not sampled. @param traceparent as the header has it; one that is not valid is as good as none */
  begin(traceparent: string | undefined): Trace | undefined;
  readonly observe: Observe;
  /** Sends what waits, for a second at most. */
  close(): Promise<void>;
}

export function createTraces({ calls, sample, send, warn }: TracesOptions): Traces {
  const waiting: (readonly object[])[] = [];
  let dropped = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  let sending: Promise<void> | undefined;

  async function sendWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, mostAtOnce);
      try {
        await send(requestOf(batch.flat()));
      } catch (error) {
        dropped += batch.length;
        tell(error instanceof Error ? error.message : String(error));
        return;
      }
    }
  }

  function tell(why: string): void {
    const now = performance.now();
    if (now - toldAt < quietFor) return;
    toldAt = now;
    warn(`traces: ${dropped} exchanges could not be sent to the collector: ${why}`);
    dropped = 0;
  }

  const flush = () => {
    sending ??= sendWaiting().finally(() => {
      sending = undefined;
    });
    return sending;
  };
  const timer = setInterval(() => void flush(), sendEvery);
  timer.unref();

  return Object.freeze<Traces>({
    follow: calls.follow,
    roundTrip: calls.roundTrip,
    begin(traceparent) {
      const parent = readTraceparent(traceparent);
      if (!sample(parent?.isSampled)) return undefined;
      const { traceId = randomBytes(16).toString('hex'), parentSpanId = null } = parent ?? {};
      return calls.open(traceId, parentSpanId);
    },
    observe(trail, times) {
      if (trail.trace === undefined) return;
      if (waiting.length < mostWaiting) waiting.push(spansOf(trail, times));
      else dropped += 1;
    },
    async close() {
      clearInterval(timer);
      // What waits for us now is more than spans are worth.
      const rest = (async () => {
        await sending;
        await flush();
      })();
      await Promise.race([rest, sleep(lastChance, undefined, { ref: false })]);
    },
  });
}

/** W3C Trace Context §3.2.2; of versions that are to come the part that they share with 00. */
function readTraceparent(header = '') {
  const [, version = '', traceId = '', parentSpanId = '', flags = '', more = ''] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header) ?? [];
  if (version === '' || version === 'ff' || (version === '00' && more !== '')) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentSpanId)) return undefined;
  return { traceId, parentSpanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
