/** The handler as it stands, in a process whose environment is as Lambda sets it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { blocksOf, pasted, problemsOf } from '../config/sample.js';
import { root } from '../support/command-line.js';
import { type AwsStandIn, startAws } from '../workload/aws-stand-in.js';

const script = `
  const { handler } = await import(process.env.HANDLER);
  console.log(JSON.stringify([await handler(), await handler()]));`;

describe('examples/aws-lambda', function () {
  this.timeout(20_000);
  let standIn: AwsStandIn;
  before(async () => {
    standIn = await startAws();
  });
  after(() => standIn.close());

  async function invoke(changes: Readonly<Record<string, string>> = {}) {
    const { env, service, resource } = standIn;
    const own = { COUNTERSEAL: service.url, RESOURCE: resource, HANDLER: join(root, 'examples/aws-lambda/index.mjs') };
    const options = { cwd: root, env: { PATH: process.env.PATH, ...env, ...own, ...changes } };
    return promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], options);
  }

  it('calls the API with a token of its own, which it keeps while it is warm', async () => {
    standIn.federate();
    const { stdout } = await invoke();
    const [first, second] = JSON.parse(stdout) as { authorization: string }[];
    assert.match(first?.authorization ?? '', /^Bearer ey/);
    assert.equal(decodeJwt(first?.authorization.slice('Bearer '.length) ?? '').aud, standIn.resource);
    assert.deepEqual(second, first);
    assert.equal((await standIn.service.records()).length, 1);
  });

  it('fails with the service’s answer, and without a token, when it gets none', async () => {
    standIn.federate();
    await assert.rejects(invoke({ RESOURCE: 'https://payroll.example' }), (error: { stderr: string }) => {
      assert.match(error.stderr, /answered 400: \{"error":"invalid_target"/);
      return !/ey[A-Za-z0-9_-]{20}/.test(error.stderr);
    });
  });

  it('has a README whose configuration can be pasted, and the policy of the attestor’s page', async () => {
    const blocks = blocksOf('examples/aws-lambda/README.md');
    assert.equal(blocks.length, 1);
    for (const block of blocks) assert.deepEqual(problemsOf(pasted(block)), []);
    const pages = ['examples/aws-lambda/README.md', 'attestors/aws/README.md'];
    const texts = await Promise.all(pages.map((page) => readFile(join(root, page), 'utf8')));
    const [own, other] = texts.map((text) =>
      JSON.parse(/```json\n(\s*\{\s*"Version"[\s\S]*?)```/.exec(text)?.[1] ?? ''),
    );
    assert.deepEqual(own, other);
  });
});
