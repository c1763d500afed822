import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { auditLine } from '../../src/audit/line.js';
import type { AuditRecord } from '../../src/audit/record.js';
import { parseConfiguration } from '../../src/config/load.js';
import { decide } from '../../src/policy/decide.js';
import type { Facts, WorkloadFacts } from '../../src/policy/facts.js';
import { type Difference, diffPolicy, renderDifference, renderSummary } from '../../src/policy-tools/diff.js';
import { decisiveNames } from '../../src/policy-tools/unrecorded.js';
import { record } from '../audit/fixtures.js';
import { calendar, factsOf } from '../policy/samples.js';

const mail = 'https://mail.example/mcp';

const attestorBlocks = `
  prod-eu: { type: kubernetes, issuer: "https://eu.example", keys: { jwksFile: eu.json } }
  ci: { type: oidc, preset: github-actions, require: { repository_owner: acme } }`;

const configure = (rules: string, { environment = 'production', attestors = attestorBlocks } = {}) =>
  parseConfiguration(
    '/counterseal.yaml',
    `issuer: https://sts.example
trustDomain: example.com
environment: ${environment}
store: { type: embedded, path: store }
audit: { durability: relaxed, sinks: [{ type: stdout }] }
attestors: ${attestors}
resources:
  ${calendar}: { scope: [read, write], lifetime: 10m }
  ${mail}: { scope: [read] }
geo: { database: cities.mmdb }
postureSources:
  edr: { type: http, url: "https://edr.example/{k8s:pod-uid}", facts: { ok: { at: /ok, type: boolean } } }
rules:
${rules}`,
  );

const rule = (name: string, rest: string) => `  ${name}: { ${rest} }\n`;
const read = `grant: { resource: "${calendar}", scope: [read] }`;
const agents = 'workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }';
const old = configure(rule('agents', `${agents}, ${read}`));

interface Then {
  readonly workload?: Partial<WorkloadFacts>;
  readonly facts?: Partial<Omit<Facts, 'workload'>>;
  readonly resource?: string | null;
  readonly by?: typeof old;
}

/** What the pipeline would have recorded. */
function recorded({ workload, facts: rest, resource = calendar, by = old }: Then = {}): AuditRecord {
  const facts = factsOf(workload, rest);
  const { granted, reason, rules } = decide(by.policy, facts, { resource, scope: null });
  const { workload: theirs, ...around } = facts;
  const { attestor, selectors, ...others } = theirs;
  return record({
    attestor,
    selectors,
    facts: { ...around, ...others },
    request: { ...record().request, resource: resource === null ? [] : [resource], scope: null },
    rules,
    granted: granted === null ? null : { ...granted, jti: 't' },
    ...(granted === null ? { outcome: 'refused', error: 'invalid_target' } : {}),
    reason,
  });
}

