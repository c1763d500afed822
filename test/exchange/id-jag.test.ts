/** draft-ietf-oauth-identity-assertion-authz-grant-04, as the authorization server of the resource. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { assertion, basic, clientsBlock, secret, writeClientFiles } from '../support/clients.js';
import { assertionType } from '../support/introspection.js';
import { clientKey, makeProof } from '../support/proof.js';
import {
  type Answer,
  calendar,
  claimsOf,
  clusterUrl,
  issuer,
  payroll,
  send,
  startService,
  type TestService,
} from '../support/service.js';

const idp = 'https://idp.example';
const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const anna = 'spiffe://example.com/staff/subject/anna';
const batch = 'spiffe://example.com/partners/client/batch';

const options = {
  earlierStore: true,
  prepare: writeClientFiles,
  attestors: `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json } }
  staff: { type: oidc, issuer: "${idp}", role: delegator, keys: { jwksFile: jwks.json } }${clientsBlock.replace(
    'legacy: { secret: { file: legacy.secret } }',
    `legacy: { secret: { file: legacy.secret }, grantTypes: ["${grant}"] }`,
  )}`,
  rules: `
  staff-through-partners:
    workload: { attestor: partners }
    delegator: { attestor: staff }
    grant: { resource: "${calendar}", scope: [read:calendar, write:events] }
  staff-through-pods:
    workload: { attestor: prod-eu, selectors: ["k8s:sa:calendar-agent"] }
    delegator: { attestor: staff, claims: { groups: calendar-users } }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  staff-payroll:
    workload: { attestor: partners }
    delegator: { attestor: staff, claims: { groups: finance } }
    grant: { resource: "${payroll}", scope: [read:salaries] }`,
} as const;

describe('identity assertions of people (ID-JAG)', () => {
  let service: TestService;
  before(async () => {
    service = await startService({ ...options, more: 'drafts: { id-jag: "04" }' });
  });
  after(() => service.close());

  type Members = Readonly<Record<string, unknown>>;

  function idJag(changes: Members = {}, header: Members = {}, by: TestService = service): string {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iss: idp, sub: 'anna', aud: issuer, client_id: 'batch', iat, exp: iat + 300, jti: randomUUID() };
    return by.cluster.sign({ ...claims, ...changes }, { typ: 'oauth-id-jag+jwt', ...header });
  }

  type Changes = Readonly<Record<string, string>>;
  const authenticated = (token = assertion()) => ({ client_assertion_type: assertionType, client_assertion: token });
  const ask = (shown: string, changes: Changes = authenticated(), headers: Record<string, string> = {}) =>
    service.post({ grant_type: grant, assertion: shown, ...changes }, headers);

  async function refused(answer: Answer, status: number, error: string, reason: string): Promise<void> {
    assert.deepEqual([answer.status, answer.body.error, (await service.lastRecord()).reason], [status, error, reason]);
    assert.equal('access_token' in answer.body, false);
  }

  it('buy the client a token of the person, with the client as actor, and no resource is asked for', async () => {
    const { status, body } = await ask(idJag({ resource: calendar, scope: 'read:calendar delete:all' }));
    assert.equal(status, 200, JSON.stringify(body));
    const { sub, client_id, act, scope, aud } = claimsOf(body.access_token);
    assert.deepEqual([sub, client_id, act, scope, aud], [anna, batch, { sub: batch }, 'read:calendar', calendar]);
    assert.equal('issued_token_type' in body || 'refresh_token' in body, false);
    const { request } = await service.lastRecord();
    assert.deepEqual([request.resource, request.delegator?.subject], [[calendar], anna]);
  });

  it('with a secret, and with the platform’s own token of an attested workload', async () => {
    const changes = { resource: calendar };
    const bySecret = await ask(idJag({ client_id: 'legacy' }), changes, basic('legacy', secret));
    assert.equal(bySecret.status, 200, JSON.stringify(bySecret.body));
    const pod = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
    const shown = idJag({ client_id: pod, groups: ['calendar-users'] });
    const byPod = await ask(shown, { ...changes, ...authenticated(await service.token()) });
    assert.equal(byPod.status, 200, JSON.stringify(byPod.body));
    assert.deepEqual(claimsOf(byPod.body.access_token).act, { sub: pod });
    assert.equal(byPod.body.scope, 'read:calendar');
  });

  it('without scope and resource, the rules alone say what is granted', async () => {
    const { body } = await ask(idJag(), { ...authenticated(), resource: calendar });
    assert.equal(body.scope, 'read:calendar write:events');
  });

  it('bound to a key (cnf), they are good with a proof of that key', async () => {
    const key = clientKey();
    const jkt = await calculateJwkThumbprint(key.jwk);
    const headers = { DPoP: makeProof(key, `${issuer}/token`) };
    const { body } = await ask(idJag({ resource: calendar, cnf: { jkt } }), authenticated(), headers);
    assert.deepEqual(claimsOf(body.access_token).cnf, { jkt }, JSON.stringify(body));
    const other = { DPoP: makeProof(clientKey(), `${issuer}/token`) };
    const answer = await ask(idJag({ resource: calendar, cnf: { jkt } }), authenticated(), other);
    await refused(answer, 400, 'invalid_grant', 'evidence_bound');
  });

  const rejected: Readonly<Record<string, readonly [changes: Members, header: Members, reason: string]>> = {
    'another client’s': [{ client_id: 'legacy' }, {}, 'id_jag_client'],
    'no client’s': [{ client_id: undefined }, {}, 'id_jag_client'],
    'typ JWT': [{}, { typ: 'JWT' }, 'jwt_type'],
    'no typ': [{}, { typ: undefined }, 'jwt_type'],
    'no jti': [{ jti: undefined }, {}, 'jwt_jti'],
    'for the token endpoint': [{ aud: `${issuer}/token` }, {}, 'audience_not_ours'],
    'for several': [{ aud: [issuer, 'https://other.example'] }, {}, 'jwt_audience'],
    'an issuer that is not trusted': [{ iss: 'https://evil.example' }, {}, 'issuer_untrusted'],
    'of the cluster, whose tokens are of workloads': [{ iss: clusterUrl }, {}, 'issuer_untrusted'],
    'a may_act of somebody else': [{ may_act: { sub: 'x' } }, {}, 'may_act'],
    'a chain of actors': [{ act: { sub: 'x' } }, {}, 'jwt_delegated'],
    'bound to a key that is not proven': [{ cnf: { jkt: 'x' } }, {}, 'evidence_bound'],
    'a resource that is no text': [{ resource: [1] }, {}, 'id_jag_resource'],
    'a resource that is a token': [{ resource: `https://${assertion()}` }, {}, 'id_jag_resource'],
    'details that would limit it': [{ authorization_details: [{ type: 'mcp_tools' }] }, {}, 'token_detailed'],
  };
  for (const [title, [changes, header, reason]] of Object.entries(rejected)) {
    it(`${title}: invalid_grant`, async () => {
      await refused(await ask(idJag(changes, header)), 400, 'invalid_grant', reason);
    });
  }

  it('are good once; and one that another client shows is not used up', async () => {
    const shown = idJag({ resource: calendar });
    const other = authenticated(assertion({ iss: 'narrow', sub: 'narrow' }));
    assert.equal((await ask(shown, other)).status, 401);
    const pod = authenticated(await service.token());
    await refused(await ask(shown, pod), 400, 'invalid_grant', 'id_jag_client');
    assert.equal((await ask(shown)).status, 200);
    await refused(await ask(shown), 400, 'invalid_grant', 'evidence_replayed');
  });

  it('a client whose authentication fails is told of that: invalid_client', async () => {
    const used = authenticated();
    assert.equal((await ask(idJag({ resource: calendar }), used)).status, 200);
    await refused(await ask(idJag(), used), 401, 'invalid_client', 'evidence_replayed');
    await refused(await ask(idJag(), {}, basic('legacy', 'x'.repeat(40))), 401, 'invalid_client', 'client_secret');
  });

  it('for another resource than it was made for: invalid_target', async () => {
    const both = { groups: ['finance'] };
    const elsewhere = await ask(idJag({ ...both, resource: calendar }), { ...authenticated(), resource: payroll });
    await refused(elsewhere, 400, 'invalid_target', 'resource_not_in_assertion');
    const several = idJag({ ...both, resource: [calendar, payroll] });
    await refused(await ask(several), 400, 'invalid_target', 'resource_not_in_assertion');
    const chosen = idJag({ ...both, resource: [calendar, payroll] });
    assert.equal((await ask(chosen, { ...authenticated(), resource: payroll })).body.scope, 'read:salaries');
  });

  it('without an authenticated client they are no evidence: a public client gets nothing', async () => {
    await refused(await ask(idJag(), { client_id: 'batch' }), 400, 'invalid_grant', 'delegator_is_no_workload');
  });

  it('are exchanged by no other grant', async () => {
    const type = 'urn:ietf:params:oauth:token-type:id-jag';
    const alone = { subject_token: idJag(), subject_token_type: type };
    await refused(await service.exchange(alone), 400, 'invalid_request', 'token_type_unsupported');
    const actor = { actor_token: await service.token(), actor_token_type: 'urn:ietf:params:oauth:token-type:jwt' };
    await refused(await service.exchange({ ...alone, ...actor }), 400, 'invalid_request', 'token_type_unsupported');
  });

  it('the metadata names the profile', async () => {
    const { body } = await send(`${service.url}/.well-known/oauth-authorization-server`, {});
    assert.deepEqual(body.authorization_grant_profiles_supported, ['urn:ietf:params:oauth:grant-profile:id-jag']);
  });

  it('the metadata does not name it where the assertions are for another audience than ours, and none is taken', async () => {
    const attestors = options.attestors.replace('role: delegator', 'role: delegator, audience: other');
    const other = await startService({ ...options, attestors, more: 'drafts: { id-jag: "04" }' });
    try {
      const { body } = await send(`${other.url}/.well-known/oauth-authorization-server`, {});
      assert.equal('authorization_grant_profiles_supported' in body, false);
    } finally {
      await other.close();
    }
  });

  it('without the switch a client that authenticates beside an assertion is refused', async () => {
    const off = await startService(options);
    try {
      const shown = { grant_type: grant, assertion: idJag({}, {}, off), resource: calendar };
      const answer = await off.post({ ...shown, ...authenticated() });
      assert.deepEqual([answer.status, answer.body.error], [401, 'invalid_client']);
      assert.equal((await off.lastRecord()).reason, 'client_authentication');
    } finally {
      await off.close();
    }
  });
});
