/** openid-client, unmodified: the grants whose evidence is an assertion. */
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { assertionType } from '../support/introspection.js';
import { calendar, claimsOf, startService, type TestService } from '../support/service.js';
import { freePort } from '../support/upstream.js';

const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';

describe('openid-client', () => {
  let service: TestService;
  let issuer: string;
  before(async () => {
    const port = await freePort();
    issuer = `http://127.0.0.1:${port}`;
    service = await startService({ issuer, port: String(port) });
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

  it('reads a refusal as an OAuth error', async () => {
    const found = await discover(platformToken(await service.token({ audience: `${issuer}/token` })));
    await assert.rejects(client.clientCredentialsGrant(found, { resource: calendar }), (error) => {
      assert.ok(error instanceof client.ResponseBodyError);
      assert.deepEqual([error.status, error.error], [401, 'invalid_client']);
      return true;
    });
  });
});
