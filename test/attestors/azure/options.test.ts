import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { loadRoots } from '../../../attestors/azure/document/roots.js';
import { azure } from '../../../attestors/azure/index.js';
import { problemsOf, sample, yaml } from '../../config/sample.js';
import { createTestHost } from '../../support/attestor-host.js';
import { audience, otherTenant, subscription, tenant, v1Issuer, v2Issuer } from './fixture.js';

const tenants = { [tenant]: {} };

describe('azure options', () => {
  it('fills in the defaults', () => {
    assert.deepEqual(azure.options.parse({ tenants }), {
      tenants,
      managedIdentity: { keys: { from: 'discovery', maxStale: 3600 } },
    });
  });

  it('takes both versions of tokens of each tenant, for one audience, which is our issuer by default', () => {
    const issuers = [tenant, otherTenant].flatMap((id) => [v1Issuer(id), v2Issuer(id)]);
    for (const block of [{}, { audience }]) {
      const { accepts } = azure.plan(
        azure.options.parse({ tenants: { ...tenants, [otherTenant]: {} }, ...block }),
        'https://us',
      );
      assert.deepEqual(
        accepts.map(({ issuer }) => issuer),
        issuers,
      );
      assert.ok(accepts.every((route) => route.audience === (block.audience ?? 'https://us')));
    }
  });

  for (const [what, block, path, message] of [
    ['no tenants', {}, 'tenants', /record/],
    ['an empty map of tenants', { tenants: {} }, 'tenants', /at least one/],
    ...['common', 'organizations', 'consumers', 'contoso.onmicrosoft.com', tenant.toUpperCase(), `${tenant}/x`].map(
      (id) => [`the tenant ${id}`, { tenants: { [id]: {} } }, `tenants.${id}`, /GUID in lower case/] as const,
    ),
    ...['api://AzureADTokenExchange', 'https://management.azure.com/', 'https://graph.microsoft.com'].map(
      (of) => [`the audience ${of}`, { tenants, audience: of }, 'audience', /another service/] as const,
    ),
    ['an unknown key of a tenant', { tenants: { [tenant]: { env: 'x' } } }, `tenants.${tenant}`, /env/],
    [
      'an empty map of subscriptions',
      { tenants: { [tenant]: { subscriptions: {} } } },
      `tenants.${tenant}.subscriptions`,
      /at least one/,
    ],
    [
      'a subscription that is no GUID',
      { tenants: { [tenant]: { subscriptions: { x: {} } } } },
      `tenants.${tenant}.subscriptions.x`,
      /GUID/,
    ],
    [
      'a subscription of two tenants',
      {
        tenants: {
          [tenant]: { subscriptions: { [subscription]: {} } },
          [otherTenant]: { subscriptions: { [subscription]: {} } },
        },
      },
      `tenants.${otherTenant}.subscriptions.${subscription}`,
      /one tenant/,
    ],
    [
      'an identity to look up machines of which there is no document',
      { tenants: { [tenant]: { resourceManager: { client: tenant, assertion: { file: 'x' } } } } },
      `tenants.${tenant}.resourceManager`,
      /give attestedDocument/,
    ],
    ['two sources of keys', { tenants, managedIdentity: { keys: { from: 'api' } } }, 'managedIdentity.keys', /one of/],
    ['a key of another type', { tenants, issuer: 'https://sts.windows.net' }, '', /issuer/],
  ] as readonly (readonly [string, Record<string, unknown>, string, RegExp])[]) {
    it(`refuses ${what}`, () => {
      const { error } = azure.options.safeParse(block);
      assert.ok(error instanceof z.ZodError, 'it was accepted');
      const isFound = error.issues.some(
        (issue) => issue.path.join('.') === path && message.test(JSON.stringify(issue)),
      );
      assert.ok(isFound, JSON.stringify(error.issues));
    });
  }

  it('says which file the roots are in, and at start that they are none', async () => {
    const block = azure.options.parse({ tenants, attestedDocument: { roots: 'package.json' } });
    assert.deepEqual(azure.plan(block, 'https://us').files, [
      { path: ['attestedDocument', 'roots'], file: 'package.json' },
    ]);
    const host = createTestHost(() => 0, process.cwd());
    await assert.rejects(azure.create('a', block, host.host), /package\.json has no PEM certificates/);
    await host.close();
  });

  it('has the two public roots that are documented, by their fingerprints', async () => {
    const readme = await readFile(new URL('../../../attestors/azure/README.md', import.meta.url), 'utf8');
    const fingerprints = [...readme.matchAll(/`([0-9A-F]{64})`/g)].map(([, each]) => each);
    const roots = await loadRoots(undefined);
    assert.deepEqual(roots.map(({ x509 }) => x509.fingerprint256.replaceAll(':', '')).sort(), fingerprints.sort());
    assert.equal(roots.length, 2);
  });

  it('is told from another attestor by its audience', () => {
    const file = (of: string) =>
      problemsOf(
        yaml({
          attestors: `attestors:\n  a: { type: azure, tenants: { ${tenant}: {} }, audience: api://counterseal }\n  b: { type: azure, tenants: { ${tenant}: {} }, audience: ${of} }`,
          rules: sample.rules.replace(/workload: .*/, 'workload: { attestor: a, selectors: ["azure:kind:vm"] }'),
        }),
      );
    assert.deepEqual(file('api://other'), []);
    assert.match(file('api://counterseal').join(), /attestors\.b: attestors\.a accepts issuer/);
  });
});
