/** A whole service over an issuer of its own: found by discovery, followed when it changes its keys. */
import assert from 'node:assert/strict';
import { type Claims, type ClusterIssuer, createClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { calendar, claimsOf, issuer, startService, type TestService } from '../../support/service.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';

const idToken = 'urn:ietf:params:oauth:token-type:id_token';

describe('oidc in the service', () => {
  let upstream: Upstream;
  let signer: ClusterIssuer;
  let service: TestService;
  let url = '';
  let jwksPath = '/jwks';

  before(async () => {
    upstream = await startUpstream((request, response) => {
      response.setHeader('connection', 'close');
      const { origin } = new URL(url);
      const [, path] = /^(.*)\/\.well-known\/openid-configuration$/.exec(request.url ?? '') ?? [];
      if (path === '/ci' || path === '/people') {
        response.end(JSON.stringify({ issuer: `${origin}${path}`, jwks_uri: `${origin}${jwksPath}` }));
      } else if (request.url === jwksPath) response.end(JSON.stringify(signer.jwks()));
      else response.writeHead(404).end();
    });
    url = `http://127.0.0.1:${upstream.port}/ci`;
    signer = await createClusterIssuer({ issuer: url });
    service = await startService({
      attestors: `
  github:
    type: oidc
    issuer: ${url}
    require: { repository_owner: acme }
    selectors: { repo: repository, ref: ref }
    subject: repository
  people: { type: oidc, issuer: "${url.replace('/ci', '/people')}", role: delegator }
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: jwks.json } }`,
      resources: `
  ${calendar}: { scope: [read:calendar, write:events], lifetime: 10m }`,
      rules: `
  release:
    workload: { attestor: github, selectors: ["oidc:repo:acme/*", "oidc:ref:refs/heads/main"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  not-the-sandbox:
    workload: { attestor: github, selectors: ["oidc:repo:acme/sandbox"] }
    deny: { resource: "*" }`,
      more: `clients: { ci: { workload: { attestor: github, selectors: ["oidc:repo:acme/api"] }, introspect: ["${calendar}"] } }`,
    });
  });
  after(async () => {
    await service.close();
    await upstream.close();
  });

  function token(changes: Claims = {}): string {
    const now = Math.floor(Date.now() / 1000);
    return signer.sign({
      iss: url,
      aud: issuer,
      sub: 'repo:acme/api:ref:refs/heads/main',
      jti: 'run-1',
      iat: now,
      nbf: now,
      exp: now + 300,
      repository: 'acme/api',
      repository_owner: 'acme',
      ref: 'refs/heads/main',
      ...changes,
    });
  }
  const exchange = (changes?: Claims, more?: Record<string, string>) =>
    service.exchange({ subject_token: token(changes), ...more });

  it('exchanges a job’s token for a scoped one that lives no longer, whichever type the client calls it', async () => {
    for (const type of [{}, { subject_token_type: idToken }]) {
      const { status, body } = await exchange({}, type);
      assert.equal(status, 200, JSON.stringify(body));
      const claims = claimsOf(body.access_token);
      assert.equal(claims.aud, calendar);
      assert.equal(claims.scope, 'read:calendar');
      assert.equal(claims.sub, 'spiffe://example.com/github/subject/b64-YWNtZS9hcGk');
      assert.ok(Number(claims.exp) <= Math.floor(Date.now() / 1000) + 300);
      const { attestor, assurance, instance } = claims.attestation as Claims;
      assert.deepEqual([attestor, assurance, instance], ['github', 'low', 'subject:acme/api']);
      const record = await service.lastRecord();
      assert.equal(record.outcome, 'permitted');
      assert.equal(record.evidence_id, 'run-1');
      assert.ok(record.selectors?.includes('oidc:repo:acme/api'));
    }
  });

  it('gives nothing to another branch, to what a denial names, or to a resource without a rule', async () => {
    for (const changes of [{ ref: 'refs/heads/main2' }, { ref: undefined }, { repository: 'acme/sandbox' }]) {
      const { status, body } = await exchange(changes);
      assert.deepEqual([status, body.error], [400, 'invalid_target'], JSON.stringify(changes));
    }
  });

  it('tells the client of a missing claim nothing, and the operator all', async () => {
    const { status, body } = await exchange({ repository_owner: 'evil-canary' });
    assert.deepEqual([status, body.error], [400, 'invalid_request']);
    assert.ok(!/canary|repository_owner/.test(JSON.stringify(body)));
    const { error, detail } = await service.lastRecord();
    assert.ok(JSON.stringify({ error, detail }).includes('repository_owner'));
    assert.match(String(detail), /expected "acme"; found "evil-canary"/);
  });

  it('leaves a token that stands in a claim out of the record', async () => {
    const inner = token();
    await exchange({ repository_owner: inner });
    const text = await service.auditText();
    assert.ok(!text.includes(inner.slice(0, 40)) && (await service.lastRecord()).detail?.includes('[token]'));
  });

  it('a token of an issuer that nobody configured causes no request', async () => {
    const before = upstream.connections();
    const others = [
      `${url}/`,
      `${url}2`,
      new URL(url).origin,
      url.replace('127.0.0.1', 'localhost'),
      'http://169.254.169.254',
    ];
    for (const iss of others) {
      const { status } = await exchange({ iss });
      assert.equal(status, 400, iss);
      assert.equal((await service.lastRecord()).reason, 'issuer_untrusted');
    }
    assert.equal(upstream.connections(), before);
  });

  it('authenticates a client that introspects', async () => {
    const { body } = await exchange();
    const response = await fetch(`${service.url}/introspect`, {
      method: 'POST',
      body: new URLSearchParams({
        token: String(body.access_token),
        client_assertion: token(),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      }),
    });
    assert.equal(((await response.json()) as Claims).active, true);
  });

  it('a person, whose token holds, is no workload: at the token endpoint, at introspection and at the list of revocations', async () => {
    const { body: issued } = await exchange();
    const iss = url.replace('/ci', '/people');
    for (const type of [{}, { subject_token_type: idToken }]) {
      const { status, body } = await exchange({ iss }, type);
      assert.deepEqual([status, body.error, body.access_token], [400, 'invalid_request', undefined]);
      const { reason, outcome } = await service.lastRecord();
      assert.deepEqual([outcome, reason], ['refused', 'delegator_is_no_workload']);
    }
    const introspection = await fetch(`${service.url}/introspect`, {
      method: 'POST',
      body: new URLSearchParams({
        token: String(issued.access_token),
        client_assertion: token({ iss }),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      }),
    });
    assert.deepEqual([introspection.status, ((await introspection.json()) as Claims).error], [401, 'invalid_client']);
    const headers = { authorization: `Bearer ${token({ iss })}` };
    const revocations = await fetch(`${service.url}/revocations`, { headers });
    assert.deepEqual([revocations.status, ((await revocations.json()) as Claims).error], [401, 'invalid_token']);
  });

  it('follows the issuer to a new key at a new address, and forgets the key that is gone', async () => {
    const last = token();
    const successor = await createClusterIssuer({ issuer: url, algorithm: 'ES256' });
    signer = successor;
    jwksPath = '/moved/jwks';
    const { status, body } = await exchange();
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal((await service.exchange({ subject_token: last })).status, 400);
    assert.equal((await service.lastRecord()).reason, 'jwt_unknown_key');
  });
});
