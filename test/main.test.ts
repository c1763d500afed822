/** The command line, as a process of its own. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterIssuer, createClusterIssuer } from '../examples/quickstart/cluster-issuer.js';
import type { AuditRecord } from '../src/audit/record.js';
import { finish, root, said, start } from './support/command-line.js';
import { oneRule } from './support/configuration.js';
import { calendar, clusterUrl, grantType, issuer, jwtType, postForm } from './support/service.js';

describe('the command line', function () {
  this.timeout(30_000);
  let folder = '';
  let config = '';
  let cluster: ClusterIssuer;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-main-'));
    config = join(folder, 'counterseal.yaml');
    cluster = await createClusterIssuer({ issuer: clusterUrl });
    await writeFile(join(folder, 'jwks.json'), JSON.stringify(cluster.jwks()));
    await writeFile(config, oneRule());
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('serves until SIGTERM: exit 0, with the record on disk, which explain then tells', async () => {
    const run = start('serve', '--config', config);
    try {
      const url = await said(run, /listening on (\S+), health on /);
      const subject_token = await cluster.mint({
        namespace: 'agents',
        serviceAccount: 'calendar-agent',
        audience: issuer,
      });
      const form = { grant_type: grantType, subject_token_type: jwtType, subject_token, resource: calendar };
      const answer = await postForm(`${url}/token`, form);
      assert.equal(answer.status, 200);
      assert.equal(typeof answer.body.access_token, 'string');
      run.child.kill('SIGTERM');
      assert.equal(await run.ended, 0);
    } finally {
      run.child.kill('SIGKILL');
    }
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /^{"level":"info","time":"[^"]+","message":"stopping \(SIGTERM\)[^"]*"}$/m);
    const audit = join(folder, 'audit.jsonl');
    const lines = (await readFile(audit, 'utf8')).split('\n');
    assert.equal(lines.length, 2);
    const record = JSON.parse(lines[0] ?? '') as AuditRecord;
    assert.equal(record.outcome, 'permitted');

    const found = await finish('policy', 'explain', '--audit', audit, record.decision_id);
    assert.deepEqual([found.code, found.stderr], [0, '']);
    assert.match(found.stdout, /^PERMITTED {2}granted\n/);
    const same = await finish('policy', 'diff', '--config', config, '--against', audit);
    assert.deepEqual([same.code, same.stderr], [0, '']);
    assert.match(same.stdout, /^1 decisions: 0 would change, 0 undecidable, 1 the same; 0 records without/);
    const stricter = join(folder, 'stricter.yaml');
    await writeFile(stricter, (await readFile(config, 'utf8')).replace('k8s:ns:agents', 'k8s:ns:others'));
    const changed = await finish('policy', 'diff', '--config', stricter, '--against', audit, '--json');
    const [difference, summary] = changed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual([changed.code, difference.decision_id], [1, record.decision_id]);
    assert.deepEqual([difference.changes, summary.summary.changedDecisions], [['newly refused'], 1]);
    const missing = await finish('policy', 'explain', '--audit', audit, 'd-0');
    assert.deepEqual([missing.code, missing.stdout], [1, '']);
    assert.match(missing.stderr, /audit\.jsonl holds no record with decision_id "d-0": look in the older files/);
  });

  it('explain on a file that is not there: exit 1 and the remedy', async () => {
    const { code, stdout, stderr } = await finish('policy', 'explain', '--audit', join(folder, 'none'), 'd-1');
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^counterseal: cannot read the audit file \S+none \(ENOENT\): it does not exist: name/);
  });

  it('check: exit 0 for a valid configuration', async () => {
    const { code, stdout, stderr } = await finish('check', '--config', config);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /counterseal\.yaml: valid; 1 attestors, 1 rules, policy [0-9a-f]{32}\n$/);
  });

  it('protected-resource prints what a resource server serves of itself (RFC 9728), and where', async () => {
    const { code, stdout, stderr } = await finish('protected-resource', calendar, '--config', config);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      resource: 'https://calendar.example/mcp',
      authorization_servers: [issuer],
      scopes_supported: ['read:calendar'],
    });
    const url = 'https://calendar.example/.well-known/oauth-protected-resource/mcp';
    assert.ok(stderr.includes(`serves this at ${url}\n`));
    assert.ok(stderr.includes(`WWW-Authenticate: Bearer resource_metadata="${url}", scope="read:calendar"`));
    const unknown = await finish('protected-resource', 'https://x.example', '--config', config);
    assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
    assert.match(unknown.stderr, /no resource of the configuration is https:\/\/x\.example: one of https:/);
  });

  it('policy test: exit 1 when a case fails, with JUnit XML; the problems of a file with their places', async () => {
    const cases = join(folder, 'cases.yaml');
    const start = 'cases:\n  - { name: one, at: "2026-11-18T10:00:00Z", workload: { attestor: prod-eu }, ';
    await writeFile(cases, `${start}expect: { reason: no_target } }\n`);
    const good = await finish('policy', 'test', '--config', config, cases);
    assert.deepEqual([good.code, good.stderr], [0, '']);
    assert.match(good.stdout, /✓ one\n\n1 passed, 0 failed\n/);
    await writeFile(cases, `${start}expect: { reason: denied_by_rule } }\n`);
    const failed = await finish('policy', 'test', '--config', config, '--junit', join(folder, 'junit.xml'), cases);
    assert.equal(failed.code, 1);
    assert.match(await readFile(join(folder, 'junit.xml'), 'utf8'), /<testsuites tests="1" failures="1">/);
    await writeFile(cases, 'cases: []\n');
    const invalid = await finish('policy', 'test', '--config', config, cases);
    assert.deepEqual([invalid.code, invalid.stdout], [1, '']);
    assert.match(invalid.stderr, /cases\.yaml:1:8: cases: wrong value \(expected a list of at least one case/);
  });

  it('check and serve: exit 1 when a case of policy.tests comes out otherwise; policy test runs those cases', async () => {
    const tested = join(folder, 'tested.yaml');
    await writeFile(tested, `${await readFile(config, 'utf8')}policy: { tests: tests.yaml }\n`);
    const cases = (reason: string) =>
      `cases:\n  - { name: one, at: "2026-11-18T10:00:00Z", workload: { attestor: prod-eu }, expect: { reason: ${reason} } }\n`;
    await writeFile(join(folder, 'tests.yaml'), cases('denied_by_rule'));
    for (const command of ['check', 'serve']) {
      const failed = await finish(command, '--config', tested);
      assert.deepEqual([failed.code, failed.stdout], [1, ''], command);
      assert.match(
        failed.stderr,
        /tests\.yaml:2:5: cases\[0\]: "one" comes out otherwise: reason: expected "denied_by_rule", got/,
      );
    }
    await writeFile(join(folder, 'tests.yaml'), cases('no_target'));
    assert.equal((await finish('check', '--config', tested)).code, 0);
    const run = await finish('policy', 'test', '--config', tested);
    assert.deepEqual([run.code, run.stderr], [0, '']);
    assert.match(run.stdout, /tests\.yaml\n {2}✓ one\n\n1 passed, 0 failed\n/);
    const none = await finish('policy', 'test', '--config', config);
    assert.deepEqual([none.code, none.stdout], [1, '']);
    assert.match(none.stderr, /^error: name files with cases: \S+counterseal\.yaml has no policy\.tests\n$/);
  });

  it('policy overlay prints what layers change, and what another configuration has otherwise', async () => {
    const [production, staging] = ['production', 'staging'].map(
      (name) => `examples/policies/environments/${name}.yaml`,
    );
    const layers = await finish('policy', 'overlay', '--config', production ?? '');
    assert.deepEqual([layers.code, layers.stderr], [0, '']);
    assert.match(layers.stdout, /^policy\/production: 0 added, 2 replaced, 1 removed\n/);
    const json = await finish('policy', 'overlay', '--config', production ?? '', '--with', staging ?? '', '--json');
    assert.deepEqual([json.code, JSON.parse(json.stdout)[0].by], [0, staging]);
    const alone = await finish('policy', 'overlay', '--config', config);
    assert.match(alone.stdout, /nothing overlays anything: policy\.include has no second entry\n$/);
    const wrong = await finish('policy', 'overlay', '--config', join(folder, 'none.yaml'));
    assert.deepEqual([wrong.code, wrong.stdout], [1, '']);
    assert.match(wrong.stderr, /none\.yaml:1:1: cannot be read/);
  });

  it('policy matrix prints who can reach what, as JSON too', async () => {
    const told = await finish('policy', 'matrix', '--config', config);
    assert.deepEqual([told.code, told.stderr], [0, '']);
    assert.match(
      told.stdout,
      /^https:\S+\n {2}calendar-agent \(workloads of prod-eu\)\n {6}gets {4}read:calendar, for 600 s at most\n/,
    );
    const json = await finish('policy', 'matrix', '--config', config, '--json');
    assert.deepEqual(JSON.parse(json.stdout)[0].grants[0].scope, ['read:calendar']);
  });

  it('policy lint: exit 0 when nothing is found, else 1 with file:line:column', async () => {
    const none = await finish('policy', 'lint', '--config', config);
    assert.deepEqual([none.code, none.stderr], [0, '']);
    assert.match(none.stdout, /counterseal\.yaml: nothing found\n$/);
    const unused = join(folder, 'unused.yaml');
    await writeFile(
      unused,
      `${await readFile(config, 'utf8')}conditions: { strong: { attestation: { assurance: high } } }\n`,
    );
    const found = await finish('policy', 'lint', '--config', unused);
    assert.deepEqual([found.code, found.stderr], [1, '']);
    assert.match(found.stdout, /unused\.yaml:16:15: conditions\.strong: no rule uses this condition\n$/);
  });

  it('policy lint: a note alone is exit 0, and with --strict 1', async () => {
    const named = join(folder, 'named.yaml');
    await writeFile(named, (await readFile(config, 'utf8')).replace('"k8s:ns:agents"', '"k8s:ns:a", "k8s:sa:b"'));
    const note = /named\.yaml:13:3: note: rules\.calendar-agent: it names .*: k8s:sa-uid would pin it\n$/;
    const advised = await finish('policy', 'lint', '--config', named);
    assert.deepEqual([advised.code, advised.stderr], [0, '']);
    assert.match(advised.stdout, note);
    const strict = await finish('policy', 'lint', '--strict', '--config', named);
    assert.deepEqual([strict.code, strict.stderr], [1, '']);
    assert.match(strict.stdout, note);
  });

  it('policy explain --facts tells what would be decided; with half of the options: exit 1', async () => {
    const facts = join(folder, 'facts.yaml');
    await writeFile(
      facts,
      `at: "2026-11-18T10:00:00Z"\nworkload: { attestor: prod-eu, selectors: ["k8s:ns:x"] }\nasked: { resource: "${calendar}" }\n`,
    );
    const told = await finish('policy', 'explain', '--config', config, '--facts', facts);
    assert.deepEqual([told.code, told.stderr], [0, '']);
    assert.equal(
      told.stdout.replace(/[0-9a-f]{32}/, 'REVISION'),
      `WOULD BE REFUSED  no_rule_grants (the client would get invalid_target)
  No rule grants this target to this workload.

Time        2026-11-18T10:00:00.000Z
Where       production; asked from an address that is not known
Who         attestor prod-eu, assurance low
Selectors   k8s:ns:x
Asked for   ${calendar}
            no scope named: all that is granted
Rules       ✗ calendar-agent (grant): workload.selectors fails
                expected  k8s:ns:agents
                seen      k8s:ns:x
Granted     nothing
Policy      revision REVISION
To do       If it should be permitted, add a rule for this workload and resource, or change a clause that fails above.
`,
    );
    const half = await finish('policy', 'explain', '--config', config);
    assert.deepEqual([half.code, half.stdout], [1, '']);
    assert.match(half.stderr, /^error: give a decision id and --audit for what was decided, or --config and --facts/);
  });

  for (const command of ['check', 'serve']) {
    it(`${command}: exit 1 with file:line:column on stderr for an invalid configuration`, async () => {
      const invalid = join(folder, 'invalid.yaml');
      await writeFile(invalid, (await readFile(config, 'utf8')).replace('environment: production', 'enviroment: x'));
      const { code, stdout, stderr } = await finish(command, '--config', invalid);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /invalid\.yaml:3:1: .*enviroment/);
    });
  }

  it('--help names the commands, --version the version of package.json', async () => {
    const help = await finish('--help');
    assert.deepEqual([help.code, help.stderr], [0, '']);
    for (const command of ['serve', 'check', 'policy', 'doctor', 'cluster'])
      assert.match(help.stdout, new RegExp(`^ {2}${command} `, 'm'));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    assert.deepEqual(await finish('--version'), { code: 0, stdout: `${version}\n`, stderr: '' });
  });

  for (const [what, ...args] of [
    ['an unknown command', 'sevre', '--config', 'x'],
    ['an unknown option', 'check', '--confg', 'x'],
    ['no --config', 'check'],
  ]) {
    it(`${what}: exit 1, told on stderr`, async () => {
      const { code, stdout, stderr } = await finish(...args);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /^error: /);
    });
  }
});
