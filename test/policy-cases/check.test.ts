/** Facts that there cannot be are refused, where they stand: such a case would say nothing, and pass. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { parseConfiguration } from '../../src/config/load.js';
import { ConfigurationError } from '../../src/config/problem.js';
import { readCases } from '../../src/policy-cases/cases.js';
import { worldOf } from '../../src/policy-cases/check.js';
import { whatIf } from '../../src/policy-tools/what-if.js';
import { calendar } from '../policy/samples.js';
import { createFolder, type TestFolder } from '../support/folder.js';

const configuration = parseConfiguration(
  '/counterseal.yaml',
  `issuer: https://sts.example
trustDomain: example.com
environment: production
store: { type: embedded, path: store }
audit: { durability: relaxed, sinks: [{ type: stdout }] }
attestors:
  prod-eu: { type: kubernetes, issuer: "https://eu.example", keys: { jwksFile: eu.json } }
  github: { type: oidc, preset: github-actions, require: { repository_owner_id: "65" } }
postureSources:
  edr:
    type: http
    url: "https://edr.example/{k8s:pod-uid}"
    facts:
      healthy: { at: /ok, type: boolean }
      risk: { at: /risk, type: number }
      state: { at: /state, type: text }
      lastSeen: { at: /seen, type: time }
      version: { at: /version, type: version }
resources:
  ${calendar}: { scope: [read, write], lifetime: 10m }
rules:
  reader:
    workload: { attestor: prod-eu }
    conditions: [{ external: { authzen: https://pdp.example } }, { posture: { sources: { edr: { healthy: true } } } }]
    grant: { resource: ${calendar}, scope: [read] }
  deployer:
    workload: { attestor: github }
    conditions: [{ external: { authzen: https://other.example, each: scope } }]
    grant: { resource: ${calendar}, scope: [write] }
`,
);

/** A case with these keys. */
const one = (keys: string) => `cases:
  - name: one
    at: "2026-11-18T10:00:00Z"
    expect: { reason: no_target }
    ${keys}
`;

