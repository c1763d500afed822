import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfiguration } from '../../src/config/load.js';
import { ConfigurationError } from '../../src/config/problem.js';
import { junit } from '../../src/policy-tools/junit.js';
import { testPolicy } from '../../src/policy-tools/test.js';
import { calendar } from '../policy/samples.js';

const configuration = parseConfiguration(
  '/counterseal.yaml',
  `issuer: https://sts.example
trustDomain: example.com
environment: production
store: { type: embedded, path: store }
audit: { durability: relaxed, sinks: [{ type: stdout }] }
attestors:
  prod-eu: { type: kubernetes, issuer: "https://eu.example", keys: { jwksFile: eu.json } }
  prod-ap: { type: kubernetes, issuer: "https://ap.example", keys: { jwksFile: ap.json } }
resources:
  ${calendar}: { scope: [read, write], lifetime: 10m }
rules:
  agents:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [{ posture: { ready: true } }]
    grant: { resource: ${calendar}, scope: [read] }
  writers:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:writers"] }
    grant: { resource: ${calendar}, scope: [write] }
  others:
    workload: { attestor: prod-ap, selectors: ["k8s:ns:writers"] }
    grant: { resource: ${calendar}, scope: [write] }
`,
);

const head = `base:
  at: "2026-11-18T10:00:00Z"
  workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"], posture: { ready: true } }
  asked: { resource: ${calendar} }
cases:
`;
const granted = `{ reason: granted, granted: { resource: ${calendar}, scope: [read], lifetime: 600 } }`;

