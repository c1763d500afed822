/** What STS, or something in its place, may answer: only a genuine answer is believed. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { Unavailable } from '../../../src/errors.js';
import { ourIssuer } from '../../support/attestor-host.js';
import { refused } from '../kubernetes/fixture.js';
import { account, createRequesting, type Requesting, start } from './requesting.js';
import { sessionOf } from './signing.js';

const result = sessionOf(account, 'worker').identity;
const genuine = {
  GetCallerIdentityResponse: { GetCallerIdentityResult: result, ResponseMetadata: { RequestId: 'x' } },
};
const withResult = (changes: Readonly<Record<string, unknown>>) => ({
  GetCallerIdentityResponse: { GetCallerIdentityResult: { ...result, ...changes } },
});
const errorOf = (code: unknown) =>
  JSON.stringify({ Error: { Type: 'Sender', Code: code, Message: 'canary' }, RequestId: 'x' });

describe('aws: answers of STS', () => {
  let fixture: Requesting;
  beforeEach(async () => {
    fixture = await createRequesting();
  });
  afterEach(() => fixture.close());

  function answers(body: unknown, status = 200, type: string | null = 'application/json') {
    fixture.sts.instead = (_, response: ServerResponse) => {
      response.writeHead(status, type === null ? {} : { 'content-type': type });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
  }

  async function unavailable(reason: string): Promise<Unavailable> {
    const error = await refused(fixture.attest(), reason);
    assert.ok(error instanceof Unavailable);
    assert.ok(error.retryAfter >= 1);
    assert.ok(!error.detail.includes('canary'));
    return error;
  }

  it('a genuine one is believed, with a charset or without', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'application/json;charset=UTF-8']) {
      answers(genuine, 200, type);
      await fixture.attest();
    }
  });

  describe('that are no genuine 200', () => {
    const nested = `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`;
    for (const [what, body, status, type] of [
      ['XML', '<GetCallerIdentityResponse/>', 200, 'text/xml'],
      ['JSON that says to be XML', genuine, 200, 'text/xml'],
      ['JSON that says to be HTML', genuine, 200, 'text/html'],
      ['JSON of another kind', genuine, 200, 'application/problem+json'],
      ['JSON without a type', genuine, 200, null],
      ['nothing', '', 200, 'application/json'],
      ['half of it', JSON.stringify(genuine).slice(0, -5), 200, 'application/json'],
      ['two answers', `${JSON.stringify(genuine)}${JSON.stringify(genuine)}`, 200, 'application/json'],
      ['null', null, 200, 'application/json'],
      ['a list', [genuine], 200, 'application/json'],
      ['deep JSON', nested, 200, 'application/json'],
      ['201', genuine, 201, 'application/json'],
      ['204', '', 204, null],
      ['206', genuine, 206, 'application/json'],
      ['404', genuine, 404, 'application/json'],
      ['407, of a proxy', '<html>canary</html>', 407, 'text/html'],
      ['403, of a firewall', '<html>canary</html>', 403, 'text/html'],
      ['403 without a code', '{"message":"canary"}', 403, 'application/json'],
      ['403 with a code that is no text', errorOf(1), 403, 'application/json'],
    ] as const) {
      it(`${what}: unavailable`, async () => {
        answers(body, status, type);
        await unavailable('sts_answer');
      });
    }

    for (const status of [301, 302, 303, 307, 308]) {
      it(`a redirect with ${status} is not followed`, async () => {
        fixture.sts.instead = (_, response) => {
          response.writeHead(status, { location: `${fixture.sts.url}/elsewhere` }).end();
        };
        await unavailable('sts_answer');
        assert.equal(fixture.sts.received.length, 1);
      });
    }
  });

  describe('with a field that is malformed', () => {
    const others = Object.keys(result).flatMap((name) =>
      [undefined, null, 1, '', [result.Account], { x: 1 }, 'canary\n', 'x'.repeat(3000)].map(
        (value) => [name, value] as const,
      ),
    );
    for (const [name, value] of others) {
      it(`${name}: ${JSON.stringify(value)?.slice(0, 30)}`, async () => {
        answers(withResult({ [name]: value }));
        // Text that is no role's ARN may be that of somebody who is none: that is the fault of the evidence.
        await refused(
          fixture.attest(),
          name === 'Arn' && typeof value === 'string' ? 'principal_not_role' : 'sts_answer',
        );
      });
    }

    for (const [what, body] of [
      ['a field more', withResult({ Evil: 'x' })],
      ['an Account that is not the one in Arn', withResult({ Account: '444455556666' })],
      ['an Arn of another partition', withResult({ Arn: result.Arn.replace('arn:aws:', 'arn:aws-cn:') })],
      ['a UserId of a user', withResult({ UserId: 'AIDACKCEVSQ6C2EXAMPLE' })],
      ['a UserId of another session', withResult({ UserId: result.UserId.replace(/:.*/, ':other') })],
      ['a UserId with two sessions', withResult({ UserId: `${result.UserId}:${result.UserId.split(':')[1]}` })],
      ['no result', { GetCallerIdentityResponse: {} }],
      ['a result in another place', { GetCallerIdentityResult: result }],
      ['the answer to another action', { AssumeRoleResponse: { GetCallerIdentityResult: result } }],
      [
        'names in lower case',
        JSON.parse(JSON.stringify(genuine).replaceAll(/"([A-Z]\w+)":/g, (key) => key.toLowerCase())),
      ],
      ['an Arn twice', JSON.stringify(genuine).replace('"Arn"', '"Arn":"x","Arn"')],
    ] as const) {
      it(what, async () => {
        answers(body);
        await unavailable('sts_answer');
      });
    }
  });

  for (const [what, arn, userId] of [
    ['a user', `arn:aws:iam::${account}:user/alice`, 'AIDACKCEVSQ6C2EXAMPLE'],
    ['the root user', `arn:aws:iam::${account}:root`, account],
    ['a federated user', `arn:aws:sts::${account}:federated-user/alice`, `${account}:alice`],
    [
      'what EC2 runs a machine’s own services with',
      `arn:aws:sts::${account}:assumed-role/aws:ec2-infrastructure/i-0abc`,
      `${account}:aws:ec2-infrastructure:i-0abc`,
    ],
  ] as const) {
    it(`refuse ${what}, which is no role`, async () => {
      fixture.sts.sessions.set(fixture.session.accessKeyId, {
        ...fixture.session,
        identity: { Account: account, Arn: arn, UserId: userId },
      });
      await refused(fixture.attest(), 'principal_not_role');
    });
  }

  it('refuse a role of an account that is not configured', async () => {
    const session = sessionOf('444455556666', 'worker');
    fixture.sts.sessions.set(session.accessKeyId, session);
    await refused(fixture.attest({ session }), 'account_untrusted');
  });

  describe('that refuse are the fault of the evidence', () => {
    it('an altered request, another secret, an unknown key, an expired session', async () => {
      const { headers, ...rest } = await fixture.sign({ audience: 'https://other.example' });
      const altered = { ...rest, headers: { ...headers, 'x-counterseal-audience': ourIssuer } };
      assert.match((await refused(fixture.show(altered), 'sts_refused')).detail, /signature does not hold/);
      const { session } = fixture;
      await refused(fixture.attest({ session: { ...session, secretAccessKey: 'guess' } }), 'sts_refused');
      await refused(fixture.attest({ session: { ...session, sessionToken: 'other' } }), 'sts_refused');
      const unknown = await refused(
        fixture.attest({ session: { ...session, accessKeyId: 'ASIAUNKNOWNUNKNOWN00' } }),
        'sts_refused',
      );
      assert.match(unknown.detail, /no such access key/);
      fixture.sts.sessions.set(session.accessKeyId, { ...session, expiresAt: start });
      assert.match((await refused(fixture.attest(), 'sts_refused')).detail, /session have expired/);
    });

    it('a code that is not known is not told', async () => {
      answers(errorOf('Canary'), 403);
      const { detail } = await refused(fixture.attest(), 'sts_refused');
      assert.ok(!/canary/i.test(detail));
    });
  });

  describe('that throttle', () => {
    for (const [status, code] of [
      [400, 'Throttling'],
      [400, 'ThrottlingException'],
      [400, 'RequestLimitExceeded'],
      [429, 'TooManyRequestsException'],
      [429, 'x'],
    ] as const) {
      it(`${status} ${code}: unavailable, with a time to come back, and the circuit stays closed`, async () => {
        answers(errorOf(code), status);
        for (let times = 0; times < 6; times++) assert.equal((await unavailable('sts_throttled')).retryAfter, 5);
        assert.equal(fixture.sts.received.length, 6);
      });
    }
  });

  it('that are over 16 KiB are not read to their end', async () => {
    answers('x'.repeat(17_000));
    await unavailable('outbound_too_large');
  });

  it('that break off are unavailable', async () => {
    fixture.sts.instead = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
      response.write('{');
      setTimeout(() => response.destroy(), 20);
    };
    await unavailable('outbound_failed');
  });

  it('a dead STS is not called after five failures, and is tried again by one request after ten seconds', async () => {
    answers('canary', 500, 'text/plain');
    for (let times = 0; times < 5; times++) await unavailable('sts_failed');
    const open = await unavailable('sts_circuit_open');
    assert.equal(open.retryAfter, 10);
    fixture.now += 4;
    assert.equal((await unavailable('sts_circuit_open')).retryAfter, 6);
    assert.equal(fixture.sts.received.length, 5);
    fixture.now += 6;
    await unavailable('sts_failed');
    await unavailable('sts_circuit_open');
    assert.equal(fixture.sts.received.length, 6);
    fixture.now += 10;
    fixture.sts.instead = undefined;
    await fixture.attest();
    await fixture.attest();
  });

  it('refusals do not open the circuit: whoever has no credentials could close the service with them', async () => {
    const session = { ...fixture.session, secretAccessKey: 'guess' };
    for (let times = 0; times < 20; times++) await refused(fixture.attest({ session }), 'sts_refused');
    await fixture.attest();
  });
});
