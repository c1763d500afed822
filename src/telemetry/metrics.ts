/**
 * `GET /metrics`, in Prometheus' text format. What a room knows is asked when it is scraped; what happens is counted by
 * the instruments. Each gauge says how several processes of one machine are added up.
 */
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import type { Watched } from '../../attestors/attestor.js';
import { version } from '../version.js';
import type { Instruments } from './instruments.js';

export interface MetricsRoom {
  readonly instruments: Pick<Instruments, 'metrics'>;
  /** By attestor. */
  readonly watched: () => Readonly<Record<string, readonly Watched[]>>;
  /** By attestor: its key sets. Seconds since they were loaded; null: they never were. */
  readonly keys: () => Readonly<Record<string, readonly { readonly ageSeconds: number | null }[]>>;
  /** That are published. */
  readonly signingKeys: () => readonly { readonly alg?: string }[];
  /** Of those that the service keeps itself: seconds since each got into its state. */
  readonly signingKeyAges: () => readonly {
    readonly algorithm: string;
    readonly state: string;
    readonly age: number;
  }[];
  /** Of the public listener; null: it speaks plain HTTP. `notAfter`: of the certificate in use, in seconds since the epoch. */
  readonly tls: () => { readonly notAfter: number; readonly refused: boolean } | null;
  /** Null: the store is on this machine. `since`: from when on its claims are known, in milliseconds since the epoch. */
  readonly store: () => { readonly isAnswering: boolean; readonly since: number } | null;
  /** The one in force, and whether the file on disk could not be taken. */
  readonly policy: () => { readonly revision: string; readonly refused: boolean };
  /** Refusals that were counted and not written. */
  readonly suppressed: () => number;
  /** Writes that failed, by audit sink. */
  readonly auditFailures: () => Readonly<Record<string, number>>;
}

export type MetricsJson = readonly MetricObjectWithValues<MetricValue<string>>[];

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** The same as values, for a page of several processes. */
  json(): Promise<MetricsJson>;
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Scraped {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly aggregator: 'sum' | 'min' | 'max';
  readonly samples: (room: MetricsRoom) => readonly Sample[];
}

const watchedGauge = (value: (watched: Watched) => number): Pick<Scraped, 'labelNames' | 'samples'> => ({
  labelNames: ['attestor', 'kind'],
  samples: ({ watched }) =>
    Object.entries(watched()).flatMap(([attestor, kinds]) =>
      kinds.map((one): Sample => [{ attestor, kind: one.kind }, value(one)]),
    ),
});

/** Of what is not there in every service. */
const ofOne = <State>(state: State | null, value: (state: State) => number): readonly Sample[] =>
  state === null ? [] : [[{}, value(state)]];

