/** What `GET /metrics` answers, as values by name and labels. */
import assert from 'node:assert/strict';

export interface Scrape {
  readonly text: string;
  /** Of metrics, as `# TYPE` has them, without `_bucket` and the like. */
  readonly names: ReadonlySet<string>;
  /** Labels of a metric. */
  labelsOf(name: string): ReadonlySet<string>;
  /** Undefined: there is no such sample. @param sample such as `counterseal_exchanges_total{outcome="permitted"}`, with all its labels */
  value(sample: string): number | undefined;
}

export async function scrape(healthUrl: string): Promise<Scrape> {
  const response = await fetch(`${healthUrl}/metrics`);
  assert.equal(response.status, 200);
  const text = await response.text();
  const samples = new Map<string, number>();
  const labels = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    const [, sample = '', name = '', inside = '', value = ''] = /^((\w+)(?:\{(.*)\})?) (\S+)$/.exec(line) ?? [];
    if (name === '' || line.startsWith('#')) continue;
    samples.set(sample, Number(value));
    const known = labels.get(name) ?? new Set<string>();
    for (const [, label = ''] of inside.matchAll(/(\w+)="/g)) known.add(label);
    labels.set(name, known);
  }
  return {
    text,
    names: new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)),
    labelsOf: (name) => labels.get(name) ?? labels.get(`${name}_bucket`) ?? new Set(),
    value: (sample) => samples.get(sample),
  };
}