describe('policy test', () => {
  let folder = '';
  let file = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-cases-'));
    file = join(folder, 'cases.yaml');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function run(cases: string, start = head) {
    await writeFile(file, start + cases);
    return testPolicy(configuration, [file]);
  }

  async function problems(cases: string, start = head): Promise<string> {
    try {
      await run(cases, start);
    } catch (error) {
      assert.ok(error instanceof ConfigurationError);
      return error.message.replaceAll(file, 'cases.yaml');
    }
    return assert.fail('nothing is wrong with it');
  }

  it('prints a line for each case, the difference of what fails, and what no case has tried', async () => {
    const { lines, passed } = await run(`  - { name: good, expect: ${granted} }
  - name: bad
    workload: { selectors: [] }
    expect:
      reason: granted
      granted: { resource: ${calendar}, scope: [read], lifetime: 60 }
      rules: { agents: { fails: workload.environment }, writers: holds, others: holds }
`);
    assert.equal(passed, false);
    assert.deepEqual(
      lines.map((line) => line.replaceAll(file, 'cases.yaml')),
      [
        'cases.yaml',
        '  ✓ good',
        '  ✗ bad (cases.yaml:7)',
        '      reason: expected "granted", got "no_rule_grants"',
        `      granted: expected {"lifetime":60,"resource":"${calendar}","scope":["read"]}, got null`,
        '      rules.agents: expected {"fails":"workload.environment"}, got {"fails":"workload.selectors"}',
        '      rules.writers: expected "holds", got {"expected":"k8s:ns:writers","fails":"workload.selectors","seen":"none"}',
        '      rules.others: expected "holds", but it is no candidate',
        '',
        '1 passed, 1 failed',
        '1 of 3 rules held in some case; 1 of 4 clauses both held and failed',
        '  never held    others',
        '  never held    writers',
        '  never held    others: workload.selectors (k8s:ns:writers)',
        '  never held    writers: workload.selectors (k8s:ns:writers)',
        '  never failed  agents: conditions[0].posture.ready (true)',
        '  never failed  others: workload.selectors (k8s:ns:writers)',
      ],
    );
  });

  for (const [what, expect] of [
    ['less scope', granted.replace('[read]', '[read, write]')],
    ['another lifetime', granted.replace('600', '601')],
    ['another algorithm', granted.replace('600', '600, algorithm: RS256')],
    ['a refusal', '{ reason: no_rule_grants }'],
    [
      'what was expected by a clause',
      granted.replace(' }', ' }, rules: { writers: { fails: workload.selectors, seen: x } }'),
    ],
    [
      'that it fails, where it is unknown',
      granted.replace(' }', ' }, rules: { writers: { unknown: workload.selectors } }'),
    ],
    ['shadow, where there is none', granted.replace(' }', ' }, shadow: { reason: no_rule_grants }')],
  ] as const) {
    it(`fails a case that expects ${what}`, async () => {
      const { passed } = await run(`  - { name: one, expect: ${expect} }\n`);
      assert.equal(passed, false);
    });
  }

  it('compares a scope whatever its order is', async () => {
    const both = `workload: { selectors: ["k8s:ns:agents", "k8s:ns:writers"] }`;
    const { passed } = await run(`  - { name: one, ${both}, expect: ${granted.replace('[read]', '[write, read]')} }\n`);
    assert.ok(passed);
  });

  it('refuses a file of which a part would say nothing, each fault with its place', async () => {
    assert.equal(
      await problems(`  - { name: one, wrokload: {}, expect: { reason: granted } }
  - { name: two, expect: { reason: refused, rules: { agents: { fails: x, sene: y } } } }
`),
      `cases.yaml:6:18: cases[0].wrokload: unknown key (did you mean workload?)
cases.yaml:6:40: cases[0].expect: granted with reason: granted, and only with it
cases.yaml:7:36: cases[1].expect.reason: wrong value (expected one of granted, authorization_details_not_granted, binding_missing, denied_by_rule, deny_unknown, fact_unavailable, fact_unknown, no_rule_grants, no_target, no_time_left, other_token_type, scope_not_granted, unknown_resource, found "refused")
cases.yaml:7:74: cases[1].expect.rules.agents.sene: unknown key (did you mean seen?)`,
    );
  });

  it('refuses facts that the attestor would never give', async () => {
    const workload =
      'workload: { selectors: ["k8s:nss:agents"], unknown: { "k8s:nde": missing }, posture: { redy: true } }';
    const behaviour =
      'behaviour: { exchangesPerHur: 1, instance.firstUse: true }, workload: { unknown: { behaviour.offHour: missing } }';
    assert.equal(
      await problems(`  - { name: one, ${workload}, expect: ${granted} }
  - { name: two, workload: { attestor: prod-us }, expect: ${granted} }
  - { name: three, ${behaviour}, expect: ${granted} }
`),
      `cases.yaml:6:42: cases[0].workload.selectors[0]: the attestor gives no selectors of this kind (expected one of k8s:ns, k8s:sa, k8s:sa-uid, k8s:pod, k8s:pod-uid, k8s:node, k8s:node-uid, k8s:owner, k8s:pod-label, k8s:runtime-class, k8s:node-label, k8s:node-taint, and 1 more, found k8s:nss; did you mean k8s:ns?)
cases.yaml:6:72: cases[0].workload.unknown["k8s:nde"]: no kind of selectors and no fact of the attestor has this name (did you mean k8s:node?)
cases.yaml:6:105: cases[0].workload.posture.redy: the attestor supplies no such fact (did you mean ready?)
cases.yaml:7:40: cases[1].workload.attestor: no attestor has this name (expected one of prod-eu, prod-ap, found prod-us; did you mean prod-eu?)
cases.yaml:8:33: cases[2].behaviour.exchangesPerHur: the attestor supplies no such fact (did you mean exchangesPerHour?)
cases.yaml:8:103: cases[2].workload.unknown["behaviour.offHour"]: no kind of selectors and no fact of the attestor has this name (did you mean behaviour.offHours?)`,
    );
    const bare = `cases:\n  - { name: one, expect: ${granted} }\n`;
    assert.match(await problems(bare, ''), /at is missing: the time of the decision\n.*workload.attestor is missing/);
  });

  it('writes JUnit XML in which names and values cannot be markup', async () => {
    const { suites } = await run(`  - { name: "a <b> & \\"c\\" \\u0007", expect: ${granted.replace('600', '1')} }
  - { name: good, expect: ${granted} }
`);
    assert.equal(
      junit(suites).replaceAll(file, 'cases.yaml'),
      `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1">
  <testsuite name="cases.yaml" tests="2" failures="1">
    <testcase classname="cases.yaml" name="a &#60;b&#62; &#38; &#34;c&#34; \ufffd"><failure message="cases.yaml:6">granted: expected {&#34;lifetime&#34;:1,&#34;resource&#34;:&#34;${calendar}&#34;,&#34;scope&#34;:[&#34;read&#34;]}, got {&#34;lifetime&#34;:600,&#34;resource&#34;:&#34;${calendar}&#34;,&#34;scope&#34;:[&#34;read&#34;]}</failure></testcase>
    <testcase classname="cases.yaml" name="good"/>
  </testsuite>
</testsuites>
`,
    );
  });
});
