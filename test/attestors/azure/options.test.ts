import assert from 'node:assert/strict';
import { z } from 'zod';
import { azure } from '../../../attestors/azure/index.js';
import { problemsOf, sample, yaml } from '../../config/sample.js';
import { audience, otherTenant, tenant, v1Issuer, v2Issuer } from './fixture.js';

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
