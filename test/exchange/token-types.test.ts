/** RFC 8693 §2.1 `requested_token_type`: for each resource one type of token, which nobody gets by asking for another. */
import assert from 'node:assert/strict';
import { decodeProtectedHeader } from 'jose';
import { getRevocations, introspect, revoke } from '../support/introspection.js';
import { clientKey, makeProof } from '../support/proof.js';
import {
  type Answer,
  calendar,
  claimsOf,
  issuer,
  jwtType,
  send,
  startService,
  type TestService,
} from '../support/service.js';

const aws = 'sts.amazonaws.com';
const azure = 'api://AzureADTokenExchange';
const google = '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/agents/providers/sts';
const transactionType = 'urn:ietf:params:oauth:token-type:txn_token';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const agent = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';

const workload = '{ attestor: prod-eu, selectors: ["k8s:ns:agents", "k8s:sa:calendar-agent"] }';
const configuration = {
  resources: `
  ${calendar}: { scope: [read:calendar] }
  ${aws}: { scope: [assume-role], tokenType: jwt }
  "${azure}": { scope: [exchange], tokenType: jwt, algorithm: RS256 }
  "${google}": { scope: [exchange], tokenType: jwt, lifetime: 5m }
  example.com: { scope: [trade.stocks, trade.bonds], tokenType: txn_token, lifetime: 2m }`,
  rules: `
  calendar: { workload: ${workload}, grant: { resource: "${calendar}", scope: [read:calendar] } }
  aws: { workload: ${workload}, grant: { resource: ${aws}, scope: [assume-role] } }
  azure: { workload: ${workload}, grant: { resource: "${azure}", scope: [exchange] } }
  google: { workload: ${workload}, grant: { resource: "${google}", scope: [exchange] } }
  trade: { workload: ${workload}, grant: { resource: example.com, scope: [trade.stocks, trade.bonds] } }`,
  more: `
signing: { algorithms: [ES256, RS256] }
drafts: { transaction-tokens: "10" }
clients:
  cloud: { workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-api"] }, introspect: ["${calendar}", ${aws}, example.com] }`,
};

type Changes = Readonly<Record<string, string | undefined>>;

