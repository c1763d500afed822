/** `POST /introspect` by RFC 7662, over real HTTP. */
import assert from 'node:assert/strict';
import {
  accessToken,
  assertionType,
  callerToken,
  clients,
  introspect,
  startWithClients,
} from '../support/introspection.js';
import {
  calendar,
  claimsOf,
  issuer,
  payroll,
  postForm,
  send,
  startService,
  type TestService,
} from '../support/service.js';

const inactive = { active: false };

describe('introspection', () => {
  let service: TestService;
  before(async () => {
    service = await startWithClients();
  });
  after(() => service.close());

  it('RFC 7662 §2.2: tells the resource server what an active token says, and nothing else', async () => {
    const token = await accessToken(service);
    const { nbf, iat, exp, jti, ...claims } = claimsOf(token);
    const { status, body, headers } = await introspect(service, { token });
    assert.equal(status, 200);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('content-type'), 'application/json');
    assert.deepEqual(body, {
      active: true,
      iss: issuer,
      sub: 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent',
      aud: calendar,
      client_id: 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent',
      scope: 'read:calendar write:events',
      iat,
      nbf,
      exp,
      jti,
      token_type: 'Bearer',
      attestation: claims.attestation,
    });
    assert.equal((claims.attestation as { attestor: string }).attestor, 'prod-eu');
  });

  it('takes a client_id that is the caller’s subject, any token_type_hint, and a token file’s newline', async () => {
    const { body } = await introspect(service, {
      token: await accessToken(service),
      client_id: 'spiffe://example.com/prod-eu/ns/servers/sa/calendar-api',
      token_type_hint: 'refresh_token',
      client_assertion: `${await callerToken(service)}\n`,
    });
    assert.equal(body.active, true);
  });

  it('says only inactive of what is no token of ours', async () => {
    const token = await accessToken(service);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    const raised = encode({ ...claimsOf(token), scope: 'admin' });
    for (const [what, other] of Object.entries({
      garbage: 'garbage',
      'its own jti': String(claimsOf(token).jti),
      'another signature': `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
      'another payload': `${header}.${raised}.${signature}`,
      'no signature': `${encode({ typ: 'at+jwt', alg: 'none', kid })}.${payload}.`,
      'a key of somebody else': `${encode({ typ: 'at+jwt', alg: 'ES256', kid: 'other' })}.${payload}.${signature}`,
      'the caller’s platform token': await callerToken(service),
      'a platform token for our audience': await service.token({ audience: calendar }),
      huge: `${token}${'A'.repeat(20_000)}`,
    })) {
      const { status, body } = await introspect(service, { token: other });
      assert.deepEqual([status, body], [200, inactive], what);
    }
  });

  it('says only inactive once the token has expired', async () => {
    let now = Date.now();
    const clocked = await startWithClients({ now: () => now });
    const token = await accessToken(clocked);
    now += 599_000;
    assert.equal((await introspect(clocked, { token })).body.active, true);
    now += 1_000;
    assert.deepEqual((await introspect(clocked, { token })).body, inactive);
    await clocked.close();
  });

  it('RFC 6749 §5.2: a caller that is nobody we know is invalid_client, whatever is wrong', async () => {
    const token = await accessToken(service);
    for (const [what, changes] of Object.entries({
      'no authentication': { client_assertion: undefined, client_assertion_type: undefined },
      'an assertion without its type': { client_assertion_type: undefined },
      'a type without an assertion': { client_assertion: undefined },
      'another type': { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' },
      garbage: { client_assertion: 'garbage' },
      'only white space': { client_assertion: ' \n' },
      'a workload that is no client': { client_assertion: await service.token() },
      'the client’s service account in another namespace': {
        client_assertion: await service.token({ serviceAccount: 'calendar-api' }),
      },
      'a token that is bound to no pod': {
        client_assertion: await service.token({ namespace: 'servers', serviceAccount: 'calendar-api', pod: null }),
      },
      'a platform token for another service': {
        client_assertion: await service.token({ namespace: 'servers', serviceAccount: 'calendar-api', audience: 'x' }),
      },
      'an access token of ours': { client_assertion: token },
      'a client_id that is another’s': { client_id: 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent' },
      'a client secret': { client_assertion: undefined, client_assertion_type: undefined, client_secret: 'secret' },
    })) {
      const { status, body, headers } = await introspect(service, { token, ...changes });
      assert.deepEqual([status, body.error, headers.get('cache-control')], [401, 'invalid_client', 'no-store'], what);
      assert.equal('active' in body, false);
    }
  });

  it('a token without audience for the caller tells no more to a caller that is not authenticated', async () => {
    const { status, body } = await introspect(service, { token: 'x', client_assertion: 'y' });
    assert.deepEqual([status, body.error], [401, 'invalid_client']);
  });

  it('RFC 6749 §2.3: two ways of authentication are invalid_request', async () => {
    const token = await accessToken(service);
    const basic = `Basic ${Buffer.from('a:b').toString('base64')}`;
    for (const answer of [
      await introspect(service, { token }, { Authorization: basic }),
      await introspect(service, { token }, { Authorization: `Bearer ${await callerToken(service)}` }),
      await introspect(service, { token, client_secret: 'secret' }),
    ]) {
      assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_request']);
    }
    const alone = await introspect(service, { token, client_assertion: undefined }, { Authorization: basic });
    assert.deepEqual([alone.status, alone.body.error], [401, 'invalid_client']);
    assert.ok(alone.headers.get('www-authenticate'));
  });

  it('answers malformed requests as /token does', async () => {
    const token = await accessToken(service);
    const url = `${service.url}/introspect`;
    const form = { token, client_assertion_type: assertionType, client_assertion: await callerToken(service) };
    const answers = {
      'no token': await introspect(service, { token: undefined }),
      'an empty token': await introspect(service, { token: '' }),
      'a token twice': await introspect(service, { token: [token, token] }),
      'an assertion twice': await postForm(url, { ...form, client_assertion: [form.client_assertion, 'x'] }),
      JSON: await send(url, {
        method: 'POST',
        body: JSON.stringify(form),
        headers: { 'Content-Type': 'application/json' },
      }),
      'a query': await postForm(`${url}?token=${token}`, form),
    };
    for (const [what, { status, body, headers }] of Object.entries(answers)) {
      assert.deepEqual([status, body.error, headers.get('cache-control')], [400, 'invalid_request', 'no-store'], what);
    }
    const large = await introspect(service, { token: 'x'.repeat(70_000) });
    assert.deepEqual([large.status, large.body.error], [413, 'invalid_request']);
    const get = await send(url, {});
    assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST']);
  });

  it('is a 503 with Retry-After, never an answer, while the caller’s issuer cannot be asked', async () => {
    const down = await startWithClients({
      attestors: `
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: missing.json } }`,
    });
    const { status, body, headers } = await introspect(down, { token: 'x' });
    assert.deepEqual([status, body.error, headers.get('retry-after')], [503, 'temporarily_unavailable', '1']);
    await down.close();
  });

  it('a workload that is several clients sees what any of them may', async () => {
    const several = await startWithClients({
      more: `${clients}
  servers:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:servers"], not: [{ selectors: ["k8s:sa:nobody"] }] }
    introspect: ["${payroll}"]`,
    });
    const tokens = [
      await accessToken(several),
      await accessToken(several, { namespace: 'finance', serviceAccount: 'payroll-job' }, payroll),
    ];
    const seenBy = async (serviceAccount: string) => {
      const client_assertion = await callerToken(several, serviceAccount);
      const answers = await Promise.all(tokens.map((token) => introspect(several, { token, client_assertion })));
      return answers.map(({ status, body }) => body.active ?? status);
    };
    assert.deepEqual(await seenBy('calendar-api'), [true, true]);
    assert.deepEqual(await seenBy('payroll-api'), [false, true]);
    assert.deepEqual(await seenBy('nobody'), [401, 401]);
    await several.close();
  });

  it('RFC 8414 §2: the metadata tells of it, under the issuer’s path', async () => {
    const { body } = await send(`${service.url}/.well-known/oauth-authorization-server`, {});
    assert.equal(body.introspection_endpoint, `${issuer}/introspect`);
    assert.deepEqual(body.introspection_endpoint_auth_methods_supported, ['private_key_jwt']);
    assert.deepEqual(body.introspection_endpoint_auth_signing_alg_values_supported, [
      'RS256',
      'ES256',
      'ES384',
      'EdDSA',
    ]);
    const tenant = await startWithClients({ issuer: `${issuer}/tenant/a` });
    const url = `${tenant.url}/tenant/a`;
    const caller = { namespace: 'servers', serviceAccount: 'calendar-api' };
    const form = { client_assertion_type: assertionType, client_assertion: await tenant.token(caller) };
    const { access_token } = (await tenant.exchange()).body;
    assert.equal((await postForm(`${url}/introspect`, { ...form, token: String(access_token) })).body.active, true);
    assert.equal((await send(`${url}/revocations`, {})).status, 401);
    await tenant.close();
  });

  it('without clients there is neither endpoint', async () => {
    const without = await startService();
    assert.equal((await introspect(without, { token: 'x' })).status, 404);
    assert.equal((await send(`${without.url}/revocations`, {})).status, 404);
    const { body } = await send(`${without.url}/.well-known/oauth-authorization-server`, {});
    assert.equal('introspection_endpoint' in body, false);
    await without.close();
  });
});
