/** `counterseal token` on an Azure machine: the real service, and a metadata service with a certificate chain of its own. */
import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { obtainToken } from '../../src/workload/token.js';
import { type AzureStandIn, startAzure } from './azure-stand-in.js';

describe('counterseal token on Azure', function () {
  this.timeout(20_000);
  let standIn: AzureStandIn;
  afterEach(() => standIn.close());

  async function instanceOf(attestedDocument: boolean): Promise<string> {
    standIn = await startAzure(attestedDocument);
    const { service, metadata, resource, audience } = standIn;
    const around = { env: { AWS_EC2_METADATA_DISABLED: 'true' }, metadata, tokenFile: '/nowhere' };
    const options = { issuer: service.url, resource, scope: undefined, audience, platform: undefined };
    const { accessToken } = await obtainToken(options, around);
    assert.equal((await service.records()).length, 1);
    const { attestation } = decodeJwt(accessToken) as { attestation: { instance: string } };
    return attestation.instance;
  }

  it('shows the machine’s document with its identity', async () => assert.match(await instanceOf(true), /^vm:/));

  it('shows the identity alone where the service takes no documents', async () => {
    assert.match(await instanceOf(false), /^principal:/);
  });
});