describe('requested_token_type', () => {
  let service: TestService;
  before(async () => {
    service = await startService({ ...configuration, earlierStore: true });
  });
  after(() => service.close());

  const ask = (audience: string | undefined, changes: Changes = {}, headers: Record<string, string> = {}) =>
    service.exchange({ resource: undefined, audience, requested_token_type: jwtType, ...changes }, headers);
  async function refused(answer: Answer, error: string, reason: string): Promise<void> {
    assert.deepEqual([answer.status, answer.body.error, 'access_token' in answer.body], [400, error, false]);
    assert.equal((await service.lastRecord()).reason, reason);
  }

  it('jwt: RFC 8693 §2.2.1, the answer names it, and N_A says that it is no access token', async () => {
    const { status, body } = await ask(aws);
    const { access_token, ...rest } = body;
    assert.deepEqual(
      [status, rest],
      [200, { issued_token_type: jwtType, token_type: 'N_A', expires_in: 600, scope: 'assume-role' }],
    );
    const { typ, alg } = decodeProtectedHeader(String(access_token));
    assert.deepEqual([typ, alg], ['JWT', 'ES256']);
    const { iat, nbf, exp, jti, attestation, ...claims } = claimsOf(access_token);
    assert.deepEqual(claims, { iss: issuer, aud: aws, sub: agent, client_id: agent, scope: 'assume-role' });
    assert.equal(Number(exp) - Number(iat), 600);
    assert.equal(Number(iat) - Number(nbf), 60);
    assert.equal((attestation as Record<string, unknown>).environment, 'production');
    const { request, granted } = await service.lastRecord();
    assert.deepEqual([request.resource, request.requested_token_type], [[aws], jwtType]);
    assert.deepEqual([granted?.issued_token_type, granted?.jti, granted?.resource], [jwtType, jti, aws]);
  });

  it('for each of the clouds, by the name that it has there, signed as it wants it', async () => {
    for (const [audience, algorithm, lifetime] of [
      [azure, 'RS256', 600],
      [google, 'ES256', 300],
    ] as const) {
      const { status, body } = await ask(audience);
      assert.deepEqual([status, body.expires_in, claimsOf(body.access_token).aud], [200, lifetime, audience]);
      assert.equal(decodeProtectedHeader(String(body.access_token)).alg, algorithm);
    }
  });

  it('left out, it is an access token, and so are those of the other grants', async () => {
    const { body } = await service.exchange();
    assert.deepEqual([body.issued_token_type, body.token_type], [accessTokenType, 'Bearer']);
    const { request, granted } = await service.lastRecord();
    assert.deepEqual([request.requested_token_type, granted?.issued_token_type], [null, undefined]);
    await refused(await ask(aws, { requested_token_type: undefined }), 'invalid_target', 'other_token_type');
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: await service.token() };
    await refused(await service.post({ ...form, audience: aws }), 'invalid_target', 'other_token_type');
    const asked = { ...form, audience: aws, requested_token_type: jwtType };
    await refused(await service.post(asked), 'invalid_request', 'parameter_of_another_grant');
  });

  it('never gives for a resource a token of another type than its own', async () => {
    const types = { [calendar]: accessTokenType, [aws]: jwtType, 'example.com': transactionType };
    for (const [audience, own] of Object.entries(types)) {
      for (const requested_token_type of Object.values(types).filter((type) => type !== own)) {
        const scope = requested_token_type === transactionType ? 'trade.stocks' : undefined;
        await refused(await ask(audience, { requested_token_type, scope }), 'invalid_target', 'other_token_type');
      }
    }
  });

  it('without a target, it is the only resource of that type', async () => {
    const token = await ask(undefined, { requested_token_type: accessTokenType });
    assert.equal(claimsOf(token.body.access_token).aud, calendar);
    const transaction = await ask(undefined, { requested_token_type: transactionType, scope: 'trade.stocks' });
    assert.equal(claimsOf(transaction.body.access_token).aud, 'example.com');
    await refused(await ask(undefined), 'invalid_target', 'no_target');
  });

  it('STANDARDS §7: one that is not issued here is invalid_request', async () => {
    for (const type of ['id_token', 'refresh_token', 'saml2', 'saml1', 'JWT', '']) {
      const requested_token_type = `urn:ietf:params:oauth:token-type:${type}`;
      await refused(await ask(aws, { requested_token_type }), 'invalid_request', 'requested_token_type');
    }
    for (const requested_token_type of ['jwt', ` ${jwtType}`, jwtType.toUpperCase()]) {
      await refused(await ask(aws, { requested_token_type }), 'invalid_request', 'requested_token_type');
    }
  });

  it('of a service that issues none of them, jwt and transaction tokens are invalid_request, too', async () => {
    const plain = await startService();
    for (const requested_token_type of [jwtType, transactionType]) {
      const { status, body } = await plain.exchange({ requested_token_type, scope: 'read:calendar' });
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
      assert.equal((await plain.lastRecord()).reason, 'requested_token_type');
    }
    const { body } = await send(`${plain.url}/.well-known/oauth-authorization-server`, {});
    assert.equal('identity_chaining_requested_token_types_supported' in body, false);
    await plain.close();
  });

  it('RFC 8707 §2: a logical name is an audience and no resource', async () => {
    for (const resource of [aws, google]) {
      await refused(await ask(undefined, { resource }), 'invalid_target', 'target_malformed');
      await refused(await ask(resource, { resource }), 'invalid_target', 'target_malformed');
    }
    assert.equal((await ask(azure, { resource: azure })).status, 200);
    for (const audience of [`${aws}#x`, 'sts amazonaws.com', 'sts.amazonaws.com\n', '"sts"']) {
      await refused(await ask(audience), 'invalid_target', 'target_malformed');
    }
    for (const audience of ['STS.amazonaws.com', `${aws}/`, 'sts', '/mcp']) {
      await refused(await ask(audience), 'invalid_target', 'unknown_resource');
    }
  });

  it('draft of identity chaining §3: the metadata names what buys a token in another trust domain', async () => {
    const { body } = await send(`${service.url}/.well-known/oauth-authorization-server`, {});
    assert.deepEqual(body.identity_chaining_requested_token_types_supported, [jwtType]);
  });

  it('is bound to nothing, whatever key is shown, because nobody would ask for it', async () => {
    const headers = { DPoP: makeProof(clientKey(), `${issuer}/token`) };
    const { status, body } = await ask(aws, {}, headers);
    assert.deepEqual([status, body.token_type, 'cnf' in claimsOf(body.access_token)], [200, 'N_A', false]);
    const { granted } = await service.lastRecord();
    assert.equal(granted?.binding, undefined);
  });

  it('expires with the evidence at the latest', async () => {
    const { body } = await ask(aws, { subject_token: await service.token({ lifetime: 120 }) });
    assert.ok(Number(body.expires_in) <= 120);
  });

  describe('transaction tokens, draft 10', () => {
    const asked = { requested_token_type: transactionType, scope: 'trade.stocks' };

    it('§7.1, §7.2, §8.4: typ, claims and answer', async () => {
      const { status, body } = await ask('example.com', asked);
      const { access_token, ...rest } = body;
      assert.deepEqual(
        [status, rest],
        [200, { issued_token_type: transactionType, token_type: 'N_A', expires_in: 120, scope: 'trade.stocks' }],
      );
      assert.equal(decodeProtectedHeader(String(access_token)).typ, 'txntoken+jwt');
      const { aud, sub, txn, req_wl, scope, jti } = claimsOf(access_token);
      assert.deepEqual([aud, sub, req_wl, scope], ['example.com', agent, agent, 'trade.stocks']);
      assert.match(String(txn), /^[0-9a-f-]{36}$/);
      assert.equal(txn, jti);
    });

    it('§8.1: scope is the purpose of the transaction, so it has to be named', async () => {
      await refused(await ask('example.com', { ...asked, scope: undefined }), 'invalid_request', 'scope_missing');
    });

    it('takes no context that nobody has checked', async () => {
      for (const name of ['request_context', 'request_details']) {
        const answer = await ask('example.com', { ...asked, [name]: '{"amount":1}' });
        await refused(answer, 'invalid_request', 'transaction_context');
      }
    });
  });

  it('RFC 7009: its client revokes it, and it stands in the list for who sees its resource', async () => {
    for (const [audience, changes] of [
      [aws, {}],
      ['example.com', { requested_token_type: transactionType, scope: 'trade.stocks' }],
    ] as const) {
      const { body } = await ask(audience, changes);
      const before = (await getRevocations(service)).body.tokens as unknown[];
      const token = String(body.access_token);
      const stranger = await service.token({ serviceAccount: 'stranger' });
      assert.equal((await revoke(service, { token, client_assertion: stranger })).status, 200);
      assert.equal(((await getRevocations(service)).body.tokens as unknown[]).length, before.length);
      assert.equal((await revoke(service, { token })).status, 200);
      assert.equal(((await getRevocations(service)).body.tokens as unknown[]).length, before.length + 1);
    }
  });

  it('RFC 7662 §2.2: is never active: whoever introspects takes what is active for an access token', async () => {
    const { body } = await ask(aws);
    const answer = await introspect(service, { token: String(body.access_token) });
    assert.deepEqual([answer.status, answer.body], [200, { active: false }]);
    const accessToken = String((await service.exchange()).body.access_token);
    assert.equal((await introspect(service, { token: accessToken })).body.active, true);
  });
});
