/** The cascade as resource servers see it: `/introspect` and `GET /revocations` after an instance has ended. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  accessToken,
  callerToken,
  clients,
  getRevocations,
  hashOf,
  introspect,
  startWithClients,
} from '../support/introspection.js';
import { claimsOf, issuer, payroll, send, type TestService } from '../support/service.js';

const instanceOf = (token: string) => (claimsOf(token).attestation as { instance: string }).instance;
const none = { issuer, instances: [], subjects: [], tokens: [] };
const payrollJob = { namespace: 'finance', serviceAccount: 'payroll-job' };

describe('revocation of a deleted pod', () => {
  let service: TestService;
  let now: number;
  beforeEach(async () => {
    now = Math.floor(Date.now() / 1000) * 1000;
    service = await startWithClients({ now: () => now });
  });
  afterEach(() => service.close());
  const active = async (token: string, at = service) => (await introspect(at, { token })).body;
  const listed = async (at = service) => (await getRevocations(at)).body;

  it('its tokens stop being active, those of another pod do not', async () => {
    const gone = await accessToken(service, { pod: 'one' });
    const other = await accessToken(service, { pod: 'two' });
    assert.equal((await active(gone)).active, true);
    service.host('prod-eu').ended(instanceOf(gone), 'pod_deleted');
    assert.deepEqual(await active(gone), { active: false });
    assert.equal((await active(other)).active, true);
  });

  it('tells the attestor who holds tokens, until they end', async () => {
    const token = await accessToken(service);
    const host = service.host('prod-eu');
    assert.deepEqual(host.instances(), [instanceOf(token)]);
    host.ended(instanceOf(token), 'pod_deleted');
    assert.deepEqual(host.instances(), []);
  });

  it('no token is issued on evidence from before the end, and the record says why', async () => {
    const token = await accessToken(service);
    service.host('prod-eu').ended(instanceOf(token), 'pod_deleted');
    const { status, body } = await service.exchange();
    assert.deepEqual([status, body.error], [400, 'invalid_request']);
    const record = await service.lastRecord();
    assert.deepEqual([record.reason, record.granted], ['instance_ended', null]);
    assert.match(record.detail ?? '', /pod_deleted/);
  });

  it('outlives a restart on the same store', async () => {
    const gone = await accessToken(service, { pod: 'one' });
    const other = await accessToken(service, { pod: 'two' });
    service.host('prod-eu').ended(instanceOf(gone), 'pod_deleted');
    const before = await getRevocations(service);
    await service.close(true);
    service = await startWithClients({ folder: service.folder, cluster: service.cluster, now: () => now });
    assert.deepEqual(await active(gone), { active: false });
    assert.equal((await active(other)).active, true);
    assert.deepEqual(service.host('prod-eu').instances(), [instanceOf(other)]);
    assert.equal((await getRevocations(service)).headers.get('etag'), before.headers.get('etag'));
  });

  it('what an attestor vouched for that is no longer configured is not active', async () => {
    const token = await accessToken(service);
    await service.close(true);
    const attestors = `
  prod-us: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: jwks.json } }`;
    const more = clients.replace('prod-eu', 'prod-us');
    const { folder, cluster } = service;
    // Another policy: its records are decided again with it, those before with theirs.
    const prepare = () => rm(join(folder, 'audit.jsonl'));
    service = await startWithClients({ folder, cluster, attestors, more, rules: '{}', prepare, now: () => now });
    assert.deepEqual(await active(token), { active: false });
  });

  it('GET /revocations lists it as a hash, with what to refuse and for how long', async () => {
    assert.deepEqual(await listed(), none);
    const token = await accessToken(service);
    now += 10_500;
    service.host('prod-eu').ended(instanceOf(token), 'pod_deleted');
    const iat = Number(claimsOf(token).iat);
    assert.deepEqual(await listed(), {
      ...none,
      instances: [{ hash: hashOf('prod-eu', instanceOf(token)), before: iat + 10, until: iat + 1_200 }],
    });
    now += 1_200_000;
    assert.deepEqual(await listed(), none);
  });

  it('sorts the list, and leaves out instances without tokens and those that hold tokens for others only', async () => {
    const tokens = [];
    for (const pod of ['a', 'b', 'c', 'd', 'e']) tokens.push(await accessToken(service, { pod }));
    const others = await accessToken(service, payrollJob, payroll);
    const host = service.host('prod-eu');
    for (const token of [...tokens, others]) host.ended(instanceOf(token), 'pod_deleted');
    host.ended('pod:without-tokens', 'pod_deleted');
    const { instances } = (await listed()) as unknown as { instances: { hash: string }[] };
    const expected = tokens.map((token) => hashOf('prod-eu', instanceOf(token))).sort();
    assert.deepEqual(
      instances.map(({ hash }) => hash),
      expected,
    );
  });

  it('RFC 9110 §13.1.2: has a strong ETag over what it says, and answers 304 while that is the same', async () => {
    const first = await getRevocations(service);
    const etag = first.headers.get('etag') ?? '';
    assert.match(etag, /^"[A-Za-z0-9_-]{43}"$/);
    assert.equal(first.headers.get('cache-control'), 'private, no-cache');
    assert.equal(first.headers.get('vary'), 'Authorization');
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await getRevocations(service, { 'If-None-Match': tag });
      assert.deepEqual([again.status, again.headers.get('etag'), again.body], [304, etag, {}], tag);
    }
    assert.equal((await getRevocations(service, { 'If-None-Match': '"other"' })).status, 200);
    service.host('prod-eu').ended(instanceOf(await accessToken(service)), 'pod_deleted');
    const changed = await getRevocations(service, { 'If-None-Match': etag });
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.get('etag'), etag);
  });

  it('RFC 6750 §3: is for configured clients only', async () => {
    const etag = (await getRevocations(service)).headers.get('etag') ?? '';
    for (const [what, Authorization] of Object.entries({
      nothing: '',
      'another scheme': `Basic ${Buffer.from('a:b').toString('base64')}`,
      garbage: 'Bearer garbage',
      'no token': 'Bearer ',
      'a workload that is no client': `Bearer ${await service.token()}`,
      'an access token of ours': `Bearer ${await accessToken(service)}`,
      'two tokens': `Bearer ${await callerToken(service)}, Bearer ${await callerToken(service)}`,
    })) {
      const headers = { ...(Authorization === '' ? {} : { Authorization }), 'If-None-Match': etag };
      const answer = await send(`${service.url}/revocations`, { headers });
      assert.deepEqual([answer.status, answer.body.error], [401, 'invalid_token'], what);
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer /);
      assert.deepEqual([answer.headers.get('cache-control'), answer.headers.get('etag')], ['no-store', null]);
    }
    const inQuery = await send(`${service.url}/revocations?access_token=${await callerToken(service)}`, {});
    assert.equal(inQuery.status, 401);
  });

  it('is read-only: other methods get 405, HEAD the headers', async () => {
    const Authorization = `Bearer ${await callerToken(service)}`;
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const { status, headers } = await send(`${service.url}/revocations`, { method, headers: { Authorization } });
      assert.deepEqual([status, headers.get('allow')], [405, 'GET, HEAD']);
    }
    const head = await send(`${service.url}/revocations`, { method: 'HEAD', headers: { Authorization } });
    assert.deepEqual([head.status, head.body], [200, {}]);
    assert.equal(head.headers.get('etag'), (await getRevocations(service)).headers.get('etag'));
  });
});
