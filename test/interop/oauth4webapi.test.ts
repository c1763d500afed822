/** An ordinary OAuth library, unmodified: discovery, the exchange, and the resource server's check of the token. */
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { accessToken, assertionType, callerToken, clients } from '../support/introspection.js';
import {
  calendar,
  claimsOf,
  grantType,
  jwtType,
  postForm,
  startService,
  type TestService,
} from '../support/service.js';
import { freePort } from '../support/upstream.js';

const insecure = { [oauth.allowInsecureRequests]: true };
const agent = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';

/** The platform's token as the client's assertion: the library makes none of its own. */
const attested =
  (assertion: string): oauth.ClientAuth =>
  (_server, client, body) => {
    body.set('client_id', client.client_id);
    body.set('client_assertion_type', assertionType);
    body.set('client_assertion', assertion);
  };

describe('oauth4webapi', () => {
  let service: TestService;
  let origin: string;

  // The issuer has to be the address that is really served.
  before(async () => {
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    service = await startService({ issuer: origin, port: String(port), more: clients });
  });
  after(() => service.close());

  for (const algorithm of ['oauth2', 'oidc'] as const) {
    it(`discovers by ${algorithm}, exchanges, and validates the token by RFC 9068`, async () => {
      const issuer = new URL(origin);
      const discovery = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
      const server = await oauth.processDiscoveryResponse(issuer, discovery);
      const client = { client_id: agent };
      const parameters = new URLSearchParams({
        subject_token: await service.token(),
        subject_token_type: jwtType,
        resource: calendar,
        scope: 'read:calendar',
      });
      const response = await oauth.genericTokenEndpointRequest(
        server,
        client,
        oauth.None(),
        grantType,
        parameters,
        insecure,
      );
      const result = await oauth.processGenericTokenEndpointResponse(server, client, response);
      assert.deepEqual([result.token_type, result.scope], ['bearer', 'read:calendar']);

      const request = new Request(calendar, { headers: { authorization: `Bearer ${result.access_token}` } });
      const claims = await oauth.validateJwtAccessToken(server, request, calendar, insecure);
      assert.deepEqual([claims.client_id, claims.scope], [client.client_id, 'read:calendar']);
    });
  }

  it('reads our refusal as an OAuth error', async () => {
    const server = { issuer: origin, token_endpoint: `${origin}/token` };
    const client = { client_id: agent };
    const parameters = {
      subject_token: await service.token(),
      subject_token_type: jwtType,
      resource: 'https://other.example',
    };
    const response = await oauth.genericTokenEndpointRequest(
      server,
      client,
      oauth.None(),
      grantType,
      parameters,
      insecure,
    );
    await assert.rejects(oauth.processGenericTokenEndpointResponse(server, client, response), (error) => {
      assert.ok(error instanceof oauth.ResponseBodyError);
      assert.deepEqual([error.error, error.status], ['invalid_target', 400]);
      return true;
    });
  });

  it('RFC 9701: asks for a signed answer, and verifies that it is from us, and for it', async () => {
    const issuer = new URL(origin);
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
    );
    const client = { client_id: 'spiffe://example.com/prod-eu/ns/servers/sa/calendar-api' };
    const caller = attested(await callerToken(service));
    const ask = async (token: string) => {
      const options = { requestJwtResponse: true, ...insecure };
      const response = await oauth.introspectionRequest(server, client, caller, token, options);
      const answer = await oauth.processIntrospectionResponse(server, client, response);
      await oauth.validateApplicationLevelSignature(server, response, insecure);
      return answer;
    };
    const { active, aud, client_id } = await ask(await accessToken(service, { audience: origin }));
    assert.deepEqual([active, aud, client_id], [true, calendar, agent]);
    assert.deepEqual(await ask('garbage'), { active: false });
  });

  it('RFC 7009: revokes its token, and takes a refusal for an OAuth error', async () => {
    const issuer = new URL(origin);
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
    );
    const client = { client_id: agent };
    const token = await accessToken(service, { audience: origin });
    const revoke = async (assertion: string) =>
      oauth.processRevocationResponse(
        await oauth.revocationRequest(server, client, attested(assertion), token, insecure),
      );
    await revoke(await service.token());
    const form = {
      token,
      client_assertion_type: assertionType,
      client_assertion: await callerToken(service),
    };
    assert.deepEqual((await postForm(`${origin}/introspect`, form)).body, { active: false });
    await assert.rejects(revoke('garbage'), (error) => {
      assert.ok(error instanceof oauth.ResponseBodyError);
      assert.deepEqual([error.error, error.status], ['invalid_client', 401]);
      return true;
    });
  });
});

