/** openid-client, unmodified: the grants whose evidence is an assertion, with DPoP, and what becomes of their tokens. */
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { assertionType, callerToken, clients } from '../support/introspection.js';
import { calendar, claimsOf, grantType, jwtType, startService, type TestService } from '../support/service.js';
import { freePort } from '../support/upstream.js';

const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';

describe('openid-client', () => {
  let service: TestService;
  let issuer: string;
  before(async () => {
    const port = await freePort();
    issuer = `http://127.0.0.1:${port}`;
    const resources = `
  ${calendar}: { scope: [read:calendar, write:events], dpopNonce: required }
  https://payroll.example: { scope: [read:salaries] }`;
    service = await startService({ issuer, port: String(port), more: clients, resources });
  });
  after(() => service.close());

  /** Authenticates with the token that the platform has given to the workload. */
  const platformToken =
    (token: string): client.ClientAuth =>
    (_, __, body) => {
      body.set('client_assertion_type', assertionType);
      body.set('client_assertion', token);
    };

  const discover = (authentication: client.ClientAuth) =>
    client.discovery(new URL(issuer), subject, undefined, authentication, {
      algorithm: 'oauth2',
      execute: [client.allowInsecureRequests],
    });

  it('client_credentials with the platform’s token as client_assertion', async () => {
    const found = await discover(platformToken(await service.token()));
    const tokens = await client.clientCredentialsGrant(found, { resource: calendar, scope: 'read:calendar' });
    assert.deepEqual([tokens.token_type, tokens.scope, tokens.refresh_token], ['bearer', 'read:calendar', undefined]);
    assert.equal(claimsOf(tokens.access_token).sub, subject);
  });

  it('jwt-bearer with the platform’s token as assertion, for the token endpoint', async () => {
    const found = await discover(client.None());
    const assertion = await service.token({ audience: found.serverMetadata().token_endpoint ?? '' });
    const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const tokens = await client.genericGrantRequest(found, grant, { assertion, resource: calendar });
    assert.equal(claimsOf(tokens.access_token).client_id, subject);
  });

  it('with DPoP tries again with our nonce by itself, on token exchange and client_credentials', async () => {
    const found = await discover(platformToken(await service.token()));
    const keys = await client.randomDPoPKeyPair('ES256');
    const DPoP = client.getDPoPHandle(found, keys);
    const jkt = await DPoP.calculateThumbprint();
    const evidence = { subject_token: await service.token(), subject_token_type: jwtType, resource: calendar };
    const exchanging = await discover(client.None());
    for (const ask of [
      () =>
        client.genericGrantRequest(exchanging, grantType, evidence, { DPoP: client.getDPoPHandle(exchanging, keys) }),
      () => client.clientCredentialsGrant(found, { resource: calendar }, { DPoP }),
    ]) {
      const before = (await service.records()).length;
      const tokens = await ask();
      assert.deepEqual([tokens.token_type, claimsOf(tokens.access_token).cnf], ['dpop', { jkt }]);
      const reasons = (await service.records()).slice(before).map(({ reason }) => reason);
      assert.deepEqual(reasons, ['dpop_nonce_missing', 'granted']);
    }
  });

  it('a resource server introspects a bound token, until its client has revoked it', async () => {
    const found = await discover(platformToken(await service.token()));
    const DPoP = client.getDPoPHandle(found, await client.randomDPoPKeyPair('ES256'));
    const { access_token: token } = await client.clientCredentialsGrant(found, { resource: calendar }, { DPoP });
    const api = 'spiffe://example.com/prod-eu/ns/servers/sa/calendar-api';
    const server = await client.discovery(new URL(issuer), api, undefined, platformToken(await callerToken(service)), {
      algorithm: 'oauth2',
      execute: [client.allowInsecureRequests],
    });
    const { active, client_id, token_type, cnf } = await client.tokenIntrospection(server, token);
    const jkt = await DPoP.calculateThumbprint();
    assert.deepEqual([active, client_id, token_type, cnf], [true, subject, 'DPoP', { jkt }]);
    await client.tokenRevocation(found, token);
    assert.deepEqual(await client.tokenIntrospection(server, token), { active: false });
  });

  it('reads a refusal as an OAuth error', async () => {
    const found = await discover(platformToken(await service.token({ audience: `${issuer}/token` })));
    await assert.rejects(client.clientCredentialsGrant(found, { resource: calendar }), (error) => {
      assert.ok(error instanceof client.ResponseBodyError);
      assert.deepEqual([error.status, error.error], [401, 'invalid_client']);
      return true;
    });
  });
});
