/** Attacks of THREATS on issuers, and on the patterns of what their tokens must say. */
import assert from 'node:assert/strict';
import { type Claims, type ClusterIssuer, createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import { refused } from '../attestors/kubernetes/fixture.js';
import { createFixture, type Fixture } from '../attestors/oidc/fixture.js';
import { issuer as audience, startService, type TestService } from '../support/service.js';
import { startUpstream, type Upstream } from '../support/upstream.js';

describe('Fulcio CVE-2026-22772, Eclipse PIA CVE-2026-14336: a required claim is matched as a whole', () => {
  const rows: readonly (readonly [pattern: string, good: string, bad: readonly string[]])[] = [
    ['acme', 'acme', ['acme2', 'xacme', 'ACME', 'acme\n', 'acme/evil', 'acm', '']],
    ['acme/*', 'acme/api', ['evil/acme/api', 'acme', 'acme2/api', 'xacme/api']],
    [
      'https://ok.example/*',
      'https://ok.example/x',
      ['https://ok@evil.example/x', 'https://ok.example@evil.example/x'],
    ],
    ['https://ok.example*', 'https://ok.example', ['https://okxexample', 'xhttps://ok.example', 'http://ok.example']],
    ['*@acme.example', 'a@acme.example', ['a@acme.example.evil', 'a@acmexexample', 'a@evil.example', 'acme.example']],
    ['acme|evil', 'acme|evil', ['acme', 'evil', 'acme|', '|evil']],
    ['^acme$', '^acme$', ['acme']],
    ['(acme|evil)/*', '(acme|evil)/x', ['acme/x', 'evil/x']],
    ['acme.*', 'acme.x', ['acmex', 'acme']],
  ];
  for (const [pattern, good, bad] of rows) {
    it(JSON.stringify(pattern), async () => {
      const fixture: Fixture = await createFixture({ require: { owner: pattern } });
      assert.equal((await fixture.attest({ owner: good })).claims.owner, good);
      for (const owner of [...bad, [good], { owner: good }, null, undefined, true]) {
        await refused(fixture.attest({ owner }), 'claim_required');
      }
      await fixture.close();
    });
  }

  it('within an object, too: neither a list, nor what an object inherits, nor a claim with the pointer as its name', async () => {
    const fixture = await createFixture({ require: { '/a/b~1c/d~0e': 'acme' } });
    assert.equal((await fixture.attest({ a: { 'b/c': { 'd~e': 'acme' } } })).attestor, 'ci');
    for (const claims of [
      { a: { 'b/c': { 'd~e': 'acme2' } } },
      { a: [{ 'b/c': { 'd~e': 'acme' } }] },
      { a: { b: { c: { 'd~e': 'acme' } } } },
      { a: 'acme' },
      { '/a/b~1c/d~0e': 'acme' },
    ]) {
      await refused(fixture.attest(claims), 'claim_required');
    }
    await fixture.close();
    const inherited = await createFixture({ selectors: { a: '/a/constructor/name', b: '/a/0' } });
    assert.deepEqual((await inherited.attest({ a: ['x'], sub: 'x' })).selectors, ['oidc:sub:x']);
    assert.deepEqual((await inherited.attest({ a: {}, sub: 'x' })).selectors, ['oidc:sub:x']);
    await inherited.close();
  });
});

describe('octo-sts CVE-2025-52477, CVE-2024-34079: whoever sends a token chooses no address', () => {
  let upstream: Upstream;
  let service: TestService;
  let signer: ClusterIssuer;
  let url = '';

  before(async () => {
    upstream = await startUpstream((_, response) => {
      response.setHeader('connection', 'close');
      response.end(JSON.stringify(signer.jwks()));
    });
    url = `http://127.0.0.1:${upstream.port}`;
    signer = await createClusterIssuer({ issuer: url });
    service = await startService({
      attestors: `
  spire: { type: oidc, preset: spiffe, trustDomain: prod.acme.example, keys: { jwksUri: "${url}/bundle" } }
  people: { type: oidc, issuer: "${url}/people", keys: { jwksUri: "${url}/people" }, role: delegator }
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: jwks.json } }`,
      resources: ' {}',
      rules: ' {}',
    });
  });
  after(async () => {
    await service.close();
    await upstream.close();
  });

  const send = async (claims: Claims, header?: Claims) => {
    const now = Math.floor(Date.now() / 1000);
    const token = signer.sign({ aud: audience, iat: now, exp: now + 300, ...claims }, header);
    const { status } = await service.exchange({ subject_token: token });
    const { reason } = await service.lastRecord();
    return [status, reason];
  };

  it('an unknown issuer, trust domain or SPIFFE ID causes no outbound request; nor does a person’s token', async () => {
    const before = upstream.connections();
    for (const iss of [`${url}/other`, `${url}/`, 'http://169.254.169.254', 'https://ok@evil.example', undefined]) {
      assert.deepEqual(await send({ iss, sub: 'x' }), [400, 'issuer_untrusted'], iss);
    }
    for (const sub of [
      'spiffe://other.example/x',
      `spiffe://127.0.0.1:${upstream.port}/x`,
      'spiffe://prod.acme.example.evil/x',
      'spiffe://prod.acme.example@evil.example/x',
      'spiffe://prod.acme.example/../x',
    ]) {
      assert.deepEqual(await send({ sub }), [400, 'issuer_untrusted'], sub);
    }
    assert.deepEqual(await send({ iss: `${url}/people`, sub: 'x' }), [400, 'delegator_is_no_workload']);
    assert.equal(upstream.connections(), before);
  });
});
