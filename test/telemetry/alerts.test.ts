/** What the dashboard and the alerts ask Prometheus for is there, and each alert says what to do. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { type Scrape, scrape } from '../support/scrape.js';
import { startService } from '../support/service.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

const alerts = (parse(read('deploy/helm/alerts/counterseal.yaml')) as { groups: { rules: Alert[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
const { panels } = JSON.parse(read('deploy/helm/dashboards/counterseal.json')) as {
  panels: { title: string; targets: { expr: string }[] }[];
};
const asked = [
  ...alerts.map(({ alert, expr }) => ({ where: alert, expr })),
  ...panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({
      where: title,
      // Grafana fills it in.
      expr: expr.replaceAll('$__rate_interval', '5m'),
    })),
  ),
];

/** Texts of the nodes of a kind; throws on what is no PromQL. */
function nodesOf(expr: string, kind: string): string[] {
  const found: string[] = [];
  parser.parse(expr).iterate({
    enter(node) {
      assert.ok(!node.type.isError, `no PromQL at ${node.from}: ${expr}`);
      if (node.name === kind) found.push(expr.slice(node.from, node.to));
    },
  });
  return found;
}

describe('telemetry: dashboard and alerts', () => {
  let seen: Scrape;
  before(async () => {
    const service = await startService();
    await service.exchange();
    await service.exchange({ resource: 'https://elsewhere.example' });
    seen = await scrape(service.healthUrl);
    await service.close();
  });

  it('tell PromQL from what is none', () => {
    assert.deepEqual(nodesOf('sum(rate(a_total[5m])) / b', 'Identifier'), ['a_total', 'b']);
    assert.throws(() => nodesOf('sum(rate(a_total[5m]) / b', 'Identifier'), /no PromQL/);
  });

  for (const { where, expr } of asked) {
    it(`ask for metrics that a running service has: ${where}`, () => {
      const names = nodesOf(expr, 'Identifier');
      assert.ok(names.length > 0);
      for (const name of names) {
        const family = name.replace(/_(bucket|sum|count)$/, '');
        assert.ok(seen.names.has(family) || seen.names.has(name), name);
      }
    });
  }

  it('group by labels that these metrics have, as docs/telemetry.md says', () => {
    const rows = [...read('docs/telemetry.md').matchAll(/^\| `(counterseal_\w+)` \| ([^|]*)\|/gm)];
    const labels = new Map(rows.map(([, name = '', cell = '']) => [name, [...cell.matchAll(/\w+/g)].map(String)]));
    for (const { where, expr } of asked) {
      const names = nodesOf(expr, 'Identifier').map((name) => name.replace(/_bucket$/, ''));
      // Prometheus' own, and that of buckets.
      const known = new Set(['namespace', 'job', 'instance', 'le', ...names.flatMap((name) => labels.get(name) ?? [])]);
      for (const label of nodesOf(expr, 'LabelName')) assert.ok(known.has(label), `${where}: ${label}`);
    }
  });

  it('are of one release each: what is asked for names its job, and alerts keep that it is theirs', () => {
    for (const { where, expr } of asked) {
      const selectors = nodesOf(expr, 'VectorSelector');
      assert.ok(selectors.length > 0, where);
      const isOfOne = (selector: string) => /job="(counterseal|\$job)"/.test(selector);
      assert.deepEqual(
        selectors.filter((selector) => !isOfOne(selector)),
        [],
        where,
      );
    }
    for (const { alert, expr } of alerts) {
      const groupings = nodesOf(expr, 'GroupingLabels');
      assert.equal(groupings.length, nodesOf(expr, 'AggregateExpr').length, alert);
      for (const grouping of groupings) assert.match(grouping, /^\(namespace, job\b/, alert);
    }
  });

  it('each alert has its paragraph in the runbooks, which its URL names, and no paragraph is of none', () => {
    const page = read('docs/runbooks.md');
    const headings = [...page.matchAll(/^## (\w+)$/gm)].map(([, name = '']) => name);
    assert.deepEqual(
      headings,
      alerts.map(({ alert }) => alert),
    );
    for (const { alert, annotations } of alerts) {
      assert.equal(annotations.runbook_url, `docs/runbooks.md#${alert.toLowerCase()}`);
      assert.ok(annotations.summary !== '');
    }
    for (const section of page.split(/^## /m).slice(1)) assert.ok(section.length > 200, section.slice(0, 40));
  });
});