describe('policy diff', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-diff-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function diff(configuration: typeof old, ...records: readonly AuditRecord[]) {
    const file = join(folder, 'audit.jsonl');
    await writeFile(file, `{"torn\n${records.map(auditLine).join('')}`);
    const differences: Difference[] = [];
    const summary = await diffPolicy(configuration, file, (difference) => differences.push(difference));
    return { summary, differences, changes: differences.map(({ changes }) => changes) };
  }

  it('finds nothing under the same policy, and passes over what the policy did not end', async () => {
    const ended = { outcome: 'refused', granted: null } as const;
    const { summary, differences } = await diff(
      old,
      recorded(),
      recorded({ resource: mail }),
      record({ ...ended, rules: null, facts: null, reason: 'jwt_expired' }),
      { ...recorded(), ...ended, reason: 'signer_unavailable' },
    );
    assert.deepEqual(differences, []);
    assert.deepEqual([summary.decisions, summary.same, summary.passedOver], [2, 2, 2]);
    assert.equal(
      renderSummary(summary),
      '2 decisions: 0 would change, 0 undecidable, 2 the same; 2 records without a decision of the policy',
    );
  });

  it('tells what would be refused, and the clause that settles it', async () => {
    const late = 'conditions: [{ time: { notAfter: "2026-12-01T00:00:00Z" } }]';
    const { differences, summary } = await diff(configure(rule('agents', `${agents}, ${late}, ${read}`)), recorded());
    assert.equal(summary.changed['newly refused'], 1);
    assert.deepEqual(differences.flatMap(renderDifference), [
      'newly refused: d-1, 2026-11-02T09:30:00.125Z',
      '    who      spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent (prod-eu)',
      '    asked    https://calendar.example/mcp, all that is granted',
      '    was      scope read of https://calendar.example/mcp for 600 s',
      '    becomes  nothing: no_rule_grants',
      '    because  agents: grant, conditions[0].time.notAfter fails: expected before 2026-12-01T00:00:00.000Z, saw 2027-01-15T08:00:00.000Z (it held)',
    ]);
  });

  it('tells both ways: permitted, wider, narrower, another scope, shorter, longer, another resource', async () => {
    const grant = (scope: string, lifetime: string) =>
      `grant: { resource: "${calendar}", scope: [${scope}], lifetime: ${lifetime} }`;
    const made = (scope: string, lifetime: string) => configure(rule('agents', `${agents}, ${grant(scope, lifetime)}`));
    const by = made('read', '5m');
    const changed = async (after: typeof old, then: Then = {}) =>
      (await diff(after, recorded({ by, ...then }))).changes;
    assert.deepEqual(await changed(made('read', '5m')), []);
    assert.deepEqual(await changed(made('read, write', '4m')), [['wider', 'shorter']]);
    assert.deepEqual(await changed(made('write', '6m')), [['other scope', 'longer']]);
    assert.deepEqual(await changed(made('read', '5m'), { by: made('read, write', '5m') }), [['narrower']]);
    const mailRule = rule('mail', `${agents}, grant: { resource: "${mail}", scope: [read] }`);
    assert.deepEqual(await changed(configure(mailRule), { resource: mail }), [['newly permitted']]);
    assert.deepEqual(await changed(configure(mailRule), { resource: null }), [['other resource']]);
  });

  const deny = (condition: string) =>
    rule('agents', `${agents}, ${read}`) +
    rule('stop', `workload: { attestor: prod-eu }, conditions: [${condition}], deny: { resource: "*" }`);

  it('does not guess what was not recorded: a posture fact that the old policy did not read', async () => {
    const after = configure(deny('{ posture: { ready: false } }'));
    const { differences, summary } = await diff(
      after,
      recorded(),
      recorded({ workload: { posture: { ready: { value: true, observedAt: 1_800_000_000 } } } }),
      recorded({ workload: { selectors: [] } }),
    );
    assert.deepEqual(
      differences.map(({ changes, because }) => [changes, because]),
      [[[], ['it turns on posture.ready, which was not recorded']]],
    );
    assert.deepEqual([summary.same, summary.undecidable], [2, 1], 'refused either way, whatever the node was like');
  });

  it('does not guess what a decision point would have said that nobody asked, and takes what one said', async () => {
    const key = 'https://pdp.example';
    const ask = `conditions: [{ external: { authzen: "${key}" } }]`;
    const asking = configure(rule('agents', `${agents}, ${ask}, ${read}`));
    const { differences } = await diff(asking, recorded());
    assert.deepEqual(
      differences.map(({ changes, because }) => [changes, because]),
      [[[], [`it turns on external.${key}, which was not recorded`]]],
    );
    const said = (decision: boolean) => recorded({ facts: { external: { [key]: { decision, context: null } } } });
    const silent = recorded({ workload: { unknown: { [`external.${key}`]: 'unavailable' } } });
    const all = await diff(asking, said(true), said(false), silent, recorded({ workload: { selectors: [] } }));
    assert.deepEqual(all.changes, [['newly refused'], ['newly refused']]);
    assert.deepEqual([all.summary.same, all.summary.undecidable], [2, 0]);
    const each = configure(rule('agents', `${agents}, ${ask.replace('" }', '", each: scope }')}, ${read}`));
    assert.deepEqual((await diff(each, said(true))).changes, [[]], 'asked about each scope it may say something else');
  });

  it('does not guess a count that was not recorded, and takes one that was, or was not known, as it is', async () => {
    const ask = '{ behaviour: { exchangesPerHour: 5 } }';
    const after = configure(rule('agents', `${agents}, conditions: [${ask}], ${read}`));
    const { differences, summary } = await diff(
      after,
      recorded(),
      recorded({ facts: { behaviour: { exchangesPerHour: 5 } } }),
      recorded({ facts: { behaviour: { exchangesPerHour: 6 } } }),
      recorded({ facts: { behaviour: {} }, workload: { unknown: { 'behaviour.exchangesPerHour': 'missing' } } }),
    );
    assert.deepEqual(
      differences.map(({ changes }) => changes),
      [[], ['newly refused'], ['newly refused']],
    );
    assert.deepEqual(differences[0]?.because, ['it turns on behaviour.exchangesPerHour, which was not recorded']);
    assert.equal(summary.same, 1);
    const cel = configure(rule('agents', `${agents}, conditions: [{ cel: "!behaviour.firstUse" }], ${read}`));
    assert.deepEqual((await diff(cel, recorded())).changes, [[]]);
  });

  it('takes a fact that the old policy asked for, and that was not there, as recorded', async () => {
    const by = configure(deny('{ posture: { ready: false } }'));
    const { changes } = await diff(configure(deny('{ posture: { ready: false } }')), recorded({ by }));
    assert.deepEqual(changes, []);
  });

  it('does not let unknown: permit pass for a fact that was not recorded', async () => {
    const after = configure(
      rule('agents', `${agents}, conditions: [{ posture: { ready: true }, unknown: permit }], ${read}`),
    );
    assert.deepEqual((await diff(after, recorded())).changes, [[]]);
  });

  it('does not guess a claim that the attestor may not have mapped', async () => {
    const workload = { attestor: 'ci', selectors: ['oidc:repo:acme/app'] };
    const ci = (selectors: string) =>
      configure(rule('ci', `workload: { attestor: ci, selectors: [${selectors}] }, ${read}`));
    const by = ci('"oidc:repo:acme/app"');
    const { differences } = await diff(ci('"oidc:environment:production"'), recorded({ by, workload }));
    assert.deepEqual(differences[0]?.because, ['it turns on oidc:environment, which was not recorded']);
    assert.deepEqual((await diff(ci('"oidc:repo:acme/other"'), recorded({ by, workload }))).changes, [
      ['newly refused'],
    ]);
  });

  it('does not leave out a rule of many whose kind of selector was not recorded', async () => {
    const workload = { attestor: 'ci', selectors: ['oidc:repo:acme/x', 'oidc:sub:x'], claims: {} };
    const many = Array.from({ length: 99 }, (_, index) =>
      rule(`r${index}`, `workload: { attestor: ci, selectors: ["oidc:repo:acme/${index}"] }, ${read}`),
    ).join('');
    const ofTag = rule('tag', `workload: { attestor: ci, selectors: ["oidc:environment:x"] }, ${read}`);
    const inputs = { facts: factsOf(workload), asked: { resource: calendar, scope: null } };
    const unrecorded = new Set(['oidc:environment']);
    const { policy } = configure(many + ofTag);
    assert.equal(decide(policy, inputs.facts, inputs.asked).rules.length, 0);
    assert.deepEqual(decisiveNames(policy, inputs, unrecorded, []), ['oidc:environment']);
    assert.deepEqual(decisiveNames(configure(many).policy, inputs, unrecorded, []), []);
  });

  it('does not decide for an attestor or an environment that the configuration is not of', async () => {
    const other = configure(rule('ci', `workload: { attestor: ci }, ${read}`), {
      attestors: attestorBlocks.replace('prod-eu', 'prod-us'),
    });
    const staging = configure(rule('agents', `${agents}, ${read}`), { environment: 'staging' });
    const because = async (after: typeof old) =>
      (await diff(after, recorded())).differences.map((each) => each.because);
    assert.deepEqual(await because(other), [['the configuration has no attestor prod-eu']]);
    assert.deepEqual(await because(staging), [
      ['it was recorded in production, and the configuration is that of staging'],
    ]);
  });

  it('knows what was recorded of a place and of a source, and what was not', async () => {
    for (const [condition, name, known] of [
      ['{ network: { countries: [DE] } }', 'network.country', { facts: { network: { ip: null, country: 'FR' } } }],
      [
        '{ posture: { sources: { edr: { ok: true } } } }',
        'posture.edr.ok',
        { workload: { unknown: { 'posture.edr.ok': 'missing' } } },
      ],
    ] as const) {
      const after = configure(rule('agents', `${agents}, conditions: [${condition}], ${read}`));
      const { differences, changes } = await diff(after, recorded(), recorded(known));
      assert.deepEqual(changes, [[], ['newly refused']]);
      assert.deepEqual(differences[0]?.because, [`it turns on ${name}, which was not recorded`]);
    }
  });

  it('counts a record of which somebody took a part as undecidable', async () => {
    for (const broken of [{ facts: null }, { selectors: 'x' }, { facts: { ...record().facts, unknown: null } }]) {
      const { changes } = await diff(old, { ...recorded(), ...broken } as AuditRecord);
      assert.deepEqual(changes, [[]]);
    }
  });

  it('never says “the same” or a change where the fact that was not recorded could make it otherwise', async () => {
    const conditions = [
      '{ posture: { ready: true } }',
      '{ posture: { privileged: false } }',
      '{ network: { cidr: [10.0.0.0/8] } }',
      '{ external: { authzen: "https://pdp.example" } }',
      '{ behaviour: { exchangesPerHour: 5 } }',
    ];
    const effects = [
      read,
      `grant: { resource: "${calendar}", scope: [write], lifetime: 1m }`,
      'deny: { resource: "*" }',
    ];
    const rules = fc.array(fc.record({ asks: fc.subarray(conditions), effect: fc.constantFrom(...effects) }), {
      minLength: 1,
      maxLength: 5,
    });
    const fact = fc.option(fc.boolean(), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(
        rules,
        fact,
        fact,
        fact,
        fc.constantFrom(5, 6),
        async (made, ready, privileged, permits, exchangesPerHour) => {
          const text = made.map(({ asks, effect }, index) =>
            rule(`r${index}`, `${agents}, ${asks.length === 0 ? '' : `conditions: [${asks.join(', ')}], `}${effect}`),
          );
          const after = configure(text.join(''));
          const { differences } = await diff(after, recorded());
          const posture = Object.fromEntries(
            Object.entries({ ready, privileged }).flatMap(([name, value]) =>
              value === undefined ? [] : [[name, { value, observedAt: 1_800_000_000 }]],
            ),
          );
          const external = permits === undefined ? {} : { 'https://pdp.example': { decision: permits, context: null } };
          const really = decide(after.policy, factsOf({ posture }, { external, behaviour: { exchangesPerHour } }), {
            resource: calendar,
            scope: null,
          }).granted;
          const [difference] = differences;
          if (difference?.changes.length === 0) return;
          const said = difference === undefined ? recorded().granted : difference.becomes;
          assert.deepEqual([said?.scope, said?.lifetime], [really?.scope, really?.lifetime]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
