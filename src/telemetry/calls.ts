/**
 * Which exchange a call belongs to. It is found out by the context that Node carries along, so that no room has to hand a trace on;
 * without traces nothing of this is there, and calls cost what they did before.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { FollowCall } from '../../attestors/attestor.js';
import type { Trace, TracedCall } from '../exchange/trace.js';
import type { MeasureRoundTrip } from './measured-store.js';

/** Of one exchange: limits of behaviour may have to be counted hundreds of times. */
const mostCalls = 64;

/** In an exchange that is traced; elsewhere it does nothing. */
export interface Calls {
  /** A trace to which calls belong from now on. */
  open(traceId: string, parentSpanId: string | null): Trace;
  /** Requests to others: their method, host and status, and nothing else of the URL. */
  readonly follow: FollowCall;
  /** Commands of the store: which operation, and nothing of its keys. */
  readonly roundTrip: MeasureRoundTrip;
}

interface Open {
  readonly traceId: string;
  /** Null: it has ended. */
  calls: TracedCall[] | null;
  leftOut: number;
}

/** @param storeSystem as `db.system.name` has it */
export function createCalls(storeSystem: string): Calls {
  const context = new AsyncLocalStorage<Open>();

  return Object.freeze<Calls>({
    open(traceId, parentSpanId) {
      const open: Open = { traceId, calls: [], leftOut: 0 };
      return Object.freeze<Trace>({
        traceId,
        parentSpanId,
        within: (work) => context.run(open, work),
        end() {
          const { calls, leftOut } = open;
          open.calls = null;
          return { calls: calls ?? [], leftOut };
        },
      });
    },
    follow(method, { hostname, port, protocol }) {
      const open = context.getStore();
      if (open?.calls == null) return undefined;
      const spanId = newSpanId();
      const began = performance.now();
      return {
        traceparent: `00-${open.traceId}-${spanId}-01`,
        ended(status, reason) {
          const error = reason ?? (status !== null && status >= 400 ? String(status) : undefined);
          const attributes = {
            'http.request.method': method,
            'server.address': hostname.replace(/^\[(.*)\]$/, '$1'),
            'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
            ...(status !== null && { 'http.response.status_code': status }),
            ...(error !== undefined && { 'error.type': error }),
          };
          const ended = performance.now();
          keep(open, { spanId, name: method, attributes, began, ended, failed: error !== undefined });
        },
      };
    },
    roundTrip(operation, seconds, failed) {
      const open = context.getStore();
      if (open === undefined) return;
      const attributes = {
        'db.system.name': storeSystem,
        'db.operation.name': operation,
        ...(failed && { 'error.type': 'store_failed' }),
      };
      const ended = performance.now();
      keep(open, { spanId: newSpanId(), name: operation, attributes, began: ended - seconds * 1000, ended, failed });
    },
  });
}

function keep(open: Open, call: TracedCall): void {
  if (open.calls === null) return;
  if (open.calls.length < mostCalls) open.calls.push(call);
  else open.leftOut += 1;
}

export const newSpanId = (): string => randomBytes(8).toString('hex');
