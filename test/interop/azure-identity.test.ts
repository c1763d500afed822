/** Microsoft's own library, unmodified, on a machine whose metadata service is a stand-in. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../support/command-line.js';
import { type AzureStandIn, startAzure } from '../workload/azure-stand-in.js';

const run = promisify(execFile);

describe('@azure/identity', function () {
  this.timeout(20_000);
  let standIn: AzureStandIn;
  before(async () => {
    standIn = await startAzure(false);
  });
  after(() => standIn.close());

  it('gets the managed identity’s token for our audience, and the service exchanges it', async () => {
    const { service, metadata, resource, audience } = standIn;
    const child = join(root, 'test/support/azure-identity-process.ts');
    const { stdout: token } = await run(process.execPath, ['--import=tsx', child, `${audience}/.default`], {
      cwd: root,
      env: { PATH: process.env.PATH, AZURE_POD_IDENTITY_AUTHORITY_HOST: metadata },
    });
    const { status, body } = await service.exchange({ subject_token: token, resource });
    assert.equal(status, 200, JSON.stringify(body));
  });
});