describe('policy-cases: facts that there cannot be', () => {
  let folder: TestFolder;
  let file: string;
  before(async () => {
    folder = await createFolder();
    file = join(folder.path, 'c.yaml');
  });
  after(() => folder.remove());

  async function told(run: () => Promise<unknown>, text: string): Promise<string> {
    await folder.write({ 'c.yaml': text });
    try {
      await run();
      return '';
    } catch (error) {
      assert.ok(error instanceof ConfigurationError, String(error));
      return error.message.replaceAll(file, 'c.yaml');
    }
  }
  const problems = (text: string) => told(() => readCases(file, worldOf(configuration)), text);

  const eu = 'attestor: prod-eu';
  for (const [what, keys, expected] of [
    [
      'a country that is none',
      `country: UK\n    workload: { ${eu} }`,
      'c.yaml:5:14: cases[0].country: wrong value (expected the code of a country by ISO 3166-1, such as DE, or GB for the United Kingdom, found "UK")',
    ],
    [
      'a subdivision that is none',
      `subdivision: BY\n    workload: { ${eu} }`,
      'c.yaml:5:18: cases[0].subdivision: wrong value (expected the code of a subdivision by ISO 3166-2, such as DE-BY, found "BY")',
    ],
    [
      'an address that is none',
      `ip: 10.4.0\n    workload: { ${eu} }`,
      'c.yaml:5:9: cases[0].ip: wrong value (expected an IP address such as 10.4.0.7 or 2001:db8::7, found "10.4.0")',
    ],
    [
      'a key that is misspelt, with the one that was meant',
      `behavior: { firstUse: true }\n    workload: { ${eu} }`,
      'c.yaml:5:5: cases[0].behavior: unknown key (did you mean behaviour?)',
    ],
    [
      'behaviour of another form',
      `behaviour: { exchangesPerHour: x }\n    workload: { ${eu} }`,
      'c.yaml:5:36: cases[0].behaviour.exchangesPerHour: wrong value (expected true, false or a number, found "x")',
    ],
    [
      'a flag for a count, a count for a flag, and counts that cannot be',
      `behaviour: { exchangesPerHour: true, firstUse: 1, exchangesPerDay: 0, instance.exchangesPerDay: 1.5 }\n    workload: { ${eu} }`,
      `c.yaml:5:36: cases[0].behaviour.exchangesPerHour: wrong value (expected a whole number of at least 1: this token counts, found true)
c.yaml:5:52: cases[0].behaviour.firstUse: wrong value (expected true or false, found 1)
c.yaml:5:72: cases[0].behaviour.exchangesPerDay: wrong value (expected a whole number of at least 1: this token counts, found 0)
c.yaml:5:101: cases[0].behaviour["instance.exchangesPerDay"]: wrong value (expected a whole number of at least 1: this token counts, found 1.5)`,
    ],
    [
      'nodes of a workload that has none',
      'behaviour: { distinctNodesPerHour: 1 }\n    workload: { attestor: github }',
      `c.yaml:5:18: cases[0].behaviour.distinctNodesPerHour: the attestor supplies no such fact (expected one of exchangesPerMinute, instance.exchangesPerMinute, exchangesPerHour, instance.exchangesPerHour, exchangesPerDay, instance.exchangesPerDay, distinctResourcesPerHour, instance.distinctResourcesPerHour, distinctResourcesPerDay, instance.distinctResourcesPerDay, distinctNetworksPerHour, instance.distinctNetworksPerHour, and 6 more)`,
    ],
    [
      'what a decision point says that nobody asks',
      `external: { "https://pdp.exmaple": { decision: true }, "https://pdp.example each scope": { decision: true } }\n    workload: { ${eu} }`,
      `c.yaml:5:17: cases[0].external["https://pdp.exmaple"]: no condition of the policy has this key (did you mean https://pdp.example?)
c.yaml:5:60: cases[0].external["https://pdp.example each scope"]: no condition of the policy has this key (expected one of https://other.example each scope, https://pdp.example)`,
    ],
    [
      'what could not be unknown',
      `workload: { ${eu}, unknown: { enviroment: missing, network.contry: missing, posture.edr.helthy: missing, "external.https://pdp.exmple": missing } }`,
      `c.yaml:5:47: cases[0].workload.unknown.enviroment: no kind of selectors and no fact of the attestor has this name (did you mean environment?)
c.yaml:5:68: cases[0].workload.unknown["network.contry"]: no kind of selectors and no fact of the attestor has this name (did you mean network.country?)
c.yaml:5:93: cases[0].workload.unknown["posture.edr.helthy"]: no kind of selectors and no fact of the attestor has this name (did you mean posture.edr.healthy?)
c.yaml:5:122: cases[0].workload.unknown["external.https://pdp.exmple"]: no kind of selectors and no fact of the attestor has this name (did you mean external.https://pdp.example?)`,
    ],
    [
      'a selector without a value',
      `workload: { ${eu}, selectors: ["k8s:ns:"] }`,
      'c.yaml:5:48: cases[0].workload.selectors[0]: a selector without a value matches no workload (expected k8s:ns: and a value, or * for any, found k8s:ns:)',
    ],
    [
      'a value that a source never says of such a fact',
      `workload: { ${eu}, posture: { edr.healthy: "true", edr.risk: "9", edr.state: 1, edr.lastSeen: "2026-11-18T10:00:00Z", edr.version: 7.10 } }`,
      `c.yaml:5:60: cases[0].workload.posture["edr.healthy"]: wrong value (expected true or false, found "true")
c.yaml:5:78: cases[0].workload.posture["edr.risk"]: wrong value (expected a number, found "9")
c.yaml:5:94: cases[0].workload.posture["edr.state"]: wrong value (expected text, found 1)
c.yaml:5:111: cases[0].workload.posture["edr.lastSeen"]: wrong value (expected a number: seconds since the epoch, found "2026-11-18T10:00:00Z")
c.yaml:5:148: cases[0].workload.posture["edr.version"]: wrong value (expected a version as text, such as "7.10", found 7.1)`,
    ],
  ] as const) {
    it(what, async () => {
      assert.equal(await problems(one(keys)), expected);
    });
  }

  it('tells what the base states once, at its place there, and of what a case states instead only that', async () => {
    const text = `base:
  at: "2026-11-18T10:00:00Z"
  workload: { attestor: prod-eu, posture: { redy: true } }
  behaviour: { exchangesPerHor: 1 }
cases:
  - { name: one, expect: { reason: no_target } }
  - { name: two, expect: { reason: no_target } }
  - { name: three, workload: { posture: { ready: true } }, behaviour: { exchangesPerDya: 1 }, expect: { reason: no_target } }
`;
    assert.equal(
      await problems(text),
      `c.yaml:3:45: base.workload.posture.redy: the attestor supplies no such fact (did you mean ready?)
c.yaml:4:16: base.behaviour.exchangesPerHor: the attestor supplies no such fact (did you mean exchangesPerHour?)
c.yaml:8:73: cases[2].behaviour.exchangesPerDya: the attestor supplies no such fact (did you mean exchangesPerDay?)`,
    );
  });

  it('tells of a rule that is expected and not there', async () => {
    const text = one(`workload: { ${eu} }`).replace('no_target', 'no_target, rules: { raeder: holds }');
    assert.equal(
      await problems(text),
      'c.yaml:4:43: cases[0].expect.rules.raeder: no rule has this name (did you mean reader?)',
    );
  });

  it('takes all that there can be', async () => {
    const text = one(`ip: "::ffff:10.1.2.3"
    country: GB
    subdivision: null
    behaviour: { exchangesPerHour: 1, instance.offHours: false, distinctNodesPerHour: 2 }
    external: { "https://pdp.example": { decision: true }, "https://other.example each scope": { decision: false } }
    workload:
      attestor: prod-eu
      selectors: ["k8s:ns:agents"]
      posture: { ready: null, edr.healthy: null, edr.risk: 9.5, edr.state: ok, edr.lastSeen: 1799999700, edr.version: "7.10" }
      unknown:
        environment: missing
        network.country: unavailable
        "k8s:pod-label": missing
        posture.kubelet: unavailable
        posture.edr.healthy: missing
        behaviour.firstUse: missing
        external.https://pdp.example: unavailable
      madeAgo: -86400`);
    assert.equal(await problems(text), '');
    assert.equal(await problems(one('ip: null\n    workload: { attestor: github }')), '');
  });

  it('explain --facts: facts are looked at alike; what no answer is there for is told', async () => {
    const situation = (keys: string) =>
      `at: "2026-11-18T10:00:00Z"\nasked: { resource: "${calendar}" }\nworkload: { attestor: prod-eu }\n${keys}`;
    const explain = () => whatIf(configuration, file);
    assert.equal(
      await told(explain, situation('behaviour: { firstUze: true }')),
      'c.yaml:4:14: behaviour.firstUze: the attestor supplies no such fact (did you mean firstUse?)',
    );
    await folder.write({ 'c.yaml': situation('') });
    assert.match(await explain(), /\n {12}The file has no answer under external: https:\/\/pdp\.example\n$/);
    await folder.write({ 'c.yaml': situation('external: { "https://pdp.example": { decision: true } }') });
    assert.doesNotMatch(await explain(), /no answer/);
  });
});
