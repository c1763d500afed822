/** The script as it stands, on a machine whose metadata service is a stand-in. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { root } from '../support/command-line.js';
import { type AzureStandIn, startAzure } from '../workload/azure-stand-in.js';

describe('examples/azure-vm', function () {
  this.timeout(20_000);
  let standIn: AzureStandIn;
  before(async () => {
    standIn = await startAzure(true);
  });
  after(() => standIn.close());

  const run = (changes: Readonly<Record<string, string>> = {}) => {
    const { service, metadata, resource, audience } = standIn;
    const own = { COUNTERSEAL: service.url, RESOURCE: resource, AUDIENCE: audience, METADATA: `${metadata}/metadata` };
    const options = { env: { PATH: process.env.PATH, ...own, ...changes } };
    return promisify(execFile)('bash', [join(root, 'examples/azure-vm/call-api.sh')], options);
  };

  it('calls the API with a token of its own', async () => {
    const { authorization } = JSON.parse((await run()).stdout) as { authorization: string };
    const claims = decodeJwt(authorization.slice('Bearer '.length)) as {
      aud: string;
      attestation: { instance: string };
    };
    assert.equal(claims.aud, standIn.resource);
    assert.match(claims.attestation.instance, /^vm:/);
  });

  it('fails with the service’s answer when it gets none', async () => {
    await assert.rejects(run({ RESOURCE: 'https://payroll.example' }), (error: { code: number; stderr: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stderr, /no token: .*"invalid_target".*"decision_id"/);
      return true;
    });
  });
});
