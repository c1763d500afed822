import assert from 'node:assert/strict';
import { send, startService, type TestService } from '../support/service.js';

describe('metadata and keys', () => {
  for (const [issuer, path] of [
    ['http://127.0.0.1:8080', ''],
    ['http://127.0.0.1:8080/tenant/a', '/tenant/a'],
  ] as const) {
    describe(`of issuer ${issuer}`, () => {
      let service: TestService;
      before(async () => {
        service = await startService({ issuer });
      });
      after(() => service.close());

      it('RFC 8414 §2: lists what is served and nothing else', async () => {
        const { status, body, headers } = await send(
          `${service.url}/.well-known/oauth-authorization-server${path}`,
          {},
        );
        assert.equal(status, 200);
        assert.deepEqual(body, {
          issuer,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          grant_types_supported: [
            'urn:ietf:params:oauth:grant-type:token-exchange',
            'urn:ietf:params:oauth:grant-type:jwt-bearer',
            'client_credentials',
          ],
          token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
          token_endpoint_auth_signing_alg_values_supported: ['RS256', 'ES256', 'ES384', 'EdDSA'],
          authorization_endpoint: `${issuer}/authorize`,
          response_types_supported: [],
          authorization_details_types_supported: ['mcp_tools'],
          dpop_signing_alg_values_supported: ['RS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'],
          revocation_endpoint: `${issuer}/revoke`,
          revocation_endpoint_auth_methods_supported: ['private_key_jwt'],
          revocation_endpoint_auth_signing_alg_values_supported: ['RS256', 'ES256', 'ES384', 'EdDSA'],
        });
        assert.equal(headers.get('cache-control'), 'public, max-age=300');
        assert.equal(headers.get('content-type'), 'application/json');
      });

      it('RFC 6749 §3.1: whoever comes to sign in is told that nobody does, is sent nowhere, and sees nothing of what came', async () => {
        const query = new URLSearchParams({
          response_type: 'code',
          client_id: '<script>alert(1)</script>',
          redirect_uri: 'https://evil.example/callback',
          state: 'state-of-the-client',
        });
        const plain = await fetch(`${service.url}${path}/authorize`, { redirect: 'manual' });
        const asked = await fetch(`${service.url}${path}/authorize?${query}`, { redirect: 'manual' });
        const page = await asked.text();
        assert.deepEqual([asked.status, asked.headers.get('location')], [400, null]);
        assert.equal(page, await plain.text());
        assert.match(page, /unsupported_response_type.*Nobody signs in here/s);
        assert.equal(
          asked.headers.get('content-security-policy'),
          "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        );
        assert.deepEqual(
          ['content-type', 'x-content-type-options', 'referrer-policy', 'cache-control', 'set-cookie', 'refresh'].map(
            (name) => asked.headers.get(name),
          ),
          ['text/html; charset=utf-8', 'nosniff', 'no-referrer', 'no-store', null, null],
        );
        assert.equal((await fetch(`${service.url}${path}/authorize`, { method: 'POST', body: query })).status, 405);
      });

      it('OpenID discovery at both of its places', async () => {
        for (const place of [`/.well-known/openid-configuration${path}`, `${path}/.well-known/openid-configuration`]) {
          const { body } = await send(`${service.url}${place}`, {});
          assert.deepEqual([body.issuer, body.jwks_uri], [issuer, `${issuer}/jwks`]);
          assert.deepEqual(body.id_token_signing_alg_values_supported, ['ES256']);
        }
      });

      it('the token endpoint and the keys lie under the issuer’s path', async () => {
        assert.equal((await service.exchange()).status, 200);
        const { body, headers } = await send(`${service.url}${path}/jwks`, {});
        const keys = body.keys as Record<string, unknown>[];
        assert.equal(keys.length, 2, 'the active one and the next one');
        for (const key of keys)
          assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
        assert.equal(headers.get('content-type'), 'application/jwk-set+json');
        assert.equal(headers.get('cache-control'), 'public, max-age=300');
      });

      it('other methods get 405 with Allow', async () => {
        const { status, headers } = await send(`${service.url}${path}/jwks`, { method: 'POST' });
        assert.deepEqual([status, headers.get('allow')], [405, 'GET, HEAD']);
      });
    });
  }

  it('the health listener tells readiness and the policy revision, and serves nothing else', async () => {
    const service = await startService();
    assert.deepEqual((await send(`${service.healthUrl}/healthz`, {})).body, { status: 'alive' });
    const { body, headers } = await send(`${service.healthUrl}/readyz`, {});
    assert.match(String(body.policy_revision), /^[0-9a-f]{32}$/);
    assert.equal((body.keys as Record<string, { keys: number }[]>)['prod-eu']?.[0]?.keys, 1);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal((await send(`${service.healthUrl}/token`, { method: 'POST' })).status, 404);
    assert.equal((await send(`${service.url}/readyz`, {})).status, 404);
    await service.close();
  });
});
