/** The traces that the configuration names, with a way out of their own: to that endpoint and nowhere else. */
import { readFile } from 'node:fs/promises';
import { createOutbound } from '../outbound.js';
import { createCalls } from './calls.js';
import { readHeaders } from './headers.js';
import { createSampling } from './sampling.js';
import { createTraces, type Traces } from './traces.js';

export interface OpenTracesOptions {
  readonly endpoint: string;
  readonly sampleRatio: number;
  readonly headers?: { readonly file: string } | undefined;
}

export interface TracesRoom {
  /** Relative paths are relative to the configuration's folder. */
  readonly path: (relative: string) => string;
  /** As `outbound.ca` has it. */
  readonly ca: { readonly file: string } | undefined;
  /** As `store.type` has it. */
  readonly storeType: keyof typeof storeSystems;
  readonly warn: (message: string) => void;
}

/** As `db.system.name` has them. */
const storeSystems = { embedded: 'lmdb', memory: 'memory', redis: 'redis' } as const;

/** @throws Error when a file cannot be read, or its lines are no headers */
export async function openTraces(
  { endpoint, sampleRatio, headers }: OpenTracesOptions,
  room: TracesRoom,
): Promise<Traces> {
  const { path, ca, storeType, warn } = room;
  const all = {
    'content-type': 'application/json',
    ...(headers && (await readHeaders(path(headers.file)))),
  };
  const trust = ca === undefined ? {} : { ca: await readFile(path(ca.file), 'utf8') };
  // A collector is mostly near by, and spans hold no secrets.
  const outbound = createOutbound({ ...trust, allow: ['0.0.0.0/0', '::/0'], literalHosts: new Set(), plainHttp: true });
  const traces = createTraces({
    calls: createCalls(storeSystems[storeType]),
    sample: createSampling({ ratio: sampleRatio }),
    warn,
    async send(body) {
      const { status } = await outbound.send(endpoint, {
        method: 'POST',
        headers: all,
        body,
        signal: new AbortController().signal,
      });
      if (status !== 200 && status !== 202) throw new Error(`its answer is ${status}`);
    },
  });
  return Object.freeze<Traces>({
    ...traces,
    async close() {
      await traces.close();
      await outbound.close();
    },
  });
}
