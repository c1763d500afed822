/** What the tools of policies know of sources. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError, loadConfiguration } from '../../src/config/load.js';
import { readSituation } from '../../src/policy-cases/cases.js';
import { worldOf } from '../../src/policy-cases/check.js';
import { lintPolicy } from '../../src/policy-tools/lint.js';
import { decisiveNames, unrecordedOf } from '../../src/policy-tools/unrecorded.js';
import { compileRules, factsOf, now } from '../policy/samples.js';

const text = `
issuer: http://127.0.0.1:8080
environment: production
audit: { sinks: [{ type: file, path: audit.jsonl }] }
attestors:
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: jwks.json } }
resources: { "https://calendar.example/mcp": { scope: [read] } }
postureSources:
  edr:
    type: http
    url: "https://edr.example/{k8s:pod-uid}"
    headers: { authorization: { file: edr-token } }
    facts: { healthy: { at: /ok, type: boolean } }
rules:
  agent:
    workload: { attestor: prod-eu }
    conditions: [{ posture: { sources: { edr: { healthy: true } } } }]
    grant: { resource: https://calendar.example/mcp, scope: [read] }
`;

describe('posture-sources: tools of policies', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-tools-'));
    await writeFile(file('counterseal.yaml'), text);
    await writeFile(file('jwks.json'), '{"keys":[]}');
  });
  after(() => rm(folder, { recursive: true }));

  it('counterseal check wants the file of a header to be there, and tells its place', async () => {
    await rm(file('edr-token'), { force: true });
    await assert.rejects(loadConfiguration(file('counterseal.yaml')), (error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.match(
        error.message,
        /:12:39: postureSources\.edr\.headers\.authorization\.file: .* there is no such file/,
      );
      return true;
    });
  });

  it('lint finds nothing wrong with a fact that no attestor supplies, and cases may state it, but no misspelt one', async () => {
    await writeFile(file('edr-token'), 'x');
    const configuration = await loadConfiguration(file('counterseal.yaml'));
    assert.deepEqual(await lintPolicy(configuration, file('counterseal.yaml')), []);
    const situation = (fact: string) =>
      writeFile(
        file('facts.yaml'),
        `at: "2027-01-15T08:00:00Z"\nworkload: { attestor: prod-eu, posture: { ${fact}: true } }`,
      );
    await situation('edr.healthy');
    const { facts } = await readSituation(file('facts.yaml'), worldOf(configuration));
    assert.deepEqual(facts.workload.posture['edr.healthy'], { value: true, observedAt: now });
    await situation('edr.helthy');
    await assert.rejects(readSituation(file('facts.yaml'), worldOf(configuration)), /supplies no such fact/);
  });

  it('a record that has no word of a source is undecidable; one that says why it did not answer is not', () => {
    const policy = compileRules({
      one: {
        workload: { attestor: 'prod-eu' },
        conditions: [{ posture: { sources: { edr: { healthy: true } } } }],
        grant: { resource: 'https://calendar.example/mcp', scope: ['read'] },
      },
    });
    const reads = policy.attestors.get('prod-eu')?.reads ?? [];
    assert.deepEqual(reads, ['posture.edr.healthy']);
    const decisive = (unknown: Readonly<Record<string, 'missing'>>) => {
      const facts = factsOf({ unknown });
      const inputs = { facts, asked: { resource: 'https://calendar.example/mcp', scope: null } };
      return decisiveNames(policy, inputs, unrecordedOf(facts, reads), []);
    };
    assert.deepEqual(decisive({}), ['posture.edr.healthy']);
    assert.deepEqual(decisive({ 'posture.edr.healthy': 'missing' }), []);
  });
});
