/** `GET /metrics`, in Prometheus' text format. Nothing is counted twice: what a room knows is asked when it is scraped. */
import { Counter, Gauge, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';
import type { Watched } from '../../attestors/attestor.js';

export interface MetricsRoom {
  /** By attestor. */
  readonly watched: () => Readonly<Record<string, readonly Watched[]>>;
  /** The one in force, and whether the file on disk could not be taken. */
  readonly policy: () => { readonly revision: string; readonly refused: boolean };
  /** Refusals that were counted and not written. */
  readonly suppressed: () => number;
}

export type MetricsJson = readonly MetricObjectWithValues<MetricValue<string>>[];

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** The same as values, for a page of several processes. */
  json(): Promise<MetricsJson>;
}

const watchedGauges: readonly { name: string; help: string; value: (watched: Watched) => number }[] = [
  {
    name: 'counterseal_watched_known',
    help: '1 while the watched picture is recent enough to decide by, else 0.',
    value: ({ known }) => Number(known),
  },
  {
    name: 'counterseal_watched_age_seconds',
    help: 'Since the watched picture was known to be complete; +Inf before it first was.',
    value: ({ age }) => age ?? Number.POSITIVE_INFINITY,
  },
  { name: 'counterseal_watched_objects', help: 'Objects in the watched picture.', value: ({ objects }) => objects },
];

export function createMetrics({ watched, policy, suppressed }: MetricsRoom): Metrics {
  const registry = new Registry();
  const registers = [registry];
  for (const { name, help, value } of watchedGauges) {
    new Gauge({
      name,
      help,
      registers,
      labelNames: ['attestor', 'kind'],
      collect() {
        for (const [attestor, kinds] of Object.entries(watched())) {
          for (const one of kinds) this.set({ attestor, kind: one.kind }, value(one));
        }
      },
    });
  }
  new Gauge({
    name: 'counterseal_policy_info',
    help: '1, by the revision of the policy in force.',
    registers,
    labelNames: ['revision'],
    collect() {
      this.reset();
      this.set({ revision: policy().revision }, 1);
    },
  });
  new Gauge({
    name: 'counterseal_policy_file_refused',
    help: '1 while the configuration file on disk cannot be taken, and an earlier policy is in force, else 0.',
    registers,
    collect() {
      this.set(Number(policy().refused));
    },
  });
  new Counter({
    name: 'counterseal_refusals_not_written_total',
    help: 'Refusals without verified evidence that went over the budget of their address: counted, not recorded.',
    registers,
    collect() {
      this.reset();
      this.inc(suppressed());
    },
  });
  return Object.freeze({
    contentType: registry.contentType,
    text: () => registry.metrics(),
    json: () => registry.getMetricsAsJSON(),
  });
}