const gauges: readonly Scraped[] = [
  {
    name: 'counterseal_watched_known',
    help: '1 while the watched picture is recent enough to decide by, else 0.',
    aggregator: 'min',
    ...watchedGauge(({ known }) => Number(known)),
  },
  {
    name: 'counterseal_watched_age_seconds',
    help: 'Since the watched picture was known to be complete; +Inf before it first was.',
    aggregator: 'max',
    ...watchedGauge(({ age }) => age ?? Number.POSITIVE_INFINITY),
  },
  {
    name: 'counterseal_watched_objects',
    help: 'Objects in the watched picture.',
    aggregator: 'max',
    ...watchedGauge(({ objects }) => objects),
  },
  {
    name: 'counterseal_attestor_keys_age_seconds',
    help: "Since an attestor's keys were loaded, the oldest of its sets; +Inf before they first were.",
    labelNames: ['attestor'],
    aggregator: 'max',
    samples: ({ keys }) =>
      Object.entries(keys()).map(([attestor, sets]): Sample => {
        const ages = sets.map(({ ageSeconds }) => ageSeconds ?? Number.POSITIVE_INFINITY);
        return [{ attestor }, Math.max(...ages)];
      }),
  },
  {
    name: 'counterseal_signing_keys',
    help: 'Public keys that are published, by algorithm.',
    labelNames: ['algorithm'],
    aggregator: 'max',
    samples: ({ signingKeys }) => {
      const counts = new Map<string, number>();
      for (const { alg = 'unknown' } of signingKeys()) counts.set(alg, (counts.get(alg) ?? 0) + 1);
      return [...counts].map(([algorithm, count]): Sample => [{ algorithm }, count]);
    },
  },
  {
    name: 'counterseal_signing_key_age_seconds',
    help: 'Since the key signs, or since it is published as the next one; of keys that the service keeps itself.',
    labelNames: ['algorithm', 'state'],
    aggregator: 'max',
    samples: ({ signingKeyAges }) =>
      signingKeyAges().flatMap(({ algorithm, state, age }): readonly Sample[] =>
        state === 'retired' ? [] : [[{ algorithm, state }, age]],
      ),
  },
  {
    name: 'counterseal_tls_certificate_end_seconds',
    help: 'When the certificate in use ends, in seconds since the epoch.',
    aggregator: 'min',
    samples: ({ tls }) => ofOne(tls(), ({ notAfter }) => notAfter),
  },
  {
    name: 'counterseal_tls_files_refused',
    help: '1 while the certificate or the key on disk cannot be taken, and an earlier certificate is in use, else 0.',
    aggregator: 'max',
    samples: ({ tls }) => ofOne(tls(), ({ refused }) => Number(refused)),
  },
  {
    name: 'counterseal_store_answering',
    help: '1 while Redis answers, else 0.',
    aggregator: 'min',
    samples: ({ store }) => ofOne(store(), ({ isAnswering }) => Number(isAnswering)),
  },
  {
    name: 'counterseal_store_claims_known_since_seconds',
    help: 'When Redis was emptied, restarted or failed over last: claims are known since then, in seconds since the epoch.',
    aggregator: 'max',
    samples: ({ store }) => ofOne(store(), ({ since }) => since / 1000),
  },
  {
    name: 'counterseal_policy_info',
    help: '1, by the revision of the policy in force.',
    labelNames: ['revision'],
    aggregator: 'max',
    samples: ({ policy }) => [[{ revision: policy().revision }, 1]],
  },
  {
    name: 'counterseal_policy_file_refused',
    help: '1 while the configuration file on disk cannot be taken, and an earlier policy is in force, else 0.',
    aggregator: 'max',
    samples: ({ policy }) => [[{}, Number(policy().refused)]],
  },
  {
    name: 'counterseal_build_info',
    help: '1, by the versions of the service and of Node.',
    labelNames: ['version', 'node'],
    aggregator: 'max',
    samples: () => [[{ version, node: process.version }, 1]],
  },
];

/** What rooms count themselves. */
const counters: readonly Omit<Scraped, 'aggregator'>[] = [
  {
    name: 'counterseal_refusals_not_written_total',
    help: 'Refusals without verified evidence, or over a limit, that went over the budget of their address: counted, not recorded.',
    samples: ({ suppressed }) => [[{}, suppressed()]],
  },
  {
    name: 'counterseal_audit_failures_total',
    help: 'Writes to an audit sink that failed; until one succeeds, no token is issued.',
    labelNames: ['sink'],
    samples: ({ auditFailures }) => Object.entries(auditFailures()).map(([sink, count]): Sample => [{ sink }, count]),
  },
];

export function createMetrics(room: MetricsRoom): Metrics {
  const registry = new Registry();
  const registers = [registry];
  for (const { samples, labelNames = [], ...rest } of gauges) {
    new Gauge({
      ...rest,
      labelNames: [...labelNames],
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of samples(room)) this.set(labels, value);
      },
    });
  }
  for (const { samples, labelNames = [], ...rest } of counters) {
    new Counter({
      ...rest,
      labelNames: [...labelNames],
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of samples(room)) this.inc(labels, value);
      },
    });
  }
  for (const metric of room.instruments.metrics) registry.registerMetric(metric);
  const all = Registry.merge([registry, processMetrics()]);
  return Object.freeze({
    contentType: all.contentType,
    text: () => all.metrics(),
    json: () => all.getMetricsAsJSON(),
  });
}

let ofProcess: Registry | undefined;

/** Once a process, however many services it has: each collection keeps a timer and an observer of its own, without an end. */
function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}