describe('oauth4webapi with DPoP', () => {
  let service: TestService;
  let origin: string;
  before(async () => {
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    const resources = `
  ${calendar}: { scope: [read:calendar, write:events], binding: dpop, dpopNonce: required }
  https://payroll.example: { scope: [read:salaries] }`;
    service = await startService({ issuer: origin, port: String(port), resources, more: clients });
  });
  after(() => service.close());

  const discover = async () => {
    const issuer = new URL(origin);
    return oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
    );
  };

  it('client_credentials: tries again with our nonce, and gets a bound token', async () => {
    const server = await discover();
    const client = { client_id: agent };
    const DPoP = oauth.DPoP({}, await oauth.generateKeyPair('ES256'));
    const assertion = attested(await service.token());
    const ask = async () => {
      const parameters = new URLSearchParams({ resource: calendar });
      const options = { ...insecure, DPoP };
      return oauth.processClientCredentialsResponse(
        server,
        client,
        await oauth.clientCredentialsGrantRequest(server, client, assertion, parameters, options),
      );
    };
    await assert.rejects(ask(), (error) => oauth.isDPoPNonceError(error));
    const { token_type, access_token } = await ask();
    assert.equal(token_type, 'dpop');
    assert.deepEqual(claimsOf(access_token).cnf, { jkt: await DPoP.calculateThumbprint() });
  });

  it('RFC 9449 §7.1, §9: fetches what was revoked, with its evidence, a proof and, the second time, our nonce', async () => {
    const DPoP = oauth.DPoP({}, await oauth.generateKeyPair('ES256'));
    const evidence = await callerToken(service);
    const list = () =>
      oauth.protectedResourceRequest(evidence, 'GET', new URL(`${origin}/revocations`), undefined, undefined, {
        ...insecure,
        DPoP,
      });
    await assert.rejects(list(), (error) => oauth.isDPoPNonceError(error));
    const answer = await list();
    assert.deepEqual([answer.status, ((await answer.json()) as { issuer: string }).issuer], [200, origin]);
  });

  for (const algorithm of ['ES256', 'Ed25519', 'RS256'] as const) {
    it(`proves ${algorithm} keys, tries again with our nonce, and shows the bound token to a resource server`, async () => {
      const issuer = new URL(origin);
      const discovery = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
      const server = await oauth.processDiscoveryResponse(issuer, discovery);
      assert.ok(server.dpop_signing_alg_values_supported?.includes(algorithm));
      const client = { client_id: agent };
      const keys = await oauth.generateKeyPair(algorithm, { extractable: true });
      const DPoP = oauth.DPoP({}, keys);
      const exchange = async () => {
        const evidence = { subject_token: await service.token(), subject_token_type: jwtType, resource: calendar };
        const response = await oauth.genericTokenEndpointRequest(server, client, oauth.None(), grantType, evidence, {
          ...insecure,
          DPoP,
        });
        return oauth.processGenericTokenEndpointResponse(server, client, response);
      };
      await assert.rejects(exchange(), (error) => oauth.isDPoPNonceError(error));
      const result = await exchange();
      assert.deepEqual([result.token_type, result.scope], ['dpop', 'read:calendar write:events']);

      let shown: Request | undefined;
      await oauth.protectedResourceRequest(result.access_token, 'GET', new URL(calendar), undefined, undefined, {
        DPoP,
        [oauth.customFetch]: async (url, { method, headers }) => {
          shown = new Request(url, { method, headers });
          return new Response();
        },
      });
      assert.ok(shown);
      const claims = await oauth.validateJwtAccessToken(server, shown, calendar, { ...insecure, requireDPoP: true });
      assert.equal(claims.cnf?.jkt, await DPoP.calculateThumbprint());
    });
  }
});
