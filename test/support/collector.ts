/** A collector that keeps what it is sent. */
import { startUpstream } from './upstream.js';

export interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly SentAttribute[];
  readonly status?: { readonly code?: number };
}

interface SentAttribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}

export interface Collector {
  /** For `telemetry.traces.endpoint`. */
  readonly endpoint: string;
  /** As they came. */
  bodies(): readonly string[];
  spans(): readonly SentSpan[];
  /** `METHOD PATH` and the headers of each request. */
  requests(): readonly { readonly line: string; readonly headers: Readonly<Record<string, unknown>> }[];
  close(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const bodies: string[] = [];
  const requests: { line: string; headers: Record<string, unknown> }[] = [];
  const upstream = await startUpstream((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => {
      bodies.push(body);
      requests.push({ line: `${req.method} ${req.url}`, headers: req.headers });
      res.end('{}');
    });
  });
  return {
    endpoint: `http://127.0.0.1:${upstream.port}/v1/traces`,
    bodies: () => bodies,
    spans: () => bodies.flatMap((body) => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans as SentSpan[]),
    requests: () => requests,
    close: upstream.close,
  };
}
