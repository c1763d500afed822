/** Attacks on introspection and on the list of revocations. */
import assert from 'node:assert/strict';
import {
  accessToken,
  assertionType,
  callerToken,
  clients,
  getRevocations,
  introspect,
  startWithClients,
} from '../support/introspection.js';
import { calendar, claimsOf, payroll, postForm, send, type TestService } from '../support/service.js';

const inactive = { active: false };
const instanceOf = (token: string) => (claimsOf(token).attestation as { instance: string }).instance;
const payrollJob = { namespace: 'finance', serviceAccount: 'payroll-job' };

describe('attacks on introspection', () => {
  let service: TestService;
  before(async () => {
    service = await startWithClients({
      more: `${clients}
  payroll-api:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:servers", "k8s:sa:payroll-api"] }
    introspect: ["${payroll}"]`,
    });
  });
  after(() => service.close());

  it('Keycloak CVE-2026-37979: a client that is not the audience is told inactive, and nothing else', async () => {
    const [mine, others] = [await accessToken(service), await accessToken(service, payrollJob, payroll)];
    const payrollApi = await callerToken(service, 'payroll-api');
    assert.equal((await introspect(service, { token: mine })).body.active, true);
    assert.deepEqual((await introspect(service, { token: others })).body, inactive);
    assert.equal((await introspect(service, { token: others, client_assertion: payrollApi })).body.active, true);
    assert.deepEqual((await introspect(service, { token: mine, client_assertion: payrollApi })).body, inactive);
  });

  it('Keycloak CVE-2026-37979: nor does the list of revocations tell it of others', async () => {
    const others = await accessToken(service, { ...payrollJob, pod: 'gone' }, payroll);
    const before = await getRevocations(service);
    service.host('prod-eu').ended(instanceOf(others), 'pod_deleted');
    const after = await getRevocations(service);
    assert.deepEqual([after.body, after.headers.get('etag')], [before.body, before.headers.get('etag')]);
    const Authorization = `Bearer ${await callerToken(service, 'payroll-api')}`;
    const { body } = await send(`${service.url}/revocations`, { headers: { Authorization } });
    assert.equal((body.instances as unknown[]).length, 1);
    assert.equal(JSON.stringify(body).includes(instanceOf(others)), false);
  });

  it('Keycloak CVE-2026-37979: the holder of a token may not introspect it with the token itself', async () => {
    const token = await accessToken(service);
    const { status, body } = await introspect(service, { token, client_assertion: token });
    assert.deepEqual([status, body.error], [401, 'invalid_client']);
  });

  for (const [title, changes] of [
    ['blank', { client_assertion: '' }],
    ['only white space', { client_assertion: ' \t\r\n' }],
    ['dropped', { client_assertion: undefined }],
    ['dropped, with the client that it would be', { client_assertion: undefined, client_id: 'calendar-api' }],
  ] as const) {
    it(`Keycloak CVE-2026-9704: a client_assertion that is ${title} is no authentication`, async () => {
      const { status, body } = await introspect(service, { token: await accessToken(service), ...changes });
      assert.deepEqual([status, body.error], [401, 'invalid_client']);
    });
  }

  it('Keycloak CVE-2026-9704: a repeated token or client_assertion is refused, the same one twice included', async () => {
    const form = {
      token: await accessToken(service),
      client_assertion_type: assertionType,
      client_assertion: await callerToken(service),
    };
    for (const [name, value] of [
      ['token', form.token],
      ['client_assertion', form.client_assertion],
    ] as const) {
      for (const twice of [
        [value, value],
        ['', value],
        [value, ''],
      ]) {
        const { status, body } = await postForm(`${service.url}/introspect`, { ...form, [name]: twice });
        assert.deepEqual([status, body.error], [400, 'invalid_request']);
      }
    }
  });

  it('Keycloak CVE-2026-4282: what is good in one place is nothing in another', async () => {
    const [token, assertion] = [await accessToken(service), await callerToken(service)];
    const { instances } = (await getRevocations(service)).body;
    assert.deepEqual(instances, []);
    for (const other of [assertion, claimsOf(token).jti, claimsOf(assertion).jti, instanceOf(token), calendar]) {
      assert.deepEqual((await introspect(service, { token: String(other) })).body, inactive);
    }
    const Authorization = `Bearer ${token}`;
    assert.equal((await send(`${service.url}/revocations`, { headers: { Authorization } })).status, 401);
    const atToken = await service.exchange({ client_assertion_type: assertionType, client_assertion: assertion });
    assert.deepEqual([atToken.status, atToken.body.error], [401, 'invalid_client']);
    assert.equal((await service.exchange({ subject_token: token })).status, 400);
  });

  it('fast-jwt GHSA-rp9m-7r4c-75qg: no answer about one token serves another that shares its signed part', async () => {
    const token = await accessToken(service);
    assert.equal((await introspect(service, { token })).body.active, true);
    const [header = '', payload = '', signature = ''] = token.split('.');
    for (const other of [`${header}.${payload}.${signature}A`, `${header}.${payload}.`, `${header}.${payload}`]) {
      assert.deepEqual((await introspect(service, { token: other })).body, inactive);
    }
  });

  it('Vault CVE-2024-8365: no token, of the caller or the one it asks about, is in a log, a record or an answer', async () => {
    const [token, assertion, stranger] = [
      await accessToken(service),
      await callerToken(service),
      await service.token(),
    ];
    const answers = [
      await introspect(service, { token, client_assertion: assertion }),
      await introspect(service, { token, client_assertion: stranger }),
      await introspect(service, { token: assertion, client_assertion: token }),
      await introspect(service, { token, client_id: token }),
      await introspect(service, { token, [token]: ['a', 'b'] }),
      await introspect(service, { token, client_assertion_type: assertion }),
      await introspect(service, { token }, { Authorization: `Bearer ${assertion}` }),
      await getRevocations(service, { Authorization: `Bearer ${token}` }),
      await getRevocations(service, { 'If-None-Match': token }),
      await send(`${service.url}/introspect?token=${token}`, { method: 'POST' }),
    ];
    const text = [await service.auditText(), service.warnings.join('\n'), JSON.stringify(answers)].join('\n');
    for (const secret of [token, assertion, stranger]) {
      const [, payload = '', signature = ''] = secret.split('.');
      assert.equal(text.includes(payload) || text.includes(signature), false);
    }
  });
});
