/** Attested documents through a whole service: nonces are given out, come back signed, and are good once. */
import assert from 'node:assert/strict';
import { documentType } from '../../../attestors/azure/document/form.js';
import type { Claims } from '../../../examples/quickstart/cluster-issuer.js';
import { claimsOf, send, startService, type TestService } from '../../support/service.js';
import {
  type Chain,
  content,
  evidenceToken,
  machineService,
  nonce,
  sharedChain,
  signDocument,
  vmId,
} from './documents.js';
import { entra, oid, start, subscription, tenant, v1 } from './fixture.js';

describe('azure documents in the service', function () {
  this.timeout(20_000);
  let chain: Chain;
  let service: TestService;
  let now = start;

  before(async () => {
    chain = await sharedChain();
    service = await startService({ now: () => now * 1000, ...machineService(chain) });
  });
  beforeEach(() => {
    now = start;
  });
  after(() => service.close());

  const challenge = async (): Promise<string> => {
    const body = new URLSearchParams({ subject_token_type: documentType });
    return String((await send(`${service.url}/challenge`, { method: 'POST', body })).body.nonce);
  };
  const documentOf = (value: string) =>
    signDocument(chain, { ...content(now), nonce: value }, { bag: [chain.leaf, chain.intermediate] });
  const exchange = (value: string, managedIdentityToken?: string) =>
    service.exchange({
      subject_token_type: documentType,
      subject_token: evidenceToken(documentOf(value), managedIdentityToken),
    });
  const token = async (changes: Claims = {}) => (await entra()).sign({ ...v1(now), ...changes });

  it('takes a document with a nonce of ours, alone and with a token', async () => {
    const alone = await exchange(await challenge());
    assert.equal(alone.status, 200, JSON.stringify(alone.body));
    const claims = claimsOf(alone.body.access_token);
    assert.equal(claims.sub, `spiffe://example.com/azure-main/subscription/${subscription}/vm/${vmId}`);
    assert.equal((claims.attestation as Claims).assurance, 'low');
    const both = claimsOf((await exchange(await challenge(), await token())).body.access_token);
    assert.equal(both.sub, `spiffe://example.com/azure-main/tenant/${tenant}/principal/${oid}`);
    assert.equal((both.attestation as Claims).instance, `vm:${vmId}`);
  });

  it('refuses a nonce that is none of ours', async () => {
    for (const value of [nonce, '0'.repeat(32)]) {
      assert.equal((await exchange(value)).status, 400);
      assert.equal((await service.lastRecord()).reason, 'nonce_unknown');
    }
  });

  it('refuses a nonce that came back too late', async () => {
    const value = await challenge();
    now = start + 300;
    assert.equal((await exchange(value)).status, 400);
    assert.equal((await service.lastRecord()).reason, 'nonce_expired');
  });

  it('refuses a nonce a second time, whatever comes with it', async () => {
    const value = await challenge();
    assert.equal((await exchange(value)).status, 200);
    for (const more of [undefined, await token()]) {
      assert.equal((await exchange(value, more)).status, 400);
      assert.equal((await service.lastRecord()).reason, 'nonce_used');
    }
  });

  it('leaves a nonce good that came with evidence which was refused', async () => {
    const value = await challenge();
    assert.equal((await exchange(value, await token({ scp: 'x' }))).status, 400);
    assert.equal((await exchange(value)).status, 200);
  });

  it('gives one token for 100 redemptions of one nonce at once', async () => {
    const value = await challenge();
    const subject = evidenceToken(documentOf(value));
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => service.exchange({ subject_token_type: documentType, subject_token: subject })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(99).fill(400)]);
  });

  it('refuses a document for another audience, and one shown as a JWT', async () => {
    const subject = Buffer.from(
      JSON.stringify({ document: documentOf(await challenge()).toString('base64'), audience: 'api://other' }),
    ).toString('base64url');
    assert.equal((await service.exchange({ subject_token_type: documentType, subject_token: subject })).status, 400);
    assert.equal((await service.lastRecord()).reason, 'audience_not_ours');
    assert.equal((await service.exchange({ subject_token: subject })).status, 400);
    assert.equal((await service.lastRecord()).reason, 'not_a_jwt');
  });

  it('gives no nonces for tokens of managed identities, which need none', async () => {
    const body = new URLSearchParams({ subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' });
    assert.equal((await send(`${service.url}/challenge`, { method: 'POST', body })).status, 400);
  });
});
