/** The metrics of several processes as one page: each value with the number of its worker, so that nothing has to be added up here. */
import { AggregatorRegistry } from 'prom-client';
import type { Metrics, MetricsJson } from './metrics.js';

/** @param ask by worker; null: it does not answer */
export function metricsOfWorkers(
  ask: () => Promise<ReadonlyMap<number, MetricsJson | null>>,
): Pick<Metrics, 'contentType' | 'text'> {
  return Object.freeze({
    contentType: AggregatorRegistry.PROMETHEUS_CONTENT_TYPE,
    async text() {
      const pages = [...(await ask())].map(([worker, metrics]) => (metrics ?? []).map((one) => labelled(one, worker)));
      return AggregatorRegistry.aggregate(pages).metrics();
    },
  });
}

const labelled = (metric: MetricsJson[number], worker: number) => ({
  ...metric,
  values: metric.values.map((value) => ({ ...value, labels: { ...value.labels, worker } })),
});
