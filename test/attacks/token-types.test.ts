/** RFC 8725 §3.11, §2.8: tokens of ours of one type, shown where one of another is meant, or as evidence. */
import assert from 'node:assert/strict';
import { assertionType } from '../support/introspection.js';
import { calendar, grantType, issuer, jwtType, postForm, startService, type TestService } from '../support/service.js';

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const workload = '{ attestor: prod-eu, selectors: ["k8s:ns:agents"] }';

describe('RFC 8725 §2.8: a token of ours in the place of another', () => {
  let service: TestService;
  const tokens = new Map<string, string>();
  before(async () => {
    service = await startService({
      // The worst that a resource could be called: us, and what evidence is for.
      resources: `
  ${calendar}: { scope: [read:calendar] }
  ${issuer}: { scope: [read], tokenType: jwt }
  ${issuer}/token: { scope: [read], tokenType: jwt }
  example.com: { scope: [read], tokenType: txn_token, lifetime: 5m }`,
      rules: `
  calendar: { workload: ${workload}, grant: { resource: "${calendar}", scope: [read:calendar] } }
  onwards:
    workload: ${workload}
    delegator: { attestor: prod-eu, resource: "${calendar}" }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  ours: { workload: ${workload}, grant: { resource: "${issuer}", scope: [read] } }
  endpoint: { workload: ${workload}, grant: { resource: "${issuer}/token", scope: [read] } }
  transaction: { workload: ${workload}, grant: { resource: example.com, scope: [read] } }`,
      more: 'drafts: { transaction-tokens: "10" }',
    });
    for (const [audience, type] of [
      [issuer, 'jwt'],
      [`${issuer}/token`, 'jwt'],
      ['example.com', 'txn_token'],
    ] as const) {
      const requested_token_type = `urn:ietf:params:oauth:token-type:${type}`;
      const { body } = await service.exchange({ resource: undefined, audience, requested_token_type, scope: 'read' });
      tokens.set(`${type} for ${audience}`, String(body.access_token));
    }
  });
  after(() => service.close());

  it('is no evidence, on any grant, under any type', async () => {
    assert.equal(tokens.size, 3);
    for (const [name, token] of tokens) {
      for (const form of [
        { grant_type: grantType, subject_token_type: jwtType, subject_token: token },
        { grant_type: grantType, subject_token_type: accessTokenType, subject_token: token },
        { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: token },
        { grant_type: 'client_credentials', client_assertion_type: assertionType, client_assertion: token },
      ]) {
        const { status, body } = await service.post({ ...form, resource: calendar });
        assert.ok(status === 400 || status === 401, name);
        assert.equal('access_token' in body, false, name);
        const { reason } = await service.lastRecord();
        assert.ok(['issuer_untrusted', 'token_type_unsupported', 'jwt_type'].includes(reason), `${name}: ${reason}`);
      }
    }
  });

  it('is no token that is passed on, where an access token is', async () => {
    const actor = { actor_token_type: jwtType, actor_token: await service.token({ serviceAccount: 'other' }) };
    const onwards = (subject_token: string) =>
      service.exchange({ subject_token, subject_token_type: accessTokenType, ...actor });
    assert.equal((await onwards(String((await service.exchange()).body.access_token))).status, 200);
    for (const [name, token] of tokens) {
      const { status, body } = await onwards(token);
      assert.deepEqual([status, body.error], [400, 'invalid_request'], name);
    }
  });

  it('authenticates nobody', async () => {
    for (const token of tokens.values()) {
      const form = { client_assertion_type: assertionType, client_assertion: token, token };
      assert.equal((await postForm(`${service.url}/revoke`, form)).status, 401);
    }
  });
});
