/** A whole service for workloads of Azure. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { azure } from '../../../attestors/azure/index.js';
import type { Claims } from '../../../examples/quickstart/cluster-issuer.js';
import { createHost } from '../../../src/attestor-host.js';
import { parseConfiguration } from '../../../src/config/load.js';
import { blocksOf, pasted, problemsOf } from '../../config/sample.js';
import { callWith, jwtEvidence, ourIssuer } from '../../support/attestor-host.js';
import { calendar, claimsOf, startService, type TestService } from '../../support/service.js';
import { audience, entra, entraKeys, oid, otherTenant, start, tenant, v1, v1Issuer, v2, v2Issuer } from './fixture.js';

describe('azure in the service', () => {
  let service: TestService;
  before(async () => {
    service = await startService({
      attestors: `
  azure-main:
    type: azure
    tenants: { ${tenant}: {} }
    audience: ${audience}
    managedIdentity: { keys: { jwksFile: entra.json } }`,
      rules: `
  calendar:
    workload: { attestor: azure-main, selectors: ["azure:resource-group:agents", "azure:kind:vm"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
      prepare: async (folder) => writeFile(join(folder, 'entra.json'), await entraKeys()),
    });
  });
  after(() => service.close());

  const token = async (make: (now: number) => Claims, changes: Claims = {}) =>
    (await entra()).sign({ ...make(Math.floor(Date.now() / 1000)), ...changes });

  it('exchanges a managed identity’s token, of either version', async () => {
    for (const make of [v1, v2]) {
      const { status, body } = await service.exchange({ subject_token: await token(make) });
      assert.equal(status, 200, JSON.stringify(body));
      const claims = claimsOf(body.access_token);
      assert.equal(claims.sub, `spiffe://example.com/azure-main/tenant/${tenant}/principal/${oid}`);
      assert.equal((claims.attestation as Claims).assurance, 'medium');
    }
  });

  it('does not let a workload get around a denial by showing less: what its evidence does not tell is unknown', async () => {
    const machine = await startService({
      attestors: `
  azure-main:
    type: azure
    tenants: { ${tenant}: {} }
    audience: ${audience}
    managedIdentity: { keys: { jwksFile: entra.json } }
    attestedDocument: {}`,
      rules: `
  calendar:
    workload: { attestor: azure-main, selectors: ["azure:kind:vm"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  not-this-machine:
    workload: { attestor: azure-main, selectors: ["azure:vm-id:3b2f7c1e-0d4a-4e55-9b1a-6f2d8c7e9a01"] }
    deny: { resource: "*" }`,
      prepare: async (folder) => writeFile(join(folder, 'entra.json'), await entraKeys()),
    });
    try {
      const { status, body } = await machine.exchange({ subject_token: await token(v1) });
      assert.deepEqual([status, body.error], [400, 'invalid_target']);
      assert.equal((await machine.lastRecord()).reason, 'deny_unknown');
    } finally {
      await machine.close();
    }
  });

  it('refuses a rule whose selector no workload can have', async () => {
    const starting = startService({
      attestors: `
  azure-main: { type: azure, tenants: { ${tenant}: {} }, audience: ${audience}, managedIdentity: { keys: { jwksFile: jwks.json } } }`,
      rules: `
  calendar:
    workload: { attestor: azure-main, selectors: ["azure:resource-group:Agents", "azure:sku:2022-Datacenter"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
    await assert.rejects(starting, (error: { problems?: readonly { message: string }[] }) => {
      const messages = (error.problems ?? []).map(({ message }) => message);
      assert.deepEqual(messages.length, 1);
      assert.match(messages[0] ?? '', /in lower case: write azure:resource-group:agents/);
      return true;
    });
  });

  it('gives nothing to the same identity of another tenant, nor to a person', async () => {
    for (const [changes, reason] of [
      [{ iss: v1Issuer(otherTenant), tid: otherTenant }, 'issuer_untrusted'],
      [{ tid: otherTenant }, 'tenant_mismatch'],
      [{ aud: 'api://AzureADTokenExchange' }, 'audience_not_ours'],
      [{ scp: 'user_impersonation' }, 'not_an_application'],
    ] as const) {
      const { status, body } = await service.exchange({ subject_token: await token(v1, changes) });
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
      assert.equal((await service.lastRecord()).reason, reason);
    }
  });

  it('finds the keys of both issuers by discovery, the slash at the end of one included', async () => {
    const asked: string[] = [];
    const answers: Record<string, unknown> = {
      [`${v1Issuer(tenant)}.well-known/openid-configuration`]: {
        issuer: v1Issuer(tenant),
        jwks_uri: 'https://v1/keys',
      },
      [`${v2Issuer(tenant)}/.well-known/openid-configuration`]: {
        issuer: v2Issuer(tenant),
        jwks_uri: 'https://v2/keys',
      },
    };
    const keys = JSON.parse(await entraKeys()) as unknown;
    const host = createHost({
      now: () => start,
      issuer: ourIssuer,
      environment: 'production',
      trustDomain: 'example.com',
      revocation: { ended: () => {}, instances: () => [] },
      nonces: { check: () => {} },
      outbound: {
        async getJson(url) {
          asked.push(url);
          return answers[url] ?? keys;
        },
        send: () => assert.fail('nothing else is asked'),
        close: async () => {},
      },
      path: (relative) => relative,
      warn: (message) => assert.fail(message),
    });
    const options = azure.options.parse({ tenants: { [tenant]: {} }, audience });
    const attestor = await azure.create('azure-main', options, host.forAttestor('azure-main'));
    for (const claims of [v1(), v2()]) {
      const attestation = await attestor.attest(jwtEvidence((await entra()).sign(claims)), callWith());
      assert.equal(attestation.claims.oid, oid);
    }
    assert.deepEqual(asked.sort(), [...Object.keys(answers), 'https://v1/keys', 'https://v2/keys'].sort());
    await attestor.close();
    await host.close();
  });

  it('takes the blocks of the README, with a rule and for the doctor, as they stand', () => {
    const blocks = blocksOf('attestors/azure/README.md');
    assert.equal(blocks.length, 3);
    for (const block of blocks) {
      assert.equal(parseConfiguration('counterseal.yaml', pasted(block)).attestors.size, 1);
    }
    assert.match(blocks[0] ?? '', /^rules:/m);
    assert.deepEqual(problemsOf(blocks[2] ?? ''), []);
  });
});
