/** draft-ietf-oauth-spiffe-client-auth-02: a JWT-SVID as a client's assertion, by the bundle of its trust domain and of nothing else. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import {
  calendar,
  claimsOf,
  clusterUrl,
  issuer,
  postForm,
  startService,
  type TestService,
} from '../support/service.js';

const jwtSpiffe = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';
const spiffeId = 'spiffe://acme.example/ns/agents';

describe('SPIFFE client authentication', () => {
  let service: TestService;
  let off: TestService;
  before(async () => {
    const cluster = await createClusterIssuer({ issuer: clusterUrl, algorithm: 'ES256' });
    const options = {
      cluster,
      prepare: (folder: string) => {
        const keys = cluster.jwks().keys.map((key) => ({ ...key, use: 'jwt-svid' }));
        return writeFile(join(folder, 'bundle.json'), JSON.stringify({ keys }));
      },
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json } }
  mesh: { type: oidc, preset: spiffe, trustDomain: acme.example, keys: { jwksFile: bundle.json } }`,
      rules: `
  pods: { workload: { attestor: prod-eu }, grant: { resource: "${calendar}", scope: [write:events] } }
  services: { workload: { attestor: mesh }, grant: { resource: "${calendar}", scope: [read:calendar] } }`,
    };
    const clients = `clients: { mesh: { workload: { attestor: mesh }, introspect: ["${calendar}"] } }`;
    service = await startService({ ...options, more: `drafts: { spiffe-client-authentication: "02" }\n${clients}` });
    off = await startService(options);
  });
  after(async () => {
    await service.close();
    await off.close();
  });

  function svid(changes: Readonly<Record<string, unknown>> = {}): string {
    const iat = Math.floor(Date.now() / 1000);
    return service.cluster.sign({ sub: spiffeId, aud: [issuer], iat, exp: iat + 300, ...changes });
  }

  const ask = (client_assertion: string, changes: Readonly<Record<string, string>> = {}, by = service) =>
    by.post({
      grant_type: 'client_credentials',
      client_assertion_type: jwtSpiffe,
      client_assertion,
      resource: calendar,
      ...changes,
    });

  it('buys a token, again and again, with the SPIFFE ID as client_id', async () => {
    const shown = svid();
    for (const changes of [{}, { client_id: spiffeId }]) {
      const { status, body } = await ask(shown, changes);
      assert.equal(status, 200, JSON.stringify(body));
      assert.match(String(claimsOf(body.access_token).client_id), /^spiffe:\/\/example\.com\/mesh\/subject\/b64-/);
    }
    const other = await ask(shown, { client_id: `${spiffeId}/other` });
    assert.deepEqual([other.status, other.body.error], [401, 'invalid_client']);
  });

  it('introspects', async () => {
    const { body } = await ask(svid());
    const form = { token: String(body.access_token), client_assertion_type: jwtSpiffe, client_assertion: svid() };
    assert.equal((await postForm(`${service.url}/introspect`, form)).body.active, true);
  });

  const rejected: Readonly<Record<string, readonly [token: () => string | Promise<string>, reason: string]>> = {
    'a trust domain that is not configured': [() => svid({ sub: 'spiffe://other.example/x' }), 'issuer_untrusted'],
    'no SPIFFE ID': [() => svid({ sub: 'agents' }), 'issuer_untrusted'],
    'an iss that another attestor trusts, which chooses nothing': [() => svid({ iss: clusterUrl }), 'jwt_issuer'],
    'a pod’s token, which is no SVID': [() => service.token(), 'issuer_untrusted'],
    'several audiences': [() => svid({ aud: [issuer, 'https://other.example'] }), 'audience_not_issuer'],
    'the token endpoint': [() => svid({ aud: `${issuer}/token` }), 'audience_not_ours'],
  };
  for (const [title, [token, reason]] of Object.entries(rejected)) {
    it(`${title}: invalid_client`, async () => {
      const { status, body } = await ask(await token());
      assert.deepEqual([status, body.error], [401, 'invalid_client']);
      assert.equal((await service.lastRecord()).reason, reason);
    });
  }

  it('is the word of client_assertion_type alone', async () => {
    const { body } = await service.exchange({ subject_token: svid(), subject_token_type: jwtSpiffe });
    assert.equal(body.error, 'invalid_request');
    assert.equal((await service.lastRecord()).reason, 'token_type_unsupported');
  });

  it('without the switch it is refused', async () => {
    const { status, body } = await ask(svid(), {}, off);
    assert.deepEqual([status, body.error], [401, 'invalid_client']);
    assert.equal((await off.lastRecord()).reason, 'client_assertion_type');
  });
});
