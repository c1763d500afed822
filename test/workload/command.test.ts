/** `counterseal token` as a process of its own, against the real service. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { endOf, startWith } from '../support/command-line.js';
import { calendar, issuer, startService, type TestService } from '../support/service.js';

describe('counterseal token, the command', function () {
  this.timeout(30_000);
  let service: TestService;
  let tokenFile = '';
  before(async () => {
    service = await startService();
    tokenFile = join(service.folder, 'token');
    await writeFile(tokenFile, `${await service.token()}\n`);
  });
  after(() => service.close());

  const run = (env: Record<string, string>, ...args: readonly string[]) =>
    endOf(startWith(env, 'token', '--issuer', service.url, '--audience', issuer, '--resource', calendar, ...args));

  it('prints the token, for the scope that was asked for', async () => {
    const { code, stdout, stderr } = await run({}, '--token-file', tokenFile, '--scope', 'read:calendar');
    assert.deepEqual([code, stderr], [0, '']);
    const { aud, scope } = decodeJwt(stdout.trim());
    assert.deepEqual([aud, scope], [calendar, 'read:calendar']);
  });

  it('prints what kubectl reads', async () => {
    const info = JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1beta1', kind: 'ExecCredential' });
    const flags = ['--token-file', tokenFile, '--output', 'exec-credential'];
    const { stdout } = await run({ KUBERNETES_EXEC_INFO: info }, ...flags);
    const { apiVersion, status } = JSON.parse(stdout);
    assert.equal(apiVersion, 'client.authentication.k8s.io/v1beta1');
    const { exp = 0 } = decodeJwt(status.token);
    assert.ok(Math.abs(Date.parse(status.expirationTimestamp) / 1000 - exp) <= 2);
  });

  it('exits with 1, prints nothing, and names the decision, when there is no token for it', async () => {
    const { code, stdout, stderr } = await run({}, '--token-file', tokenFile, '--resource', 'https://payroll.example');
    assert.deepEqual([code, stdout], [1, '']);
    const { decision_id: id } = await service.lastRecord();
    assert.match(stderr, new RegExp(`answered 400: invalid_target: .*\\(decision_id ${id}\\)`));
  });

  it('takes no file for another platform', async () => {
    const { code, stderr } = await run({}, '--token-file', tokenFile, '--platform', 'aws');
    assert.deepEqual([code, /--token-file is of the platform token-file, not of aws/.test(stderr)], [1, true]);
  });

  it('does not look elsewhere when the file that was named is not there', async () => {
    const { code, stderr } = await run({ GITHUB_ACTIONS: 'true' }, '--token-file', join(service.folder, 'none'));
    assert.equal(code, 1);
    assert.match(stderr, /none cannot be read \(ENOENT\)/);
  });
});
