/** The suite on Counterseal, over HTTP, with the example's configuration; and the command that runs it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { cases } from '../../conformance/cases/index.js';
import type { Profile } from '../../conformance/profile.js';
import { runSuite } from '../../conformance/suite.js';
import { root } from '../support/command-line.js';
import { createFolder, type TestFolder } from '../support/folder.js';
import { startUpstream } from '../support/upstream.js';
import { type Ours, startOurs } from './servers.js';

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const all = ['--import=tsx', join(root, 'conformance/main.ts'), ...args];
    const child = execFile(process.execPath, all, { cwd: root }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });

describe('conformance: Counterseal', function () {
  this.timeout(60_000);
  let ours: Ours;
  let folder: TestFolder;
  before(async () => {
    [ours, folder] = await Promise.all([startOurs(), createFolder()]);
  });
  after(() => Promise.all([ours.close(), folder.remove()]));

  /** What did not pass, and why. */
  const otherwise = async (profile: Profile) =>
    (await runSuite(profile, { cases }))
      .filter(({ verdict }) => verdict !== 'pass')
      .map(({ case: { id }, verdict, reasons }) => [id, verdict, ...reasons]);

  it('passes all but what its configuration does not claim: evidence of the platform is good more than once', async () => {
    const why = ['skipped', 'single-use-evidence is not in supports'];
    assert.deepEqual(await otherwise(ours.profile), [
      ['token-exchange/used-twice', ...why],
      ['jwt-bearer/used-twice', ...why],
      ['client-credentials/used-twice', ...why],
    ]);
  });

  it('passes for a registered client, whose evidence is good once, all but delegation', async () => {
    const why = ['skipped', 'delegation is not in supports', 'the profile has no delegator'];
    assert.deepEqual(await otherwise(ours.client), [
      ['delegation/may-act', ...why],
      ['delegation/act', ...why],
      ['delegation/bad-subject', ...why],
      ['delegation/bad-actor', ...why],
    ]);
  });

  it('passes where the issuer has a path, too', async () => {
    const below = await startOurs('/tenants/a');
    try {
      const found = await otherwise(below.profile);
      assert.deepEqual(
        found.filter(([, verdict]) => verdict !== 'skipped'),
        [],
      );
      assert.equal(found.length, 3);
    } finally {
      await below.close();
    }
  });

  it('is what the command says: a table, JUnit and JSON, and exit code 0', async () => {
    const [junit, json] = [join(folder.path, 'junit.xml'), join(folder.path, 'results.json')];
    const ran = await run('--profile', ours.file, '--only', 'metadata/', '--junit', junit, '--json', json);
    assert.deepEqual([ran.code, ran.stderr], [0, '']);
    assert.match(ran.stdout, /^pass {2}metadata\/issuer +RFC 8414 §3\.3 +the metadata stands/m);
    assert.match(ran.stdout, /\n {2}12 passing\n {2}0 failing\n {2}0 pending: .*\n {2}0 warnings\n$/);
    const xml = await readFile(junit, 'utf8');
    assert.match(xml, /<testsuite name="conformance of http:[^"]+" tests="12" failures="0" skipped="0"/);
    assert.equal(xml.match(/<testcase /g)?.length, 12);
    const { counts, cases: told } = JSON.parse(await readFile(json, 'utf8'));
    assert.deepEqual(counts, { pass: 12, fail: 0, warning: 0, skipped: 0 });
    assert.deepEqual(told[0].section, {
      name: 'RFC 8414 §3.3',
      url: 'https://www.rfc-editor.org/rfc/rfc8414#section-3.3',
    });
  });

  it('a server that answers nothing in time fails with exit code 1, at the deadline', async () => {
    const silent = await startUpstream(() => {});
    try {
      const profile = (await readFile(ours.file, 'utf8')).replaceAll(/127\.0\.0\.1:\d+/g, `127.0.0.1:${silent.port}`);
      await folder.write({
        'silent.yaml': `${profile}\ndeadline: 1s\n`,
        'key.jwk': await readFile(join(ours.file, '../key.jwk'), 'utf8'),
      });
      const ran = await run('--profile', join(folder.path, 'silent.yaml'), '--only', 'metadata/issuer');
      assert.equal(ran.code, 1);
      assert.match(
        ran.stdout,
        /^FAIL {2}metadata\/issuer .*\n +no answer within 1 s\n\n {2}0 passing\n {2}1 failing\n/,
      );
    } finally {
      await silent.close();
    }
  });

  it('a server that repeats evidence and tokens in its answers gets none of them into the reports', async () => {
    const shown: string[] = [];
    const echo = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        const said = [body, decodeURIComponent(body), request.headers.dpop, request.headers.authorization].join(
          '\u001b[2J "',
        );
        shown.push(...new URLSearchParams(body).values());
        response.writeHead(400, { 'Content-Type': 'text/plain', Allow: said.replaceAll(/[^\x20-\x7e]/g, ' ') });
        response.end(JSON.stringify({ error: said, error_description: said, access_token: said, scope: said }));
      });
    });
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const address = echo.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const endpoint = `http://127.0.0.1:${port}/x`;
    const endpoints = { token: endpoint, introspection: endpoint, revocation: endpoint, jwks: endpoint };
    try {
      const results = await runSuite({ ...ours.profile, endpoints, issuer: `http://127.0.0.1:${port}` }, { cases });
      const text = results.flatMap(({ reasons }) => reasons).join('\n');
      assert.ok(text.length > 10_000 && shown.length > 200);
      const secrets = shown.filter((value) => value.startsWith('ey') && value.length > 60);
      assert.ok(secrets.length > 100);
      for (const secret of secrets) {
        for (const part of secret.split('.').filter((each) => each.length > 20)) assert.ok(!text.includes(part), part);
      }
      for (const { reasons } of results) assert.doesNotMatch(reasons.join(''), /\p{Cc}/u);
    } finally {
      echo.closeAllConnections();
      await new Promise((resolve) => echo.close(resolve));
    }
  });
});
