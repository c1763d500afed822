/** STANDARDS §7: what the token endpoint answers to bad input, over real HTTP. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { accessTokenType } from '../../src/exchange/response.js';
import {
  type Answer,
  calendar,
  claimsOf,
  grantType,
  jwtType,
  payroll,
  send,
  startService,
  type TestService,
} from '../support/service.js';

type Changes = Readonly<Record<string, string | undefined>>;

describe('token endpoint', () => {
  let service: TestService;
  before(async () => {
    service = await startService({
      resources: `
  ${calendar}: { scope: [read:calendar, write:events], lifetime: 10m }
  ${payroll}: { scope: [read:salaries] }
  https://staging.example: { scope: [read], environment: staging }`,
    });
  });
  after(() => service.close());

  /** The answer of RFC 6749 §5.2, and its record. */
  async function refused(answer: Answer, status: number, error: string): Promise<void> {
    assert.deepEqual([answer.status, answer.body.error], [status, error]);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.match(String(answer.body.error_description), /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
    assert.equal('access_token' in answer.body, false);
    const record = await service.lastRecord();
    assert.equal(record.decision_id, answer.body.decision_id);
    assert.deepEqual([record.outcome, record.error], ['refused', error]);
  }

  describe('issues', () => {
    it('RFC 8693 §2.2.1: an access token with its issued_token_type, and no refresh token', async () => {
      const answer = await service.exchange();
      assert.equal(answer.status, 200);
      const { access_token, ...rest } = answer.body;
      assert.deepEqual(rest, {
        issued_token_type: accessTokenType,
        token_type: 'Bearer',
        expires_in: 600,
        scope: 'read:calendar write:events',
      });
      assert.equal(typeof access_token, 'string');
      assert.deepEqual([answer.headers.get('cache-control'), answer.headers.get('pragma')], ['no-store', 'no-cache']);
    });

    it('RFC 9068: the claims of the access token', async () => {
      const subjectToken = await service.token();
      const { body } = await service.exchange({ subject_token: subjectToken });
      const { iat, nbf, exp, jti, attestation, ...claims } = claimsOf(body.access_token);
      const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
      assert.deepEqual(claims, {
        iss: 'http://127.0.0.1:8080',
        aud: calendar,
        sub: subject,
        client_id: subject,
        scope: 'read:calendar write:events',
      });
      assert.equal(Number(exp) - Number(iat), 600);
      assert.equal(Number(iat) - Number(nbf), 60);
      assert.match(String(jti), /^[0-9a-f-]{36}$/);
      const { attested_at, instance, ...attested } = attestation as Record<string, unknown>;
      assert.deepEqual(attested, { attestor: 'prod-eu', assurance: 'medium', environment: 'production' });
      assert.equal(typeof attested_at, 'number');
      assert.match(String(instance), /^pod:/);
    });

    it('the same token again until it expires: the kubelet re-sends it', async () => {
      const subjectToken = await service.token();
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => service.exchange({ subject_token: subjectToken })),
      );
      assert.deepEqual(
        answers.map((answer) => answer.status),
        [200, 200, 200, 200, 200],
      );
      assert.equal(new Set(answers.map((answer) => claimsOf(answer.body.access_token).jti)).size, 5);
    });

    it('no scope: all that is granted, echoed; a part of it: narrowed, and returned', async () => {
      const { body } = await service.exchange({ scope: 'read:calendar delete:everything' });
      assert.equal(body.scope, 'read:calendar');
      assert.equal(claimsOf(body.access_token).scope, 'read:calendar');
    });

    it('no target: the only resource that could be granted', async () => {
      const { status, body } = await service.exchange({ resource: undefined });
      assert.deepEqual([status, claimsOf(body.access_token).aud], [200, calendar]);
    });

    it('audience for resource, and both when they are the same', async () => {
      assert.equal((await service.exchange({ resource: undefined, audience: calendar })).status, 200);
      assert.equal((await service.exchange({ audience: calendar })).status, 200);
    });

    it('a token file with a newline at its end', async () => {
      assert.equal((await service.exchange({ subject_token: `${await service.token()}\n` })).status, 200);
    });

    it('exp never beyond the evidence’s', async () => {
      const answer = await service.exchange({ subject_token: await service.token({ lifetime: 120 }) });
      assert.ok(Number(answer.body.expires_in) <= 120 && Number(answer.body.expires_in) >= 118);
    });

    it('a client_id that is the subject, in the body or as Basic with an empty secret', async () => {
      const subject = 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent';
      assert.equal((await service.exchange({ client_id: subject })).status, 200);
      for (const id of [subject, encodeURIComponent(subject)]) {
        const basic = `Basic ${Buffer.from(`${id}:`).toString('base64')}`;
        assert.equal((await service.exchange({}, { Authorization: basic })).status, 200);
      }
    });
  });

  const rows: readonly [title: string, changes: Changes, status: number, error: string][] = [
    ['no grant_type', { grant_type: undefined }, 400, 'invalid_request'],
    ['an empty grant_type', { grant_type: '' }, 400, 'invalid_request'],
    ['no subject_token', { subject_token: undefined }, 400, 'invalid_request'],
    ['an empty subject_token', { subject_token: '' }, 400, 'invalid_request'],
    ['a blank subject_token', { subject_token: ' \n ' }, 400, 'invalid_request'],
    ['no subject_token_type', { subject_token_type: undefined }, 400, 'invalid_request'],
    ['actor_token without its type', { actor_token: 'x' }, 400, 'invalid_request'],
    ['actor_token_type without the token', { actor_token_type: jwtType }, 400, 'invalid_request'],
    ['an actor_token that is none', { actor_token: 'x', actor_token_type: jwtType }, 400, 'invalid_request'],
    ['an unknown grant', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['a grant in other letters', { grant_type: grantType.toUpperCase() }, 400, 'unsupported_grant_type'],
    [
      'an unsupported token type',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      400,
      'invalid_request',
    ],
    ['a token that is not what its type says', { subject_token: 'opaque' }, 400, 'invalid_request'],
    ['an unsupported requested_token_type', { requested_token_type: jwtType }, 400, 'invalid_request'],
    ['a relative resource', { resource: '/mcp' }, 400, 'invalid_target'],
    ['a resource with a fragment', { resource: `${calendar}#x` }, 400, 'invalid_target'],
    ['an unknown resource', { resource: 'https://other.example' }, 400, 'invalid_target'],
    ['a resource that differs by a slash', { resource: `${calendar}/` }, 400, 'invalid_target'],
    ['a resource in other letters', { resource: calendar.toUpperCase() }, 400, 'invalid_target'],
    ['an unknown audience', { resource: undefined, audience: 'calendar' }, 400, 'invalid_target'],
    ['resource and audience that differ', { audience: payroll }, 400, 'invalid_target'],
    ['a resource that no rule grants', { resource: payroll }, 400, 'invalid_target'],
    ['a resource of another environment', { resource: 'https://staging.example' }, 400, 'invalid_target'],
    ['a scope with a quote', { scope: 'read:"calendar"' }, 400, 'invalid_scope'],
    ['a scope with two spaces', { scope: 'read:calendar  write:events' }, 400, 'invalid_scope'],
    ['a scope beyond ASCII', { scope: 'lesen:kalender-für-alle' }, 400, 'invalid_scope'],
    ['nothing left of the scope', { scope: 'delete:everything' }, 400, 'invalid_scope'],
    [
      'authorization_details',
      { authorization_details: '[{"type":"mcp_tools"}]' },
      400,
      'invalid_authorization_details',
    ],
    ['a client_id that is not the subject', { client_id: 'somebody' }, 401, 'invalid_client'],
    ['a client secret', { client_id: 'a', client_secret: 'b' }, 401, 'invalid_client'],
    ['a client assertion', { client_assertion: 'x' }, 401, 'invalid_client'],
  ];
  describe('refuses', () => {
    for (const [title, changes, status, error] of rows) {
      it(title, async () => refused(await service.exchange(changes), status, error));
    }

    it('a podless token, which no rule admits', async () => {
      await refused(
        await service.exchange({ subject_token: await service.token({ pod: null }) }),
        400,
        'invalid_target',
      );
      const [verdict] = (await service.lastRecord()).rules ?? [];
      assert.equal(verdict?.clause, 'workload.podless');
    });

    it('several targets', async () => {
      const form = { grant_type: grantType, subject_token_type: jwtType, subject_token: await service.token() };
      await refused(await service.post({ ...form, resource: [calendar, payroll] }), 400, 'invalid_target');
      assert.equal((await service.post({ ...form, resource: [calendar, calendar] })).status, 200);
    });

    for (const name of ['grant_type', 'subject_token', 'subject_token_type', 'scope', 'client_id', 'unheard_of']) {
      it(`a repeated ${name}`, async () => {
        const form = { grant_type: grantType, subject_token_type: jwtType, subject_token: await service.token() };
        await refused(await service.post({ ...form, resource: calendar, [name]: ['x', 'x'] }), 400, 'invalid_request');
      });
    }

    it('client authentication in two ways', async () => {
      const answer = await service.exchange({ client_id: 'a' }, { Authorization: 'Basic YTo=' });
      await refused(answer, 400, 'invalid_request');
    });

    for (const authorization of ['Basic YTpi', 'Basic !!', 'Basic Og==', 'Bearer abc', 'Basic']) {
      it(`Authorization: ${authorization}, and names the scheme`, async () => {
        const answer = await service.exchange({}, { Authorization: authorization });
        await refused(answer, 401, 'invalid_client');
        assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="counterseal"');
      });
    }

    it('GET with 405 and Allow: POST, and no OAuth error', async () => {
      const answer = await send(`${service.url}/token`, {});
      assert.deepEqual([answer.status, answer.headers.get('allow'), answer.body.error], [405, 'POST', undefined]);
      assert.equal((await service.lastRecord()).reason, 'method_not_allowed');
    });

    it('parameters in the query', async () => {
      const body = new URLSearchParams({ grant_type: grantType });
      await refused(await send(`${service.url}/token?resource=x`, { method: 'POST', body }), 400, 'invalid_request');
    });

    for (const type of [
      'application/json',
      'multipart/form-data; boundary=x',
      'text/plain',
      'application/x-www-form-urlencoded; charset=iso-8859-1',
      'application/x-www-form-urlencodedx',
    ]) {
      it(`a body of ${type}`, async () => {
        const init = { method: 'POST', body: '{"grant_type":"x"}', headers: { 'Content-Type': type } };
        await refused(await send(`${service.url}/token`, init), 400, 'invalid_request');
      });
    }

    it('a content encoding', async () => {
      await refused(await service.exchange({}, { 'Content-Encoding': 'gzip' }), 400, 'invalid_request');
    });

    it('a body over 64 KiB with 413, declared or not, and goes on serving', async () => {
      const long = 'x'.repeat(65_536);
      await refused(await service.exchange({ subject_token: long }), 413, 'invalid_request');
      const status = await new Promise((resolve, reject) => {
        const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'Transfer-Encoding': 'chunked' };
        const chunked = request(`${service.url}/token`, { method: 'POST', headers }, (response) => {
          resolve(response.statusCode);
          response.resume();
        });
        chunked.on('error', reject);
        chunked.end(`subject_token=${long}`);
      });
      assert.equal(status, 413);
      assert.equal((await service.exchange()).status, 200);
    });

    it('10,000 parameters', async () => {
      const form = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`p${index}`, '1']));
      await refused(await service.post(form), 400, 'invalid_request');
    });

    it('charset=UTF-8 is no fault', async () => {
      const form = { grant_type: grantType, subject_token_type: jwtType, subject_token: await service.token() };
      const init = {
        method: 'POST',
        body: new URLSearchParams({ ...form, resource: calendar }).toString(),
        headers: { 'Content-Type': 'application/x-www-form-urlencoded;charset=UTF-8' },
      };
      assert.equal((await send(`${service.url}/token`, init)).status, 200);
    });
  });

  /** What comes back for these bytes until the connection is closed. */
  function raw(bytes: string, hangUp = false): Promise<string> {
    const { hostname, port } = new URL(service.url);
    return new Promise((resolve) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => {
        socket.write(bytes, () => (hangUp ? socket.destroy() : undefined));
      });
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
      });
      socket.on('error', () => {}).on('close', () => resolve(text));
    });
  }

  for (const header of ['Authorization: Basic YTo=', 'Content-Type: application/x-www-form-urlencoded']) {
    it(`refuses two headers of one name: ${header.split(':')[0]}`, async () => {
      const head = `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
      const twice = header.startsWith('Content') ? `${header}\r\n` : `${header}\r\n${header}\r\n`;
      const answer = await raw(`${head}${twice}Content-Length: 1\r\nConnection: close\r\n\r\na`);
      assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*"invalid_request"/);
      assert.equal((await service.lastRecord()).reason, 'header_repeated');
    });
  }

  it('takes the absolute form of a request, and gives 404 for one that no URL parser reads', async () => {
    const get = (target: string) => raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    assert.match(await get('http://x/token'), /^HTTP\/1\.1 405 /);
    assert.match(await get('http://[/token'), /^HTTP\/1\.1 (405|404) [\s\S]*application\/json/);
    assert.match(await get('http://[/jwks'), /^HTTP\/1\.1 (200|404) [\s\S]*application\/j/);
    assert.match(await get('http://[/nothing'), /^HTTP\/1\.1 404 [\s\S]*application\/json/);
    assert.deepEqual(service.warnings, []);
  });

  it('records a request whose body is cut off', async () => {
    const head = 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n';
    await raw(`${head}Content-Length: 100\r\n\r\nsubject_token=`, true);
    while ((await service.lastRecord()).reason !== 'body_incomplete') await sleep(20);
  });

  it('answers 404 elsewhere, as JSON that is not stored', async () => {
    const answer = await send(`${service.url}/nothing`, {});
    assert.deepEqual([answer.status, answer.headers.get('cache-control')], [404, 'no-store']);
  });

  it('survives a client that hangs up in the middle of its body', async () => {
    const { hostname, port } = new URL(service.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        const head = 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n';
        socket.write(`${head}Content-Length: 100\r\n\r\nsubject_token=`, () => socket.destroy());
      });
      socket.on('close', () => resolve());
    });
    assert.equal((await service.exchange()).status, 200);
    assert.deepEqual(service.warnings, []);
  });
});
