/** The steps of the workflow as they stand, with a stand-in for GitHub's issuer and for the API. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { type ClusterIssuer, createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import { root } from '../support/command-line.js';
import { startService, type TestService } from '../support/service.js';
import { freePort, startUpstream, type Upstream } from '../support/upstream.js';
import { type WatchedCommands, watchCommands } from '../support/watched-commands.js';

interface Step {
  readonly name: string;
  readonly run: string;
}

const run = promisify(execFile);

describe('examples/github-workflow', function () {
  this.timeout(20_000);
  let steps: readonly Step[] = [];
  let github: Upstream;
  let signer: ClusterIssuer;
  let service: TestService;
  let commands: WatchedCommands;
  let resource = '';
  let ref = 'refs/heads/main';
  let ownerId = '65';
  const seenByApi: (string | undefined)[] = [];

  before(async () => {
    const workflow = parse(await readFile(join(root, 'examples/github-workflow/workflow.yml'), 'utf8'));
    assert.equal(workflow.permissions['id-token'], 'write');
    steps = workflow.jobs.call.steps;
    github = await startUpstream((request, response) => {
      const url = new URL(request.url ?? '', 'http://127.0.0.1');
      const jobMayAsk = request.headers.authorization === 'Bearer of-this-job';
      if (url.pathname === '/jwks') response.end(JSON.stringify(signer.jwks()));
      else if (url.pathname === '/id' && jobMayAsk) response.end(JSON.stringify({ value: identity(url.searchParams) }));
      else if (url.pathname === '/mcp') response.end(`called ${seenByApi.push(request.headers.authorization)}`);
      else response.writeHead(404).end();
    });
    commands = await watchCommands();
    const port = await freePort();
    resource = `http://127.0.0.1:${github.port}/mcp`;
    signer = await createClusterIssuer({ issuer: 'https://token.actions.githubusercontent.com', algorithm: 'RS256' });
    const page = await readFile(join(root, 'examples/github-workflow/README.md'), 'utf8');
    const { attestors, rules } = parse(/```yaml\n(.*?)```/s.exec(page)?.[1] ?? '');
    attestors.github.keys = { jwksUri: `http://127.0.0.1:${github.port}/jwks` };
    const toResource = JSON.stringify(rules).replaceAll('https://calendar.example/mcp', resource);
    service = await startService({
      issuer: `http://127.0.0.1:${port}`,
      port: String(port),
      attestors: ` ${JSON.stringify(attestors)}`,
      resources: ` { "${resource}": { scope: [read:calendar] } }`,
      rules: ` ${toResource}`,
    });
  });
  after(async () => {
    await service.close();
    await github.close();
    await commands.close();
  });

  function identity(asked: URLSearchParams): string {
    const now = Math.floor(Date.now() / 1000);
    const repository = { repository: 'acme/calendar', repository_owner: 'acme', repository_owner_id: ownerId, ref };
    const standard = { iss: 'https://token.actions.githubusercontent.com', aud: asked.get('audience'), jti: 'job-1' };
    return signer.sign({ ...standard, sub: `repo:acme/calendar:ref:${ref}`, iat: now, exp: now + 300, ...repository });
  }

  async function runStep(index: number, env: Readonly<Record<string, string>>) {
    const step = steps[index] ?? assert.fail('no such step');
    return run('bash', ['-c', step.run], {
      env: {
        PATH: commands.path,
        COUNTERSEAL: service.url,
        RESOURCE: resource,
        ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${github.port}/id?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-this-job',
        GITHUB_OUTPUT: join(service.folder, 'output'),
        ...env,
      },
    });
  }

  it('exchanges the job’s identity, masks the token, and calls the API with it', async () => {
    await writeFile(join(service.folder, 'output'), '');
    const { stdout } = await runStep(0, {});
    const token = /^token=(.*)$/m.exec(await readFile(join(service.folder, 'output'), 'utf8'))?.[1] ?? '';
    assert.equal(stdout, `::add-mask::${token}\n`);
    assert.equal((await runStep(1, { TOKEN: token })).stdout, 'called 1');
    assert.deepEqual(seenByApi, [`Bearer ${token}`]);
    assert.equal((await service.lastRecord()).outcome, 'permitted');
    assert.doesNotMatch(await commands.arguments(), /of-this-job|ey[A-Za-z0-9_-]{20}/, 'a list of processes shows it');
  });

  it('fails the job, with the answer, on a branch that the rule does not name', async () => {
    ref = 'refs/heads/other';
    await assert.rejects(runStep(0, {}), (error: { code: number; stdout: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stdout, /^::error::no token: .*"invalid_target".*"decision_id"/);
      return true;
    });
  });

  it('fails the job of another owner, who has taken the name', async () => {
    ref = 'refs/heads/main';
    ownerId = '66';
    await assert.rejects(runStep(0, {}), { code: 1 });
    assert.equal((await service.lastRecord()).reason, 'claim_required');
  });
});
