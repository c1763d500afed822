/** The script as it stands, on a machine whose metadata service is a stand-in. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { root } from '../support/command-line.js';
import { type WatchedCommands, watchCommands } from '../support/watched-commands.js';
import { type AzureStandIn, startAzure } from '../workload/azure-stand-in.js';

describe('examples/azure-vm', function () {
  this.timeout(20_000);
  let standIn: AzureStandIn;
  let commands: WatchedCommands;
  before(async () => {
    standIn = await startAzure(true);
    commands = await watchCommands();
  });
  after(async () => {
    await standIn.close();
    await commands.close();
  });

  const run = (changes: Readonly<Record<string, string>> = {}) => {
    const { service, metadata, resource, audience } = standIn;
    const own = { COUNTERSEAL: service.url, RESOURCE: resource, AUDIENCE: audience, METADATA: `${metadata}/metadata` };
    const options = { env: { PATH: commands.path, ...own, ...changes } };
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
    // Neither a token nor a document, which begins with the bytes of a DER sequence.
    const seen = await commands.arguments();
    assert.match(seen, /^subject_token@-$/m);
    assert.doesNotMatch(seen, /(?:ey|MI)[A-Za-z0-9+/_-]{20}/, 'a list of processes shows it');
  });

  it('fails with the service’s answer when it gets none', async () => {
    await assert.rejects(run({ RESOURCE: 'https://payroll.example' }), (error: { code: number; stderr: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stderr, /no token: .*"invalid_target".*"decision_id"/);
      return true;
    });
  });
});
