/** `POST /introspect` answered by a JWT (RFC 9701), over real HTTP. */
import assert from 'node:assert/strict';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import {
  accessToken,
  callerToken,
  clients,
  introspect,
  introspectAsJwt,
  startWithClients,
} from '../support/introspection.js';
import { claimsOf, issuer, send, startService, type TestService } from '../support/service.js';

const calendarApi = 'spiffe://example.com/prod-eu/ns/servers/sa/calendar-api';

describe('introspection with a signed answer', () => {
  let service: TestService;
  before(async () => {
    service = await startWithClients();
  });
  after(() => service.close());

  it('RFC 9701 §5: says what the JSON says, signed by a key of ours, to the one who asked', async () => {
    const token = await accessToken(service);
    const { status, headers, text } = await introspectAsJwt(service, { token });
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'application/token-introspection+jwt');
    assert.equal(headers.get('cache-control'), 'no-store');
    const { payload, protectedHeader } = await jwtVerify(text, createRemoteJWKSet(new URL(`${service.url}/jwks`)), {
      issuer,
      audience: calendarApi,
      typ: 'token-introspection+jwt',
    });
    assert.equal(protectedHeader.alg, 'ES256');
    const { body } = await introspect(service, { token });
    assert.equal(body.active, true);
    assert.deepEqual(Object.keys(payload).sort(), ['aud', 'iat', 'iss', 'token_introspection']);
    assert.deepEqual(payload.token_introspection, body);
    assert.ok(Math.abs(Number(payload.iat) - Date.now() / 1000) < 5);
  });

  it('RFC 9701 §5: of a token that is not active, exactly that', async () => {
    for (const token of ['garbage', await callerToken(service)]) {
      const { status, text } = await introspectAsJwt(service, { token });
      assert.equal(status, 200);
      assert.deepEqual(claimsOf(text).token_introspection, { active: false });
    }
  });

  it('errors are JSON, whatever is accepted', async () => {
    const { status, headers, text } = await introspectAsJwt(service, { token: 'x', client_assertion: 'y' });
    assert.deepEqual([status, headers.get('content-type')], [401, 'application/json']);
    assert.equal(JSON.parse(text).error, 'invalid_client');
  });

  it('is JSON for whoever does not ask for it', async () => {
    const token = await accessToken(service);
    for (const Accept of ['*/*', 'application/json', 'application/token-introspection+jwt;q=0', 'text/html']) {
      const { headers, body } = await introspect(service, { token }, { Accept });
      assert.deepEqual([headers.get('content-type'), body.active], ['application/json', true], Accept);
    }
  });

  it('RFC 9701 §8.1: the answer is an access token nowhere, and no evidence', async () => {
    const { text: answer } = await introspectAsJwt(service, { token: await accessToken(service) });
    assert.equal(decodeProtectedHeader(answer).typ, 'token-introspection+jwt');
    assert.deepEqual((await introspect(service, { token: answer })).body, { active: false });
    assert.equal((await introspect(service, { token: 'x', client_assertion: answer })).status, 401);
    const Authorization = `Bearer ${answer}`;
    assert.equal((await send(`${service.url}/revocations`, { headers: { Authorization } })).status, 401);
    assert.equal((await service.exchange({ subject_token: answer })).status, 400);
  });

  it('RFC 9701 §7: the metadata names the algorithm that is used, the default', async () => {
    const two = await startWithClients({ more: `${clients}\nsigning: { algorithms: [RS256, ES256] }` });
    const { body } = await send(`${two.url}/.well-known/oauth-authorization-server`, {});
    assert.deepEqual(body.introspection_signing_alg_values_supported, ['RS256']);
    const { text } = await introspectAsJwt(two, { token: 'x' });
    assert.equal(decodeProtectedHeader(text).alg, 'RS256');
    await two.close();
    const without = await startService();
    const metadata = await send(`${without.url}/.well-known/oauth-authorization-server`, {});
    assert.equal('introspection_signing_alg_values_supported' in metadata.body, false);
    await without.close();
  });
});
