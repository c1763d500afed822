/** Whether token and document are of one machine: asked of a stand-in for Azure Resource Manager. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutboundRequest } from '../../../attestors/attestor.js';
import { azure } from '../../../attestors/azure/index.js';
import { Rejected, Unavailable } from '../../../src/errors.js';
import { callWith } from '../../support/attestor-host.js';
import { type Chain, content, documentEvidence, sharedChain, signDocument, vmId } from './documents.js';
import { audience, client, createFixture, type Fixture, ids, start, subscription, tenant } from './fixture.js';

const otherId = 'c0ffee00-0d4a-4e55-9b1a-6f2d8c7e9a01';
const login = `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`;
const arm = 'https://management.azure.com';
const version = 'api-version=2024-07-01';
const machine = (id: unknown) => ({ properties: { vmId: id } });

describe('azure: the machine of a token and of a document', function () {
  this.timeout(20_000);
  let chain: Chain;
  let fixture: Fixture;
  let asked: [url: string, request: OutboundRequest][];
  let answers: Record<string, unknown>;

  before(async () => {
    chain = await sharedChain();
    fixture = await createFixture();
    await writeFile(join(fixture.folder, 'roots.pem'), chain.root.pem);
    await writeFile(join(fixture.folder, 'assertion'), 'our.own.token\n');
  });
  beforeEach(() => {
    fixture.now = start;
    asked = [];
    answers = {
      [login]: { access_token: 'arm-token', expires_in: 3600 },
      [`${arm}${ids.vm.toLowerCase()}?${version}`]: machine(vmId.toUpperCase()),
    };
  });
  after(() => fixture.close());

  const create = (file = 'assertion') =>
    azure.create(
      'azure-main',
      azure.options.parse({
        tenants: { [tenant]: { resourceManager: { client, assertion: { file } } } },
        audience,
        managedIdentity: { keys: { jwksFile: 'jwks.json' } },
        attestedDocument: { roots: 'roots.pem' },
      }),
      {
        ...fixture.host.host,
        async send(url, request) {
          asked.push([url, request]);
          const answer = answers[url];
          const status = typeof answer === 'number' ? answer : answer === undefined ? 404 : 200;
          return { status, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer ?? {})) };
        },
      },
    );
  const evidence = (claims = {}, changes = {}) =>
    documentEvidence(
      signDocument(chain, { ...content(fixture.now), ...changes }, { bag: [chain.leaf, chain.intermediate] }),
      fixture.token(claims),
    );
  const attest = async (claims = {}, changes = {}) => (await create()).attest(evidence(claims, changes), callWith());

  it('is the same: high assurance, asked for with a token that is got without a secret', async () => {
    const attestation = await attest();
    assert.equal(attestation.assurance, 'high');
    assert.equal(attestation.instance, `vm:${vmId}`);
    const [[loginUrl, form] = assert.fail(), [url, request] = assert.fail(), ...others] = asked;
    assert.deepEqual([loginUrl, others], [login, []]);
    assert.deepEqual(Object.fromEntries(new URLSearchParams(form.body)), {
      grant_type: 'client_credentials',
      client_id: client,
      scope: 'https://management.azure.com/.default',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: 'our.own.token',
    });
    assert.equal(url, `${arm}${ids.vm.toLowerCase()}?${version}`);
    assert.equal(request.headers.authorization, 'Bearer arm-token');
  });

  it('gets a token for many exchanges, and another before it ends', async () => {
    const attestor = await create();
    const logins = () => asked.filter(([url]) => url === login).length;
    await Promise.all(Array.from({ length: 10 }, () => attestor.attest(evidence(), callWith())));
    assert.equal(logins(), 1);
    fixture.now = start + 3600 - 120;
    await attestor.attest(evidence(), callWith());
    assert.equal(logins(), 2);
  });

  it('gets another token when the one that it has is refused, once', async () => {
    const attestor = await create();
    await attestor.attest(evidence(), callWith());
    const logins = () => asked.filter(([url]) => url === login).length;
    const url = `${arm}${ids.vm.toLowerCase()}?${version}`;
    answers[url] = 401;
    await assert.rejects(attestor.attest(evidence(), callWith()), Unavailable);
    assert.equal(logins(), 2);
    answers[url] = machine(vmId);
    await attestor.attest(evidence(), callWith());
    assert.equal(logins(), 2);
  });

  it('Vault CVE-2025-3879: a document of another machine than the token’s is refused', async () => {
    await assert.rejects(attest({}, { vmId: otherId }), { name: 'Rejected', reason: 'machine_mismatch' });
    answers[`${arm}${ids.otherVm.toLowerCase()}?${version}`] = machine(otherId);
    await assert.rejects(attest({ xms_mirid: ids.otherVm }), { reason: 'machine_mismatch' });
    await assert.rejects(attest({ xms_mirid: ids.identity, xms_az_rid: ids.otherVm }), { reason: 'machine_mismatch' });
    assert.equal((await attest({ xms_mirid: ids.identity, xms_az_rid: ids.vm })).assurance, 'high');
  });

  it('a machine that is gone, or has no vmId, is refused', async () => {
    for (const answer of [404, {}, { properties: null }, machine(undefined), machine([vmId]), machine('')]) {
      answers[`${arm}${ids.vm.toLowerCase()}?${version}`] = answer;
      await assert.rejects(attest(), Rejected, JSON.stringify(answer));
    }
  });

  describe('scale sets', () => {
    const instances = `${ids.uniform.toLowerCase()}/virtualMachines?${version}`;
    const set = { xms_mirid: ids.uniform, xms_az_rid: ids.uniform };

    it('uniform: one of the instances, on any page', async () => {
      const next = `${arm}/subscriptions/${subscription}/page2`;
      answers[`${arm}${instances}`] = { value: [machine(otherId)], nextLink: next };
      answers[next] = { value: [machine(vmId)] };
      assert.equal((await attest(set)).assurance, 'high');
      answers[next] = { value: [] };
      await assert.rejects(attest(set), { reason: 'machine_mismatch' });
    });

    it('uniform: the instance that the token names', async () => {
      answers[`${arm}${ids.uniformInstance.toLowerCase()}?${version}`] = machine(vmId);
      assert.equal((await attest({ xms_mirid: ids.uniform, xms_az_rid: ids.uniformInstance })).assurance, 'high');
    });

    it('flexible: an instance is a virtual machine', async () => {
      answers[`${arm}${ids.flexible.toLowerCase()}?${version}`] = machine(vmId);
      assert.equal((await attest({ xms_mirid: ids.flexible })).assurance, 'high');
    });

    it('follows no page elsewhere, and not for ever', async () => {
      answers[`${arm}${instances}`] = { value: [], nextLink: 'https://evil.example/subscriptions/' };
      await assert.rejects(attest(set), Unavailable);
      assert.ok(!asked.some(([url]) => url.includes('evil')));
      const loop = `${arm}/subscriptions/loop`;
      answers[`${arm}${instances}`] = { value: [], nextLink: loop };
      answers[loop] = { value: 'x', nextLink: loop };
      asked = [];
      await assert.rejects(attest(set), { reason: 'machine_mismatch' });
      assert.equal(asked.length, 11);
    });
  });

  for (const [what, url, answer] of [
    ['Resource Manager refuses us', `${arm}${ids.vm.toLowerCase()}?${version}`, 403],
    ['Resource Manager throttles', `${arm}${ids.vm.toLowerCase()}?${version}`, 429],
    ['Resource Manager fails', `${arm}${ids.vm.toLowerCase()}?${version}`, 500],
    ['Resource Manager redirects', `${arm}${ids.vm.toLowerCase()}?${version}`, 302],
    ['Resource Manager sends no object', `${arm}${ids.vm.toLowerCase()}?${version}`, 'x'],
    ['Entra gives no token', login, 401],
    ['Entra sends no object', login, 'x'],
    ['Entra sends a token that is none', login, { access_token: 'a\r\nb', expires_in: 3600 }],
    ['Entra does not say how long', login, { access_token: 'a' }],
  ] as const) {
    it(`is not known while ${what}: unavailable, and never a lower assurance`, async () => {
      answers[url] = answer;
      await assert.rejects(attest(), (error: unknown) => {
        assert.ok(error instanceof Unavailable, String(error));
        assert.ok(!error.detail.includes('arm-token') && !error.detail.includes('our.own'));
        return true;
      });
    });
  }

  it('is not known without the file of our own token; it is read anew once it is there', async () => {
    const attestor = await create('later');
    await assert.rejects(attestor.attest(evidence(), callWith()), Unavailable);
    await writeFile(join(fixture.folder, 'later'), 'our.own.token');
    assert.equal((await attestor.attest(evidence(), callWith())).assurance, 'high');
  });

  it('is not asked about a token or a document that is worthless', async () => {
    await assert.rejects(attest({ scp: 'x' }), Rejected);
    await assert.rejects(attest({}, { nonce: '' }), Rejected);
    await assert.rejects(attest({ xms_mirid: ids.site }), Rejected);
    assert.deepEqual(asked, []);
  });
});
