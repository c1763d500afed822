/** Tokens of managed identities, in the shapes that Microsoft documents. */
import assert from 'node:assert/strict';
import type { Claims } from '../../../examples/quickstart/cluster-issuer.js';
import { Rejected } from '../../../src/errors.js';
import {
  client,
  createFixture,
  type Fixture,
  ids,
  oid,
  otherTenant,
  subscription,
  tenant,
  v1Issuer,
  v2,
  v2Issuer,
} from './fixture.js';

const common = [
  `azure:client:${client}`,
  `azure:oid:${oid}`,
  'azure:resource-group:agents',
  `azure:subscription:${subscription}`,
  `azure:tenant:${tenant}`,
];

describe('azure: tokens of managed identities', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture({ tenants: { [tenant]: { environment: 'staging' }, [otherTenant]: {} } });
  });
  after(() => fixture.close());

  const refusal = async (changes: Claims) =>
    fixture.attest(changes).then(
      () => assert.fail('it was accepted'),
      (error: unknown) => {
        assert.ok(error instanceof Rejected, String(error));
        return error;
      },
    );

  const shapes: readonly (readonly [
    what: string,
    claims: Claims,
    resource: string,
    kind: string,
    assurance: string,
  ])[] = [
    ['a VM’s own identity, v1', {}, ids.vm, 'vm', 'medium'],
    ['a VM’s own identity, v2', { ...v2(), appid: undefined, idtyp: undefined }, ids.vm, 'vm', 'medium'],
    ['a VM’s own identity, both claims', { xms_az_rid: ids.vm.toUpperCase() }, ids.vm, 'vm', 'medium'],
    ['a user-assigned identity on a VM', { xms_mirid: ids.identity, xms_az_rid: ids.vm }, ids.vm, 'vm', 'low'],
    ['a uniform scale set', { xms_mirid: ids.uniform, xms_az_rid: ids.uniform }, ids.uniform, 'vmss', 'low'],
    [
      'an instance of a uniform scale set',
      { xms_mirid: ids.uniform, xms_az_rid: ids.uniformInstance },
      ids.uniformInstance,
      'vmss',
      'low',
    ],
    ['an instance of a flexible scale set', { xms_mirid: ids.flexible }, ids.flexible, 'vm', 'medium'],
    ['a function', { xms_mirid: ids.site }, ids.site, 'function', 'low'],
    [
      'a user-assigned identity on a function',
      { xms_mirid: ids.identity, xms_az_rid: ids.site },
      ids.site,
      'function',
      'low',
    ],
    ['a federated identity of AKS', { xms_mirid: ids.identity }, ids.identity, 'user-assigned', 'low'],
    [
      'a resource of a type that has no name here',
      { xms_mirid: ids.site.replace('Microsoft.Web/sites', 'Microsoft.Logic/workflows') },
      ids.site.replace('Microsoft.Web/sites', 'Microsoft.Logic/workflows'),
      'microsoft.logic/workflows',
      'low',
    ],
  ];
  for (const [what, claims, resource, kind, assurance] of shapes) {
    it(`reads ${what}`, async () => {
      const attestation = await fixture.attest(claims);
      assert.deepEqual(
        attestation.selectors,
        [...common, `azure:kind:${kind}`, `azure:resource:${resource.toLowerCase()}`].sort(),
      );
      assert.equal(attestation.subject, `spiffe://example.com/azure-main/tenant/${tenant}/principal/${oid}`);
      assert.equal(attestation.instance, `principal:${tenant}/${oid}`);
      assert.equal(attestation.environment, 'staging');
      assert.equal(attestation.assurance, assurance);
      assert.equal(attestation.evidenceId, 'uQkFFLFg0E');
      assert.equal(attestation.singleUse, false);
      assert.equal(attestation.vouchesUntil, attestation.claims.exp);
    });
  }

  it('keeps the same oid of two tenants apart, in subject and instance', async () => {
    const one = await fixture.attest();
    const other = await fixture.attest({ iss: v1Issuer(otherTenant), tid: otherTenant });
    assert.notEqual(one.subject, other.subject);
    assert.notEqual(one.instance, other.instance);
    assert.equal(other.environment, 'production');
  });

  const refusals: readonly (readonly [what: string, changes: Claims, reason: string])[] = [
    ['the tenant of another issuer, with the same oid', { tid: otherTenant }, 'tenant_mismatch'],
    ['no tid', { tid: undefined }, 'tenant_mismatch'],
    ['a tid that is a list', { tid: [tenant] }, 'tenant_mismatch'],
    ['a tenant that is not configured', { iss: v1Issuer(client), tid: client }, 'jwt_issuer'],
    ['the issuer common', { iss: v2Issuer('common') }, 'jwt_issuer'],
    ['the tenant in upper case', { iss: v1Issuer(tenant.toUpperCase()) }, 'jwt_issuer'],
    ['a v1 issuer without its slash', { iss: v1Issuer(tenant).slice(0, -1) }, 'jwt_issuer'],
    ['a v2 issuer in a v1 token', { iss: v2Issuer(tenant) }, 'claim_malformed'],
    ['no ver', { ver: undefined }, 'claim_malformed'],
    ['a ver that is a number', { ver: 1 }, 'claim_malformed'],
    ['no oid', { oid: undefined }, 'claim_malformed'],
    ['an oid that is no GUID', { oid: `${oid}/x` }, 'claim_malformed'],
    ['no appid', { appid: undefined }, 'claim_malformed'],
    ['azp instead of appid in a v1 token', { appid: undefined, azp: client }, 'claim_malformed'],
    ['appid instead of azp in a v2 token', { ...v2(), azp: undefined }, 'claim_malformed'],
    ['an appid that is no GUID', { appid: 'x' }, 'claim_malformed'],
    ['a person’s token, by scp', { scp: 'user_impersonation' }, 'not_an_application'],
    ['an empty scp', { scp: '' }, 'not_an_application'],
    ['a person’s token, by idtyp', { idtyp: 'user' }, 'not_an_application'],
    ['an idtyp that nobody knows', { idtyp: 'App' }, 'not_an_application'],
    ['a person’s token, by sub', { idtyp: undefined, sub: 'pairwise' }, 'not_an_application'],
    ['neither idtyp nor sub', { idtyp: undefined, sub: undefined }, 'not_an_application'],
    ['no xms_mirid: an application with a secret', { xms_mirid: undefined }, 'resource_malformed'],
    ['xms_az_rid alone', { xms_mirid: undefined, xms_az_rid: ids.vm }, 'resource_malformed'],
    ['the token exchange audience of AKS', { aud: 'api://AzureADTokenExchange' }, 'jwt_audience'],
    ['another audience beside ours', { aud: ['api://counterseal', 'https://vault.azure.net'] }, 'jwt_audience'],
    ['our audience with a slash', { aud: 'api://counterseal/' }, 'jwt_audience'],
    ['a lifetime of two days', { exp: 1_795_000_000 + 2 * 86_400 }, 'jwt_lifetime'],
    ['no exp', { exp: undefined }, 'jwt_exp_form'],
    ['an exp of text', { exp: '1795086400' }, 'jwt_exp_form'],
    ['an actor', { act: { sub: 'x' } }, 'jwt_delegated'],
  ];
  for (const [what, changes, reason] of refusals) {
    it(`refuses ${what}`, async () => assert.equal((await refusal(changes)).reason, reason));
  }

  describe('resource ids', () => {
    const malformed = [
      '',
      '/',
      ids.vm.slice(1),
      `${ids.vm}/`,
      `/${ids.vm}`,
      ids.vm.replace('/providers', '/providers/'),
      ids.vm.replace(subscription, 'x'),
      ids.vm.replace('Agents', '..'),
      ids.vm.replace('Agents', ''),
      ids.vm.replace('calendar-0', '..'),
      ids.vm.replace('calendar-0', 'a/b'),
      ids.vm.replace('calendar-0', 'a b'),
      ids.vm.replace('calendar-0', 'a\u0000'),
      ids.vm.replace('calendar-0', '*'),
      ids.vm.replace('calendar-0', 'calendar-0?x=1'),
      ids.vm.replace('calendar-0', 'calendar%2d0'),
      // KELVIN SIGN, of which the lower case is an ordinary k.
      ids.vm.replace('calendar-0', '\u212Aube'),
      ids.vm.replace('/virtualMachines/calendar-0', ''),
      ids.vm.replace('/calendar-0', ''),
      `/subscriptions/${subscription}/resourcegroups/agents`,
      `${ids.vm}${'/x/y'.repeat(400)}`,
      [ids.vm],
      null,
      7,
    ];
    for (const claim of ['xms_mirid', 'xms_az_rid']) {
      it(`refuses each that is malformed, as ${claim}, instead of taking half of it`, async () => {
        for (const id of malformed) {
          const { reason, detail } = await refusal({ [claim]: id });
          assert.equal(reason, 'resource_malformed', JSON.stringify(id));
          assert.ok(detail.startsWith(`${claim}: `));
        }
      });
    }
  });

  describe('Vault CVE-2025-3879: VM named by the caller disagrees with the token’s xms_mirid', () => {
    for (const [what, claims] of [
      ['a VM’s own identity on another VM', { xms_mirid: ids.vm, xms_az_rid: ids.otherVm }],
      ['a VM’s own identity on a VM whose name begins like it', { xms_mirid: ids.vm, xms_az_rid: `${ids.vm}0` }],
      ['a function’s own identity on a VM', { xms_mirid: ids.site, xms_az_rid: ids.vm }],
      [
        'a scale set’s own identity on an instance of another',
        { xms_mirid: ids.uniform, xms_az_rid: ids.uniformInstance.replace('calendar', 'payroll') },
      ],
      ['a user-assigned identity on another one', { xms_mirid: ids.identity, xms_az_rid: `${ids.identity}2` }],
    ] as const) {
      it(`refuses ${what}`, async () => assert.equal((await refusal(claims)).reason, 'resource_mismatch'));
    }
  });

  it('Teleport CVE-2025-49825: refuses a token within a token', async () => {
    const inner = fixture.token();
    assert.equal((await refusal({ xms_mirid: inner })).reason, 'resource_malformed');
    assert.equal((await refusal({ tid: inner })).reason, 'tenant_mismatch');
    assert.equal((await refusal({ oid: inner })).reason, 'claim_malformed');
  });
});
