/**
 * Counters and histograms for what happens in every exchange. prom-client's own take about a microsecond for each value;
 * these add to a number that is found by one label's value, and become samples when they are scraped.
 */
import { Counter, type Metric } from 'prom-client';

/** Seconds. Stages without I/O, and commands of the embedded store, take a tenth of a millisecond. */
const bounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export interface CounterTally {
  readonly metric: Metric;
  /** @param values of the labels, in their order */
  count(...values: readonly string[]): void;
  /** There is a sample of 0, so that the first that is counted is seen as an increase. @param values as above */
  expect(...values: readonly string[]): void;
}

export function createCounterTally(name: string, help: string, labelNames: readonly string[]): CounterTally {
  const counts = new Map<string, { readonly labels: Record<string, string>; count: number }>();
  const metric = new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [],
    collect() {
      this.reset();
      for (const { labels, count } of counts.values()) this.inc(labels, count);
    },
  });
  const add = (by: 0 | 1, values: readonly string[]): void => {
    // No value has a line end in it: names of the configuration, and codes.
    const key = values.join('\n');
    const known = counts.get(key);
    if (known !== undefined) known.count += by;
    else
      counts.set(key, {
        labels: Object.fromEntries(labelNames.map((label, at) => [label, values[at] ?? ''])),
        count: by,
      });
  };
  return Object.freeze<CounterTally>({
    metric,
    count: (...values) => add(1, values),
    expect: (...values) => add(0, values),
  });
}

export interface HistogramTally {
  readonly metric: Metric;
  /** @param value of the label */
  observe(value: string, seconds: number): void;
}

interface Distribution {
  /** By bound, the last beyond all; each value in one. */
  readonly counts: number[];
  sum: number;
}

export function createHistogramTally(name: string, help: string, label: string): HistogramTally {
  const distributions = new Map<string, Distribution>();
  const metric = {
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: samplesOf() }),
    reset: () => distributions.clear(),
  };
  const samplesOf = () =>
    [...distributions].flatMap(([value, { counts, sum }]) => {
      const labels = { [label]: value };
      let total = 0;
      const buckets = counts.map((count, at) => {
        total += count;
        return { metricName: `${name}_bucket`, labels: { le: bounds[at] ?? '+Inf', ...labels }, value: total };
      });
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: total },
      ];
    });
  return Object.freeze<HistogramTally>({
    // All that a registry asks of a metric; its type wants a class of prom-client.
    metric: metric as unknown as Metric,
    observe(value, seconds) {
      let distribution = distributions.get(value);
      if (distribution === undefined) {
        distribution = { counts: new Array(bounds.length + 1).fill(0), sum: 0 };
        distributions.set(value, distribution);
      }
      distribution.sum += seconds;
      let at = 0;
      while (at < bounds.length && seconds > (bounds[at] as number)) at += 1;
      distribution.counts[at] = (distribution.counts[at] ?? 0) + 1;
    },
  });
}
