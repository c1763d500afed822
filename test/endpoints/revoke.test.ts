/** `POST /revoke` by RFC 7009, over real HTTP. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  accessToken,
  assertionType,
  callerToken,
  clients,
  getRevocations,
  introspect,
  introspectAsJwt,
  revoke,
  startWithClients,
} from '../support/introspection.js';
import { calendar, claimsOf, issuer, postForm, send, startService, type TestService } from '../support/service.js';

const inactive = { active: false };
const agent = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
const twoAgents = `
  agents:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`;

describe('revocation by the client', () => {
  let service: TestService;
  before(async () => {
    service = await startWithClients({ rules: twoAgents });
  });
  after(() => service.close());
  const isActive = async (token: string, at = service) => (await introspect(at, { token })).body.active;

  it('RFC 7009 §2.2: 200 without a body, and the token is not active any more, nor any other than it', async () => {
    const [token, other] = [await accessToken(service), await accessToken(service)];
    assert.equal(await isActive(token), true);
    const { status, body, headers } = await revoke(service, { token });
    assert.deepEqual([status, body, headers.get('content-length')], [200, {}, '0']);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.deepEqual((await introspect(service, { token })).body, inactive);
    assert.equal(await isActive(other), true);
    assert.ok(
      service.warnings.includes(`revocation: token ${claimsOf(token).jti} is revoked by its client ${agent}`),
      service.warnings.join('\n'),
    );
  });

  it('any pod of the workload may, with its client_id and whatever hint; again is the same', async () => {
    for (const token_type_hint of ['access_token', 'refresh_token', 'no such type']) {
      const token = await accessToken(service, { pod: 'one' });
      const form = { token, token_type_hint, client_id: agent };
      for (let times = 0; times < 2; times++) {
        const client_assertion = await service.token({ pod: 'two' });
        assert.equal((await revoke(service, { ...form, client_assertion })).status, 200);
        assert.equal(await isActive(token), false);
      }
    }
  });

  it('GET /revocations has it at once, as a hash, for clients of its resource, until it has expired', async () => {
    let now = Math.floor(Date.now() / 1000) * 1000;
    const own = await startWithClients({ now: () => now });
    const token = await accessToken(own);
    const { jti, exp } = claimsOf(token);
    await revoke(own, { token });
    const hash = createHash('sha256').update(String(jti)).digest('base64url');
    const listed = async () => (await getRevocations(own)).body;
    assert.deepEqual(await listed(), { issuer, instances: [], subjects: [], tokens: [{ hash, until: exp }] });
    now += 600_000;
    assert.deepEqual((await listed()).tokens, []);
    await own.close();
  });

  it('RFC 7009 §2.1: a token of another client is not revoked, and the answer is that for an unknown one', async () => {
    const others = await accessToken(service, { serviceAccount: 'other-agent' });
    const expected = await revoke(service, { token: 'unknown' });
    for (const client_assertion of [undefined, await callerToken(service)]) {
      const answer = await revoke(service, { token: others, ...(client_assertion && { client_assertion }) });
      assert.deepEqual([answer.status, answer.body], [expected.status, expected.body]);
      const names = (headers: Headers) => [...headers.keys()].sort();
      assert.deepEqual(names(answer.headers), names(expected.headers));
    }
    assert.equal(await isActive(others), true);
  });

  it('RFC 7009 §2.2: what is no token, has expired, or is somebody’s evidence is 200', async () => {
    let now = Date.now();
    const clocked = await startWithClients({ now: () => now });
    const token = await accessToken(clocked);
    now += 600_000;
    const [header, payload] = token.split('.');
    for (const each of [token, 'garbage', `${header}.${payload}.AAAA`, await clocked.token(), 'x'.repeat(20_000)]) {
      assert.equal((await revoke(clocked, { token: each })).status, 200);
    }
    assert.deepEqual((await getRevocations(clocked)).body.tokens, []);
    await clocked.close();
  });

  it('RFC 7009 §2.2.1: what is ours and no access token is unsupported_token_type', async () => {
    const { text: token } = await introspectAsJwt(service, { token: 'x' });
    const { status, body } = await revoke(service, { token });
    assert.deepEqual([status, body.error], [400, 'unsupported_token_type']);
  });

  it('is for attested workloads only: else invalid_client, and nothing is revoked', async () => {
    const token = await accessToken(service);
    const basic = `Basic ${Buffer.from(`${agent}:`).toString('base64')}`;
    for (const [what, answer] of Object.entries({
      nothing: await revoke(service, { token, client_assertion: undefined, client_assertion_type: undefined }),
      'its client_id alone': await revoke(service, { token, client_assertion: undefined, client_id: agent }),
      'an assertion without its type': await revoke(service, { token, client_assertion_type: undefined }),
      garbage: await revoke(service, { token, client_assertion: 'garbage' }),
      'the token itself': await revoke(service, { token, client_assertion: token }),
      'evidence for somebody else': await revoke(service, {
        token,
        client_assertion: await service.token({ audience: 'https://other.example' }),
      }),
      'another’s client_id': await revoke(service, { token, client_id: `${agent}-2` }),
      'a header': await revoke(service, { token, client_assertion: undefined }, { Authorization: basic }),
      'a secret': await revoke(service, { token, client_assertion: undefined, client_secret: 'secret' }),
    })) {
      assert.deepEqual([answer.status, answer.body.error], [401, 'invalid_client'], what);
    }
    const twice = await revoke(service, { token }, { Authorization: basic });
    assert.deepEqual([twice.status, twice.body.error], [400, 'invalid_request']);
    assert.equal(await isActive(token), true);
  });

  it('answers malformed requests as /token does', async () => {
    const token = await accessToken(service);
    const url = `${service.url}/revoke`;
    const form = { token, client_assertion_type: assertionType, client_assertion: await service.token() };
    for (const [what, { status, body, headers }] of Object.entries({
      'no token': await revoke(service, { token: undefined }),
      'an empty token': await revoke(service, { token: '' }),
      'a token twice': await revoke(service, { token: [token, token] }),
      'a hint twice': await revoke(service, { token, token_type_hint: ['access_token', 'access_token'] }),
      JSON: await send(url, {
        method: 'POST',
        body: JSON.stringify(form),
        headers: { 'Content-Type': 'application/json' },
      }),
      'a query': await postForm(`${url}?token=${token}`, form),
    })) {
      assert.deepEqual([status, body.error, headers.get('cache-control')], [400, 'invalid_request', 'no-store'], what);
    }
    const large = await revoke(service, { token: 'x'.repeat(70_000) });
    assert.deepEqual([large.status, large.body.error], [413, 'invalid_request']);
    const get = await send(`${url}?token=${token}`, {});
    assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST']);
    assert.equal(await isActive(token), true);
  });

  it('a hundred at once: of one token, and of a hundred; each is revoked, and no other', async () => {
    const [one, kept] = [await accessToken(service), await accessToken(service)];
    const client_assertion = await service.token();
    const many = await Promise.all(Array.from({ length: 100 }, () => accessToken(service)));
    const answers = await Promise.all(
      [...Array.from({ length: 100 }, () => one), ...many].map((token) => revoke(service, { token, client_assertion })),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    const line = `revocation: token ${claimsOf(one).jti} is revoked by its client ${agent}`;
    assert.equal(service.warnings.filter((warning) => warning === line).length, 1);
    const active = await Promise.all([one, ...many].map((token) => isActive(token)));
    assert.deepEqual([...new Set(active)], [false]);
    assert.equal(await isActive(kept), true);
  });

  it('two services on one store: what one revoked is active at neither, at once', async () => {
    const { folder, cluster } = service;
    const other = await startWithClients({ folder, cluster, rules: twoAgents });
    for (const [here, there] of [
      [service, other],
      [other, service],
    ] as const) {
      const token = await accessToken(here);
      assert.equal(await isActive(token, there), true);
      assert.equal((await revoke(there, { token })).status, 200);
      assert.deepEqual([await isActive(token, here), await isActive(token, there)], [false, false]);
    }
    await other.close(true);
  });

  it('outlives a restart on the embedded store', async () => {
    let own = await startWithClients();
    const [gone, kept] = [await accessToken(own), await accessToken(own)];
    await revoke(own, { token: gone });
    await own.close(true);
    own = await startWithClients({ folder: own.folder, cluster: own.cluster });
    assert.deepEqual([await isActive(gone, own), await isActive(kept, own)], [false, true]);
    await own.close();
  });

  it('RFC 8414 §2: is there without clients too, under the issuer’s path, and the metadata says so', async () => {
    const tenant = await startService({ issuer: `${issuer}/tenant/a` });
    const { body } = await send(`${tenant.url}/.well-known/oauth-authorization-server/tenant/a`, {});
    assert.equal(body.revocation_endpoint, `${issuer}/tenant/a/revoke`);
    const { access_token } = (await tenant.exchange()).body;
    const form = { client_assertion_type: assertionType, client_assertion: await tenant.token() };
    const answer = await postForm(`${tenant.url}/tenant/a/revoke`, { ...form, token: String(access_token) });
    assert.equal(answer.status, 200);
    assert.ok(tenant.warnings.some((line) => line.includes('is revoked by its client')));
    await tenant.close();
  });

  it('is a 503 with Retry-After, and nothing is revoked, while the evidence cannot be verified', async () => {
    const down = await startWithClients({
      attestors: `
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: missing.json } }`,
      more: clients,
    });
    const { status, body, headers } = await revoke(down, { token: 'x' });
    assert.deepEqual([status, body.error, headers.get('retry-after')], [503, 'temporarily_unavailable', '1']);
    await down.close();
  });
});
