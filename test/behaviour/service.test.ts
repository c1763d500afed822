/** Conditions of behaviour in running services. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { calendar, startService, type TestService } from '../support/service.js';

const rule = (behaviour: string) => `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-agent"] }
    conditions: [{ behaviour: ${behaviour} }]
    grant: { resource: "${calendar}", scope: [read:calendar] }`;

const exchangeAll = async (services: readonly TestService[], count: number): Promise<readonly number[]> => {
  const tokens = await Promise.all(Array.from({ length: count }, () => services[0]?.token()));
  const answers = tokens.map((token, index) =>
    services[index % services.length]?.exchange({ subject_token: String(token) }),
  );
  return (await Promise.all(answers)).map((answer) => answer?.status ?? 0);
};

describe('behaviour in a service', function () {
  this.timeout(20_000);

  it('of 100 exchanges at once over two services on one store, exactly as many get a token as the limit says', async () => {
    const rules = rule('{ exchangesPerDay: 13, distinctNetworksPerHour: 1 }');
    // All in one window.
    const at = Date.now();
    const now = () => at;
    const one = await startService({ rules, now });
    const two = await startService({ rules, now, folder: one.folder, cluster: one.cluster });
    try {
      const statuses = await exchangeAll([one, two], 100);
      assert.equal(statuses.filter((status) => status === 200).length, 13);
      assert.equal(statuses.filter((status) => status === 400).length, 87);
      const records = await one.records();
      for (const { outcome, facts, rules: verdicts } of records) {
        const count = Number(facts?.behaviour?.exchangesPerDay);
        assert.equal(outcome === 'permitted', count <= 13);
        if (outcome === 'permitted') continue;
        assert.equal(verdicts?.[0]?.clause, 'conditions[0].behaviour.exchangesPerDay');
        assert.match(String(verdicts?.[0]?.seen), new RegExp(`^${count} with this one, since `));
      }
      const counts = records.flatMap(({ outcome, facts }) =>
        outcome === 'permitted' ? [facts?.behaviour?.exchangesPerDay] : [],
      );
      assert.equal(new Set(counts).size, 13);
    } finally {
      await two.close(true);
      await one.close();
    }
  });

  it('counts on after a restart, and begins anew in the next window', async () => {
    let clock = Math.ceil(Date.now() / 60_000) * 60_000;
    const options = { rules: rule('{ exchangesPerMinute: 2 }'), now: () => clock };
    const one = await startService(options);
    assert.equal((await one.exchange()).status, 200);
    await one.close(true);
    const two = await startService({ ...options, folder: one.folder, cluster: one.cluster });
    try {
      assert.equal((await two.exchange()).status, 200);
      assert.equal((await two.exchange()).status, 400);
      clock += 60_000;
      assert.equal((await two.exchange()).status, 200);
    } finally {
      await two.close();
    }
  });

  it('records what was not known', async () => {
    const service = await startService({ rules: rule('{ distinctNodesPerHour: 1, offHours: false }') });
    try {
      assert.equal((await service.exchange()).status, 400);
      const { facts, rules } = await service.lastRecord();
      assert.equal(facts?.unknown['behaviour.offHours'], 'missing');
      assert.equal(rules?.[0]?.verdict, 'unknown');
    } finally {
      await service.close();
    }
  });

  it('is loaded from a file, which check takes', async () => {
    const service = await startService({ rules: rule('{ exchangesPerMinute: 10, firstUse: false, per: instance }') });
    try {
      const file = `${service.folder}/counterseal.yaml`;
      const told = execFileSync(process.execPath, ['--import', 'tsx', 'src/main.ts', 'check', '--config', file], {
        encoding: 'utf8',
        timeout: 25_000,
      });
      assert.match(told, /1 rule/);
    } finally {
      await service.close();
    }
  });
});
