/** Registered clients at every endpoint: RFC 7523 §2.2 with rfc7523bis, RFC 6749 §2.3.1, STANDARDS of bad input. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertion, basic, clientsBlock, secret, writeClientFiles } from '../support/clients.js';
import { ask, ways } from '../support/grants.js';
import { assertionType } from '../support/introspection.js';
import {
  type Answer,
  calendar,
  claimsOf,
  clusterUrl,
  grantType,
  issuer,
  jwtType,
  postForm,
  send,
  startService,
  type TestService,
} from '../support/service.js';
import { keys } from '../support/tokens.js';

const subjectOf = (id: string) => `spiffe://example.com/partners/client/${id}`;
const credentials = { grant_type: 'client_credentials', resource: calendar };
const form = (client_assertion: string, changes: Readonly<Record<string, string>> = {}) => ({
  ...credentials,
  client_assertion_type: assertionType,
  client_assertion,
  ...changes,
});

describe('registered clients', () => {
  let service: TestService;
  before(async () => {
    service = await startService({
      earlierStore: true,
      prepare: writeClientFiles,
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json } }${clientsBlock}`,
      rules: `
  pods: { workload: { attestor: prod-eu }, grant: { resource: "${calendar}", scope: [read:calendar] } }
  partners: { workload: { attestor: partners }, grant: { resource: "${calendar}", scope: [read:calendar] } }
  for-partners:
    workload: { attestor: prod-eu }
    delegator: { attestor: partners, claims: { sub: "*" } }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  batch-writes:
    workload: { attestor: partners, selectors: ["client:id:batch"] }
    grant: { resource: "${calendar}", scope: [write:events] }`,
      more: `clients:
  calendar-api:
    workload: { attestor: partners, selectors: ["client:id:legacy"] }
    introspect: ["${calendar}"]
  calendar-audit:
    workload: { attestor: partners, selectors: ["client:id:batch"] }
    introspect: ["${calendar}"]`,
    });
  });
  after(() => service.close());

  async function refused(answer: Answer, status: number, error: string, reason: string): Promise<void> {
    assert.deepEqual([answer.status, answer.body.error, 'access_token' in answer.body], [status, error, false]);
    const record = await service.lastRecord();
    assert.deepEqual([record.decision_id, record.reason], [answer.body.decision_id, reason]);
  }

  describe('private_key_jwt', () => {
    it('buys a token of the client, with and without typ, kid and client_id', async () => {
      for (const [header, changes] of [
        [{ typ: 'client-authentication+jwt' }, {}],
        [{}, { client_id: 'batch' }],
        [{ typ: 'JWT', kid: undefined }, { client_id: subjectOf('batch') }],
      ] as const) {
        const { status, body } = await service.post(form(assertion({}, header), changes));
        assert.equal(status, 200, JSON.stringify(body));
        const { sub, client_id, attestation, scope } = claimsOf(body.access_token);
        assert.deepEqual([sub, client_id, scope], [subjectOf('batch'), sub, 'read:calendar write:events']);
        assert.equal((attestation as { assurance: string }).assurance, 'low');
      }
    });

    it('gives a lifetime that does not hang on that of the assertion', async () => {
      const { body } = await service.post(form(assertion()));
      assert.equal(body.expires_in, 600);
    });

    const iat = Math.floor(Date.now() / 1000);
    const faults: Readonly<Record<string, readonly [token: () => string, reason: string]>> = {
      'the token endpoint as audience': [() => assertion({ aud: `${issuer}/token` }), 'audience_not_ours'],
      'several audiences': [() => assertion({ aud: [issuer, `${issuer}/token`] }), 'audience_not_issuer'],
      'a subject that is not the client': [() => assertion({ sub: 'legacy' }), 'client_subject'],
      'no jti': [() => assertion({ jti: undefined }), 'jwt_jti'],
      'no exp': [() => assertion({ exp: undefined }), 'jwt_exp_form'],
      'exp too far': [() => assertion({ iat, exp: iat + 301 }), 'jwt_lifetime'],
      expired: [() => assertion({ iat: iat - 100, exp: iat - 1 }), 'jwt_expired'],
      'from ahead of our clock by more than a minute': [
        () => assertion({ iat: iat + 120, exp: iat + 180 }),
        'jwt_issued_in_future',
      ],
      'an unknown client': [() => assertion({ iss: 'nobody', sub: 'nobody' }), 'issuer_untrusted'],
      'a client that has a secret': [() => assertion({ iss: 'legacy', sub: 'legacy' }), 'issuer_untrusted'],
      'an algorithm that is not the client’s': [() => assertion({ iss: 'narrow', sub: 'narrow' }), 'jwt_algorithm'],
      'an algorithm that is not the key’s': [() => assertion({}, { kid: keys.ES384.kid }), 'jwt_algorithm'],
      'a key that is not registered': [
        () => assertion({}, { kid: keys.ES256.kid }, { ...keys.ES256, privateKey: keys.ES384.privateKey }),
        'jwt_signature',
      ],
      'no kid, and no key of the algorithm': [() => assertion({}, { kid: undefined }, keys.EdDSA), 'jwt_key_id'],
      'a typ of something else': [() => assertion({}, { typ: 'at+jwt' }), 'jwt_type'],
      'a chain of actors': [() => assertion({ act: { sub: 'x' } }), 'jwt_delegated'],
    };
    for (const [title, [token, reason]] of Object.entries(faults)) {
      it(`${title}: invalid_client, 401`, async () => {
        await refused(await service.post(form(token())), 401, 'invalid_client', reason);
      });
    }

    it('of 100 uses of one assertion at once, one is good', async () => {
      const once = assertion();
      const answers = await Promise.all(Array.from({ length: 100 }, () => service.post(form(once))));
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
      assert.ok(answers.every(({ status, body }) => status === 200 || body.error === 'invalid_client'));
      await refused(await service.post(form(once)), 401, 'invalid_client', 'evidence_replayed');
    });

    it('is used up for every grant and endpoint', async () => {
      const once = assertion();
      assert.equal((await service.post(form(once))).status, 200);
      for (const way of ways) assert.equal((await ask(service, way, once)).status, way.rejected[0], way.name);
      const asking = { token: 'x', client_assertion_type: assertionType, client_assertion: once };
      for (const path of ['introspect', 'revoke']) {
        assert.equal((await postForm(`${service.url}/${path}`, asking)).status, 401, path);
      }
    });

    it('gets the same by every grant that it may use, and unauthorized_client by the others', async () => {
      for (const way of ways) {
        const { status, body } = await ask(service, way, assertion());
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(body.scope, 'read:calendar write:events');
        const narrow = assertion({ iss: 'narrow', sub: 'narrow' }, {}, keys.ES384);
        const answer = await ask(service, way, narrow);
        if (way.name === 'client_credentials') assert.equal(answer.status, 200);
        else await refused(answer, 400, 'unauthorized_client', 'grant_type_not_allowed');
      }
    });

    it('a client_id of another client: invalid_client', async () => {
      const answer = await service.post(form(assertion(), { client_id: 'legacy' }));
      await refused(answer, 401, 'invalid_client', 'client_is_not_subject');
    });
  });

  it('are asked for with an assertion of theirs by those that may exchange it alone; of others it is not used up', async () => {
    const actor = async () => ({ actor_token: await service.token(), actor_token_type: jwtType });
    const { status, body } = await service.exchange({ subject_token: assertion(), ...(await actor()) });
    assert.deepEqual([status, claimsOf(body.access_token).sub], [200, subjectOf('batch')], JSON.stringify(body));
    const narrow = assertion({ iss: 'narrow', sub: 'narrow' }, {}, keys.ES384);
    const answer = await service.exchange({ subject_token: narrow, ...(await actor()) });
    await refused(answer, 400, 'invalid_request', 'grant_type_not_allowed');
    assert.equal((await service.post(form(narrow))).status, 200);
  });

  describe('client_secret_basic', () => {
    it('is taken as it is, as the MCP SDK sends it, and form-encoded, as RFC 6749 asks, once', async () => {
      const encoded = encodeURIComponent(secret);
      for (const header of [basic('legacy', secret), basic('legacy', encoded), basic('%6Cegacy', encoded)]) {
        const { status, body } = await service.post(credentials, header);
        assert.equal(status, 200, JSON.stringify(body));
        const { sub, client_id } = claimsOf(body.access_token);
        assert.deepEqual([sub, client_id, body.scope], [subjectOf('legacy'), sub, 'read:calendar']);
      }
      for (const wrong of [encodeURIComponent(encoded), secret.replaceAll('%2B', '+'), secret.slice(1)]) {
        const answer = await service.post(credentials, basic('legacy', wrong));
        await refused(answer, 401, 'invalid_client', 'client_secret');
      }
    });

    it('an unknown client, one that has keys, and a bad secret are told the same', async () => {
      for (const [id, reason] of [
        ['nobody', 'issuer_untrusted'],
        ['batch', 'issuer_untrusted'],
        ['legacy', 'client_secret'],
      ] as const) {
        const answer = await service.post(credentials, basic(id, 'x'.repeat(40)));
        await refused(answer, 401, 'invalid_client', reason);
        assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic realm=/);
        assert.match(String(answer.body.error_description), /^No client is registered/);
      }
    });

    it('that ends with a colon is a secret, and no client_id with an empty one: it is in no record', async () => {
      const wrong = 'a-wrong-secret-that-ends-with-a-colon:';
      await refused(await service.post(credentials, basic('legacy', wrong)), 401, 'invalid_client', 'client_secret');
      const shown = { ...credentials, grant_type: grantType, subject_token: await service.token() };
      await service.post({ ...shown, subject_token_type: jwtType }, basic('legacy', wrong));
      assert.ok(!(await service.auditText()).includes('a-wrong-secret'));
    });

    it('in the body it is refused, and beside other evidence', async () => {
      const inBody = await service.post({ ...credentials, client_id: 'legacy', client_secret: secret });
      await refused(inBody, 401, 'invalid_client', 'client_authentication');
      for (const way of ways) {
        const headers = basic('legacy', secret);
        const answer = await ask(service, way, await service.token(), { headers });
        const [status, error] = way.name === 'client_credentials' ? [400, 'invalid_request'] : [401, 'invalid_client'];
        assert.deepEqual([answer.status, answer.body.error], [status, error], way.name);
      }
    });

    it('is no subject_token, whatever its type says', async () => {
      const subject_token = basic('legacy', secret).Authorization.slice('Basic '.length);
      const subject_token_type = 'urn:counterseal:params:token-type:client-secret';
      await refused(
        await service.exchange({ subject_token, subject_token_type }),
        400,
        'invalid_request',
        'token_type_unsupported',
      );
    });

    it('leaves neither the secret nor a hash of it in records', async () => {
      await service.post(credentials, basic('legacy', secret));
      const { evidence_sha256, evidence_id } = await service.lastRecord();
      assert.deepEqual([evidence_sha256, evidence_id], [null, 'secret:legacy']);
      assert.ok(!(await service.auditText()).includes(secret.slice(0, 20)));
    });

    it('a file that is gone, or holds no secret any more, is a 503 within a second', async () => {
      const file = join(service.folder, 'legacy.secret');
      for (const spoil of [() => rm(file), () => writeFile(file, 'short')]) {
        await spoil();
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        const { status, body } = await service.post(credentials, basic('legacy', secret));
        assert.deepEqual([status, body.error], [503, 'temporarily_unavailable']);
      }
      await writeClientFiles(service.folder);
      assert.equal((await service.post(credentials, basic('legacy', secret))).status, 200);
    });
  });

  it('introspects, revokes and fetches revocations as a configured client', async () => {
    const { body } = await service.post(credentials, basic('legacy', secret));
    const token = String(body.access_token);
    const active = async (changes: Readonly<Record<string, string>>, headers: Record<string, string> = {}) => {
      const answer = await postForm(`${service.url}/introspect`, { token, ...changes }, headers);
      return [answer.status, answer.body.active];
    };
    const asserted = () => ({ client_assertion_type: assertionType, client_assertion: assertion() });
    assert.deepEqual(await active({}, basic('legacy', secret)), [200, true]);
    assert.deepEqual(await active({ ...asserted(), client_id: 'batch' }), [200, true]);
    assert.deepEqual((await active({ ...asserted(), client_id: 'legacy' }))[0], 401);
    assert.deepEqual((await active({}, basic('legacy', `${secret}x`)))[0], 401);
    const revocations = await send(`${service.url}/revocations`, { headers: basic('legacy', secret) });
    assert.deepEqual([revocations.status, revocations.body.issuer], [200, issuer]);
    assert.equal((await send(`${service.url}/revocations`, { headers: basic('legacy', 'x') })).status, 401);
    const revoke = (headers: Record<string, string>, changes: Readonly<Record<string, string>> = {}) =>
      postForm(`${service.url}/revoke`, { token, ...changes }, headers);
    assert.equal((await revoke({}, asserted())).status, 200);
    assert.deepEqual(await active({}, basic('legacy', secret)), [200, true], 'another client’s token');
    assert.equal((await revoke(basic('legacy', secret))).status, 200);
    assert.deepEqual(await active({}, basic('legacy', secret)), [200, false]);
  });

  it('the metadata names client_secret_basic where a client has a secret', async () => {
    const methods = ['private_key_jwt', 'client_secret_basic'];
    const { body } = await send(`${service.url}/.well-known/oauth-authorization-server`, {});
    assert.deepEqual(body.token_endpoint_auth_methods_supported, ['none', ...methods]);
    assert.deepEqual(body.introspection_endpoint_auth_methods_supported, methods);
    assert.deepEqual(body.revocation_endpoint_auth_methods_supported, methods);
    assert.equal('authorization_grant_profiles_supported' in body, false);
  });
});
