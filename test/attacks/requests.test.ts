/** Attacks on the request as a whole, over real HTTP. */
import assert from 'node:assert/strict';
import { calendar, grantType, issuer, jwtType, startService, type TestService } from '../support/service.js';

describe('attacks on the token request', () => {
  let service: TestService;
  before(async () => {
    service = await startService();
  });
  after(() => service.close());

  for (const [title, changes] of [
    ['blank', { subject_token: '' }],
    ['only white space', { subject_token: ' \t\r\n' }],
    ['dropped', { subject_token: undefined }],
    ['dropped with its type', { subject_token: undefined, subject_token_type: undefined }],
    ['dropped, with a client that could be known', { subject_token: undefined, client_id: 'a' }],
  ] as const) {
    it(`Keycloak CVE-2026-9704: a subject_token that is ${title} is invalid_request, no other grant`, async () => {
      const { status, body } = await service.exchange(changes);
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
    });
  }

  it('Keycloak CVE-2026-9704: a repeated subject_token is refused, the same one twice included', async () => {
    const token = await service.token();
    const form = { grant_type: grantType, subject_token_type: jwtType, resource: calendar };
    for (const subject_token of [
      [token, token],
      ['', token],
      [token, ''],
    ]) {
      const { status, body } = await service.post({ ...form, subject_token });
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
    }
  });

  it('our own access token is no evidence', async () => {
    const { body } = await service.exchange();
    const again = await service.exchange({ subject_token: String(body.access_token) });
    assert.deepEqual([again.status, again.body.error], [400, 'invalid_request']);
  });

  it('Keycloak 52691: evidence that carries act or may_act is refused, never dropped', async () => {
    const claims = service.cluster.claims({ namespace: 'agents', serviceAccount: 'calendar-agent', audience: issuer });
    assert.equal((await service.exchange({ subject_token: service.cluster.sign(claims) })).status, 200);
    for (const extra of [{ act: { sub: 'x' } }, { may_act: { sub: 'x' } }]) {
      const { status, body } = await service.exchange({ subject_token: service.cluster.sign({ ...claims, ...extra }) });
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
    }
  });

  it('log injection: line breaks, NUL, ANSI and bidi controls in every parameter leave one record, one line', async () => {
    const hostile = 'x\r\n{"forged":true}\u0000\u001b[31m\u009b\u2028\u202e\u2066\u0085';
    const before = (await service.records()).length;
    const names = [
      'grant_type',
      'subject_token',
      'subject_token_type',
      'requested_token_type',
      'resource',
      'audience',
      'scope',
      'client_id',
      'unheard_of',
    ];
    for (const name of names) await service.exchange({ [name]: hostile });
    const text = await service.auditText();
    assert.equal((await service.records()).length, before + names.length);
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
  });

  it('log injection: the same in every claim of unverified evidence', async () => {
    const hostile = 'https://x.example\r\n{"forged":true}\u0000\u001b[31m\u2028\u202e';
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const before = (await service.records()).length;
    for (const claims of [
      { iss: hostile, aud: 'x' },
      { iss: 'https://kubernetes.default.svc', aud: hostile },
    ]) {
      await service.exchange({ subject_token: `${encode({ alg: 'RS256', kid: hostile })}.${encode(claims)}.c2ln` });
    }
    assert.equal((await service.records()).length, before + 2);
    assert.doesNotMatch(
      await service.auditText(),
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/,
    );
  });

  it('resource exhaustion: a flood of garbage is answered, not all of it written, and a pod is served meanwhile', async function () {
    this.timeout(30_000);
    const flooded = await startService({
      audit: '{ durability: strict, refusalsPerSecond: 5, sinks: [{ type: file, path: audit.jsonl }] }',
    });
    const garbage = { grant_type: grantType, subject_token_type: jwtType, subject_token: 'x'.repeat(60_000) };
    const began = Date.now();
    const answers = await Promise.all(Array.from({ length: 300 }, () => flooded.post(garbage)));
    assert.ok(answers.every(({ status, body }) => status === 400 && body.error === 'invalid_request'));
    assert.equal((await flooded.exchange()).status, 200);
    const seconds = Math.ceil((Date.now() - began) / 1000);
    const refusals = (await flooded.records()).filter((record) => record.outcome === 'refused').length;
    assert.ok(refusals >= 5 && refusals <= 5 * (seconds + 1), `${refusals} records in ${seconds} s`);
    const unwritten = answers.filter(({ body }) => body.decision_id === undefined).length;
    assert.equal(unwritten, 300 - refusals);
    await flooded.close();
  });
});
