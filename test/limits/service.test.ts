/** Limits over real HTTP: which endpoints count, what is answered, what is kept of it. */
import assert from 'node:assert/strict';
import { clients, getRevocations, introspect, revoke } from '../support/introspection.js';
import { scrape } from '../support/scrape.js';
import {
  type Answer,
  postForm,
  type ServiceOptions,
  send,
  startService,
  type TestService,
} from '../support/service.js';

const unaccepted = { audience: 'https://other.example' };
const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';

describe('limits of a service', () => {
  let service: TestService;
  afterEach(() => service?.close());
  const start = async (limits: string, options: ServiceOptions = {}) => {
    // A clock that stands: what is over its limit stays so while the test runs.
    const now = Date.now();
    service = await startService({ more: `limits: ${limits}\n${clients}`, now: () => now, ...options });
  };

  /** An answer that is over a limit. */
  function assertLimited({ status, headers, body }: Answer, seconds: number): void {
    assert.deepEqual([status, body.error], [429, 'temporarily_unavailable']);
    assert.equal(headers.get('retry-after'), String(seconds));
    assert.equal(headers.get('cache-control'), 'no-store');
  }

  it('RFC 6585 §4: an address over its limit gets 429 and Retry-After on every endpoint that verifies evidence, and no other', async () => {
    await start('{ address: { requests: 20, per: 1h } }');
    for (let index = 0; index < 20; index++) assert.notEqual((await service.post({})).status, 429);
    const token = await service.token();
    assertLimited(await service.exchange(), 180);
    assertLimited(await introspect(service, { token }), 180);
    assertLimited(await revoke(service, { token }), 180);
    assertLimited(await getRevocations(service), 180);
    assertLimited(await send(`${service.url}/token`, { method: 'GET' }), 180);
    for (const path of ['/jwks', '/.well-known/oauth-authorization-server']) {
      assert.equal((await send(`${service.url}${path}`, {})).status, 200);
    }
    assert.equal((await send(`${service.healthUrl}/readyz`, {})).status, 200);
  });

  it('what an address sent beyond its limit is counted, and not recorded', async () => {
    await start('{ address: { requests: 20, per: 1h } }');
    for (let index = 0; index < 50; index++) await service.exchange();
    assert.equal((await service.records()).length, 20);
    const { value } = await scrape(service.healthUrl);
    assert.equal(value('counterseal_rate_limited_total{by="address"}'), 30);
    assert.equal(value('counterseal_rate_limited_total{by="workload"}'), 0);
  });

  it('evidence that is not accepted counts ten times, whichever endpoint it is shown to', async () => {
    await start('{ address: { requests: 40, per: 1h } }');
    const client_assertion = await service.token(unaccepted);
    const token = 'a.b.c';
    const statuses: number[] = [];
    for (const ask of [
      async () => service.exchange({ subject_token: client_assertion }),
      async () => introspect(service, { token, client_assertion }),
      async () => revoke(service, { token, client_assertion }),
      async () => getRevocations(service, { Authorization: `Bearer ${client_assertion}` }),
      async () => service.exchange(),
    ]) {
      statuses.push((await ask()).status);
    }
    assert.deepEqual(statuses, [400, 401, 401, 401, 429]);
  });

  it('a delegator’s evidence that is not accepted counts ten times, too, and so does what is no active token of ours', async () => {
    await start('{ address: { requests: 20, per: 1h } }');
    const actor = { actor_token: await service.token(), actor_token_type: 'urn:ietf:params:oauth:token-type:jwt' };
    const subject_token = await service.token(unaccepted);
    assert.equal((await service.exchange({ subject_token, ...actor })).status, 400);
    const subject_token_type = 'urn:ietf:params:oauth:token-type:access_token';
    const ofOurs = { subject_token: 'a.b.c', subject_token_type };
    assert.equal((await service.exchange({ ...ofOurs, ...actor })).status, 400);
    assert.equal((await service.exchange()).status, 429);
  });

  it('a workload has one limit on all its ways, and its record says that it was over it', async () => {
    await start('{ workload: { requests: 6, per: 1h } }');
    const token = await service.token();
    const assertion = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: token };
    const credentials = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: token,
    };
    for (let round = 0; round < 2; round++) {
      assert.equal((await service.exchange()).status, 200);
      assert.notEqual((await service.post(assertion)).status, 429);
      assert.equal((await revoke(service, { token: 'a.b.c' })).status, 200);
    }
    assertLimited(await service.post(credentials), 600);
    assertLimited(await revoke(service, { token: 'a.b.c' }), 600);
    const answer = await service.exchange();
    assertLimited(answer, 600);
    const record = await service.lastRecord();
    assert.equal(record.decision_id, answer.body.decision_id);
    assert.deepEqual([record.reason, record.subject], ['rate_limited_workload', subject]);
    assert.equal(record.detail, `limits.workload: more than 6 requests in 3600 s of ${subject}.`);
    const payroll = await service.token({ namespace: 'finance', serviceAccount: 'payroll-job' });
    const other = { subject_token: payroll, resource: 'https://payroll.example' };
    assert.equal((await service.exchange(other)).status, 200);
  });

  it('records of a workload that is over its limit are bounded as those of strangers are', async () => {
    const audit = '{ refusalsPerSecond: 3, sinks: [{ type: file, path: audit.jsonl }] }';
    await start('{ workload: { requests: 5, per: 1h } }', { audit });
    const answers: Answer[] = [];
    for (let index = 0; index < 20; index++) answers.push(await service.exchange());
    assert.equal((await service.records()).length, 5 + 3);
    const told = answers.filter(({ body }) => body.decision_id !== undefined);
    assert.equal(told.length, 3);
  });

  it('an attestor has one limit for evidence that is accepted and that is not', async () => {
    await start('{ address: { requests: 1000, per: 1h }, attestor: { requests: 5, per: 1h } }');
    const [head = '', payload = ''] = (await service.token()).split('.');
    const forged = `${head}.${payload}.${Buffer.alloc(256).toString('base64url')}`;
    for (let index = 0; index < 3; index++)
      assert.equal((await service.exchange({ subject_token: forged })).status, 400);
    for (let index = 0; index < 2; index++) assert.equal((await service.exchange()).status, 200);
    assertLimited(await service.exchange(), 720);
    const record = await service.lastRecord();
    assert.deepEqual([record.reason, record.subject], ['rate_limited_attestor', null]);
    // What is of no attestor is none of its limit.
    assert.equal((await service.exchange({ subject_token: await service.token(unaccepted) })).status, 400);
  });

  it('a workload over its limit is told that before its evidence is pinned, or a proof is asked of it', async () => {
    await start('{ workload: { requests: 5, per: 1h } }', {
      attestors: `
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: jwks.json }, pin: required }`,
    });
    for (let index = 0; index < 5; index++) assert.equal((await service.exchange()).body.error, 'invalid_dpop_proof');
    assertLimited(await service.exchange(), 720);
  });

  it('nothing is limited that is not configured', async () => {
    await start('{}');
    const token = await service.token(unaccepted);
    for (let index = 0; index < 100; index++) {
      assert.equal((await service.exchange({ subject_token: token })).status, 400);
    }
    assert.equal((await postForm(`${service.url}/token`, {})).status, 400);
  });
});
