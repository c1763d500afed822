import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { stages } from '../../src/exchange/timeline.js';
import { version } from '../../src/version.js';
import { accessToken, clients, introspect } from '../support/introspection.js';
import { type Scrape, scrape } from '../support/scrape.js';
import { calendar, startService, type TestService } from '../support/service.js';

const page = readFileSync(new URL('../../docs/telemetry.md', import.meta.url), 'utf8');

describe('telemetry: metrics of a running service', () => {
  let service: TestService;
  let seen: Scrape;
  before(async () => {
    service = await startService({
      more: clients,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: "${calendar}", scope: [read:calendar, write:events] }
  calendar-reader:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  shadowed:
    workload: { attestor: prod-eu }
    mode: shadow
    deny: { resource: "${calendar}" }
  nobody-in-quarantine:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:quarantine"] }
    deny: { resource: "*" }`,
    });
    const token = await accessToken(service);
    await introspect(service, { token });
    await introspect(service, { token: 'x.y.z' });
    await introspect(service, { token, client_assertion: undefined });
    await service.exchange({ resource: 'https://elsewhere.example' });
    await service.exchange({ subject_token: await service.token({ namespace: 'quarantine' }) });
    await service.exchange({ subject_token: 'ey.secret.token' });
    await service.exchange({ subject_token: `${(await service.token()).slice(0, -8)}AAAAAAAA` });
    await service.exchange({ grant_type: 'https://attacker.example/label' });
    seen = await scrape(service.healthUrl);
  });
  after(() => service.close());

  it('counts exchanges by attestor, outcome and the fault that the client was told', () => {
    const count = (attestor: string, outcome: string, error: string, fault: string) =>
      seen.value(
        `counterseal_exchanges_total{attestor="${attestor}",outcome="${outcome}",error="${error}",fault="${fault}"}`,
      );
    assert.equal(count('prod-eu', 'permitted', 'none', 'none'), 1);
    assert.equal(count('prod-eu', 'refused', 'invalid_target', 'target_refused'), 2);
    // Refused by the attestor that its issuer and audience lead to, and before there was one.
    assert.equal(count('prod-eu', 'refused', 'invalid_request', 'evidence_rejected'), 1);
    assert.equal(count('none', 'refused', 'invalid_request', 'evidence_rejected'), 1);
    assert.equal(count('none', 'refused', 'unsupported_grant_type', 'grant_type_unsupported'), 1);
  });

  it('counts a rule for each exchange that it granted or denied, one in shadow for none', () => {
    const count = (rule: string, outcome: string) =>
      seen.value(`counterseal_rule_exchanges_total{attestor="prod-eu",rule="${rule}",outcome="${outcome}"}`);
    assert.deepEqual(
      [count('calendar-agent', 'permitted'), count('calendar-reader', 'permitted'), count('shadowed', 'refused')],
      [1, 1, undefined],
    );
    assert.equal(count('nobody-in-quarantine', 'refused'), 1);
    assert.equal(count('calendar-agent', 'refused'), undefined);
  });

  it('no label has a value of a request', () => {
    for (const sent of ['attacker', 'elsewhere', 'secret', 'spiffe:', 'pod:', 'calendar.example']) {
      assert.equal(seen.text.includes(sent), false, sent);
    }
  });

  it('measures each exchange once, and each stage that it went through', () => {
    const of = (suffix: string) => seen.value(`counterseal_exchange_duration_seconds_${suffix}`);
    assert.deepEqual([of('count{outcome="permitted"}'), of('count{outcome="refused"}')], [1, 5]);
    const ofStage = (stage: string) =>
      seen.value(`counterseal_exchange_stage_duration_seconds_count{stage="${stage}"}`);
    assert.deepEqual(
      stages.map((stage) => ofStage(stage)),
      [6, 5, 3, 3, 3, 6, 6],
    );
    const sum = of('sum{outcome="permitted"}') ?? 0;
    assert.ok(sum > 0 && sum < 5);
  });

  it('buckets add up as Prometheus has them: cumulative, the last one the count', () => {
    const counts = [
      ...seen.text.matchAll(/^counterseal_exchange_duration_seconds_bucket\{le="(\S+)",outcome="refused"\} (\d+)$/gm),
    ];
    assert.deepEqual(
      counts.map(([, bound]) => bound),
      [
        '0.0001',
        '0.00025',
        '0.0005',
        '0.001',
        '0.0025',
        '0.005',
        '0.01',
        '0.025',
        '0.05',
        '0.1',
        '0.25',
        '0.5',
        '1',
        '2.5',
        '5',
        '+Inf',
      ],
    );
    const values = counts.map(([, , count]) => Number(count));
    assert.deepEqual(
      values,
      values.toSorted((one, other) => one - other),
    );
    assert.equal(values.at(-1), 5);
  });

  it('counts introspections by what came of them', () => {
    const count = (labels: string) => seen.value(`counterseal_introspections_total{${labels}}`);
    assert.equal(count('outcome="active",error="none",fault="none"'), 1);
    assert.equal(count('outcome="inactive",error="none",fault="none"'), 1);
    assert.equal(count('outcome="refused",error="invalid_client",fault="client_assertion_missing"'), 1);
  });

  it('tells of the store, the keys, the policy and the build', () => {
    assert.ok((seen.value('counterseal_store_operation_duration_seconds_count{operation="append"}') ?? 0) > 0);
    // The one that signs, and the next.
    assert.equal(seen.value('counterseal_signing_keys{algorithm="ES256"}'), 2);
    for (const state of ['active', 'next']) {
      const age = seen.value(`counterseal_signing_key_age_seconds{algorithm="ES256",state="${state}"}`) ?? -1;
      assert.ok(age >= 0 && age < 60, `${state}: ${age}`);
    }
    assert.equal(seen.value('counterseal_attestor_keys_age_seconds{attestor="prod-eu"}'), 0);
    assert.equal(seen.value('counterseal_policy_file_refused'), 0);
    assert.equal(seen.value(`counterseal_build_info{version="${version}",node="${process.version}"}`), 1);
    assert.equal(seen.value(`counterseal_audit_failures_total{sink="file ${service.folder}/audit.jsonl"}`), 0);
    assert.ok((seen.value('process_resident_memory_bytes') ?? 0) > 0);
  });

  it('docs/telemetry.md has every metric of the service with its labels, and no other', () => {
    const documented = [...page.matchAll(/^\| `(counterseal_\w+)` \| ([^|]*)\|/gm)].map(
      ([, name = '', cell = '']) => [name, [...cell.matchAll(/`(\w+)`/g)].map(([, label]) => label).join(' ')] as const,
    );
    const own = [...seen.names].filter((name) => name.startsWith('counterseal_'));
    assert.deepEqual(documented.map(([name]) => name).sort(), own.sort());
    for (const [name, labels] of documented) {
      const scraped = [...seen.labelsOf(name)].filter((label) => label !== 'le');
      // What is watched has no sample here: there is no API server.
      if (scraped.length > 0) assert.equal(scraped.join(' '), labels, name);
    }
  });
});

describe('telemetry: metrics when the audit log fails', () => {
  it('counts the failed writes of the sink, and the exchanges that they refused', async function () {
    if (process.platform !== 'linux') return this.skip(); // /dev/full is Linux's
    const service = await startService({
      audit: '{ durability: strict, sinks: [{ type: file, path: audit.jsonl }, { type: file, path: /dev/full }] }',
    });
    await service.exchange();
    const seen = await scrape(service.healthUrl);
    await service.close();
    assert.ok((seen.value('counterseal_audit_failures_total{sink="file /dev/full"}') ?? 0) >= 1);
    const labels = 'attestor="prod-eu",outcome="refused",error="temporarily_unavailable",fault="audit_unavailable"';
    assert.equal(seen.value(`counterseal_exchanges_total{${labels}}`), 1);
  });
});
