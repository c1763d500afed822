import assert from 'node:assert/strict';
import { createSampling, mostByCallers } from '../../src/telemetry/sampling.js';
import { startCollector } from '../support/collector.js';
import { scrape } from '../support/scrape.js';
import { startService } from '../support/service.js';

const times = (count: number, sample: () => boolean) => Array.from({ length: count }, sample).filter(Boolean).length;

describe('telemetry: which exchanges are traced', () => {
  it('callers that say sampled are followed for ten exchanges a second, however many there are', () => {
    let now = 0;
    const sample = createSampling({ ratio: 0, now: () => now });
    assert.equal(
      times(10_000, () => sample(true)),
      mostByCallers,
    );
    now += 500;
    assert.equal(
      times(10_000, () => sample(true)),
      mostByCallers / 2,
    );
    now += 3_600_000;
    assert.equal(
      times(10_000, () => sample(true)),
      mostByCallers,
    );
  });

  it('beyond them the ratio decides, which no trace id can be chosen for', () => {
    let now = 0;
    const sample = createSampling({ ratio: 0.25, now: () => now });
    const followed = times(40_000, () => sample(true)) - mostByCallers;
    assert.ok(followed > 9_000 && followed < 11_000, String(followed));
    now += 1;
    const own = times(40_000, () => sample(undefined));
    assert.ok(own > 9_000 && own < 11_000, String(own));
  });

  it('what a caller does not sample is not traced, and costs those who do nothing', () => {
    const sample = createSampling({ ratio: 1, now: () => 0 });
    assert.equal(
      times(100, () => sample(false)),
      0,
    );
    const none = createSampling({ ratio: 0, now: () => 0 });
    for (let round = 0; round < 100; round++) assert.equal(none(undefined) || none(false), false);
    assert.equal(
      times(100, () => none(true)),
      mostByCallers,
    );
  });

  it('a stranger who says sampled with each of his requests does not fill the queue', async () => {
    const collector = await startCollector();
    const service = await startService({
      more: `telemetry: { traces: { endpoint: "${collector.endpoint}", sampleRatio: 0 } }`,
    });
    const began = performance.now();
    for (let round = 0; round < 60; round++) {
      const traceparent = `00-${'0'.repeat(31)}1-00f067aa0ba902b7-01`;
      await service.post({ grant_type: 'nothing' }, { traceparent });
    }
    const seconds = (performance.now() - began) / 1000;
    const counted = await scrape(service.healthUrl);
    await service.close();
    await collector.close();
    const labels = 'attestor="none",outcome="refused",error="unsupported_grant_type",fault="grant_type_unsupported"';
    assert.equal(counted.value(`counterseal_exchanges_total{${labels}}`), 60);
    const roots = collector.spans().filter(({ name }) => name === 'POST /token').length;
    assert.ok(roots >= mostByCallers && roots <= Math.ceil(mostByCallers * (1 + seconds)), `${roots} in ${seconds} s`);
  });
});
