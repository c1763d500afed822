/** Signed GetCallerIdentity requests: what is sent to STS, and what is not. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { callerIdentityForm } from '../../../attestors/aws/caller-identity/form.js';
import { Rejected } from '../../../src/errors.js';
import { callWith, formEvidence } from '../../support/attestor-host.js';
import { refused } from '../kubernetes/fixture.js';
import { account, createRequesting, type Requesting, start } from './requesting.js';
import {
  bodyOfRequest,
  encode,
  type SignedEvidence,
  type Signing,
  sessionOf,
  signRequest,
  stsHost,
} from './signing.js';

const withHeader = (request: SignedEvidence, name: string, value: unknown) => ({
  ...request,
  headers: { ...request.headers, [name]: value },
});

const editHeader = (name: string, pattern: string | RegExp, instead: string) => (request: SignedEvidence) => {
  const before = request.headers[name] ?? '';
  const after = before.replace(pattern, instead);
  assert.notEqual(after, before, 'the edit changed nothing');
  return withHeader(request, name, after);
};
const editAuthorization = (pattern: string | RegExp, instead: string) => editHeader('authorization', pattern, instead);
const editDate = (pattern: string | RegExp, instead: string) => editHeader('x-amz-date', pattern, instead);

const global = 'sts.amazonaws.com';

describe('aws caller identity', () => {
  let fixture: Requesting;
  beforeEach(async () => {
    fixture = await createRequesting();
  });
  afterEach(() => fixture.close());

  it('gives a role that an SDK’s signature proves', async () => {
    const attestation = await fixture.attest();
    assert.equal(attestation.subject, 'spiffe://example.com/aws-main/aws/111122223333/role/worker');
    const { UserId } = fixture.session.identity;
    const [roleId] = UserId.split(':');
    assert.deepEqual(attestation.selectors, ['aws:account:111122223333', `aws:role-id:${roleId}`, 'aws:role:worker']);
    assert.equal(attestation.instance, `session:aws:111122223333:${UserId}`);
    assert.deepEqual(attestation.claims, fixture.session.identity);
    assert.deepEqual([attestation.singleUse, attestation.assurance, attestation.nonce], [true, 'medium', undefined]);
    assert.deepEqual([attestation.expiresAt, attestation.vouchesUntil], [start + 900, start + 900]);
    assert.equal(attestation.issuedAt, start);
    assert.deepEqual(Object.keys(attestation.unknownSelectors), [
      ...['aws:arn', 'aws:org', 'aws:ou', 'aws:principal-tag'],
      ...['aws:image', 'aws:instance', 'aws:instance-type', 'aws:region'],
    ]);
  });

  it('sends what it was built from, with the Host that was signed, and nothing else', async () => {
    const { headers } = await fixture.sign();
    await fixture.attest();
    const [received, ...others] = fixture.sts.received;
    assert.deepEqual(others, []);
    assert.deepEqual([received?.method, received?.url, received?.body], ['POST', '/', bodyOfRequest]);
    const { connection: _, 'content-length': length, ...sent } = received?.headers ?? {};
    assert.deepEqual(sent, { ...headers, accept: 'application/json' });
    assert.equal(length, String(bodyOfRequest.length));
  });

  it('takes every header that an SDK may sign', async () => {
    const sha256 = createHash('sha256').update(bodyOfRequest).digest('hex');
    await fixture.attest({
      headers: {
        accept: 'application/json',
        'content-length': String(bodyOfRequest.length),
        'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
        'x-amz-content-sha256': sha256,
      },
    });
    await fixture.attest({ body: 'Version=2011-06-15&Action=GetCallerIdentity' });
  });

  it('the session’s name changes neither the subject nor the selectors', async () => {
    const first = await fixture.attest();
    const named = sessionOf(account, 'worker', 'admin@aws:role'.replace(':', '='));
    fixture.sts.sessions.set(named.accessKeyId, named);
    const second = await fixture.attest({ session: named });
    assert.deepEqual([second.subject, second.selectors], [first.subject, first.selectors]);
    assert.notEqual(second.instance, first.instance);
  });

  it('names each signature, and not the evidence around it', async () => {
    const signed = await fixture.sign();
    const { evidenceId } = await fixture.show(signed);
    const { authorization = '', ...headers } = signed.headers;
    const rewritten = { ...signed, headers: { AUTHORIZATION: authorization, ...headers } };
    assert.equal((await fixture.show(rewritten)).evidenceId, evidenceId);
    fixture.now += 1;
    assert.notEqual((await fixture.attest()).evidenceId, evidenceId);
  });

  it('tells the nonce that is signed', async () => {
    assert.equal((await fixture.attest({ nonce: 'abc' })).nonce, 'abc');
    const { headers, ...rest } = await fixture.sign();
    await refused(
      fixture.show({ ...rest, headers: { ...headers, 'x-counterseal-nonce': 'abc' } }),
      'aws_authorization',
    );
  });

  it('wants a nonce where the block says so, and asks STS about nothing without one', async () => {
    const strict = await createRequesting({ nonce: 'required' });
    await strict.attest({ nonce: 'abc' });
    await refused(strict.attest(), 'nonce_missing');
    assert.equal(strict.sts.received.length, 1);
    await strict.close();
  });

  describe('age', () => {
    for (const [what, age, reason] of [
      ['signed just now', 0, undefined],
      ['signed 299 s ago', 299, undefined],
      ['signed 300 s ago', 300, 'aws_expired'],
      ['signed a year ago', 365 * 86_400, 'aws_expired'],
      ['signed 60 s in the future', -60, undefined],
      ['signed 61 s in the future', -61, 'aws_not_yet'],
    ] as const) {
      it(`${reason === undefined ? 'accepts' : 'refuses'} what was ${what}`, async () => {
        const shown = fixture.attest({ now: start - age });
        if (reason === undefined) assert.equal((await shown).expiresAt, start - age + 900);
        else await refused(shown, reason);
      });
    }

    it('X-Amz-Expires changes nothing: it is no header of ours', () =>
      refused(fixture.attest({ headers: { 'x-amz-expires': '604800' } }), 'aws_header'));

    it('refuses what AWS stops honouring while it is asked', async () => {
      const slow = await createRequesting({ maxAge: '15m' });
      slow.sts.instead = (_, response) => {
        slow.now += 899;
        response.setHeader('content-type', 'application/json');
        const result = { GetCallerIdentityResult: slow.session.identity };
        response.end(JSON.stringify({ GetCallerIdentityResponse: result }));
      };
      await refused(slow.attest({ now: start - 1 }), 'aws_expired');
      await slow.close();
    });
  });

  /** Everything that is signed properly, so that STS would say yes to it. */
  const signed: readonly (readonly [what: string, changes: Partial<Signing>, reason: string])[] = [
    // Vault CVE-2020-16250: the host, the action and the body were the attacker's to choose.
    ['Vault CVE-2020-16250: a host of somebody else', { host: 'sts.evil.example' }, 'aws_url'],
    ['Vault CVE-2020-16250: a host that begins like STS', { host: `${stsHost}.evil.example` }, 'aws_url'],
    ['Vault CVE-2020-16250: a host that ends like STS', { host: `evil-${stsHost}` }, 'aws_url'],
    ['Vault CVE-2020-16250: a host with a region that is none', { host: 'sts.evil.amazonaws.com' }, 'aws_url'],
    ['the global endpoint', { host: global, region: 'us-east-1' }, 'aws_url'],
    ['the endpoint of a bucket', { host: 'sts.s3.amazonaws.com' }, 'aws_url'],
    ['the suffix of China for another region', { host: `${stsHost}.cn` }, 'aws_url'],
    ['a region of China without its suffix', { host: 'sts.cn-north-1.amazonaws.com', region: 'cn-north-1' }, 'aws_url'],
    ['another service', { host: 'iam.eu-central-1.amazonaws.com', service: 'iam' }, 'aws_url'],
    ['a FIPS endpoint', { host: 'sts-fips.us-east-1.amazonaws.com', region: 'us-east-1' }, 'aws_url'],
    ['a path', { path: '/x' }, 'aws_url'],
    ['two slashes', { path: '//' }, 'aws_url'],
    ['a query', { query: { Action: 'GetCallerIdentity', Version: '2011-06-15' } }, 'aws_url'],
    ['GET', { method: 'GET' }, 'aws_method'],
    ['PUT', { method: 'PUT' }, 'aws_method'],
    ['post', { method: 'post' }, 'aws_method'],
    // Vault CVE-2020-16251: another action's answer reflects what the caller wrote.
    [
      'Vault CVE-2020-16251: AssumeRoleWithWebIdentity',
      { body: 'Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken=x' },
      'aws_body',
    ],
    ['another version', { body: 'Action=GetCallerIdentity&Version=2011-06-16' }, 'aws_body'],
    ['no version', { body: 'Action=GetCallerIdentity' }, 'aws_body'],
    ['an empty body', { body: '' }, 'aws_body'],
    ['a parameter more', { body: `${bodyOfRequest}&X=1` }, 'aws_body'],
    [
      'aws-iam-authenticator CVE-2022-2385: Action twice',
      { body: `${bodyOfRequest}&Action=GetSessionToken` },
      'aws_body',
    ],
    [
      'aws-iam-authenticator CVE-2022-2385: action beside Action',
      { body: `${bodyOfRequest}&action=GetSessionToken` },
      'aws_body',
    ],
    ['aws-iam-authenticator CVE-2022-2385: ACTION', { body: bodyOfRequest.replace('Action', 'ACTION') }, 'aws_body'],
    [
      'aws-iam-authenticator CVE-2022-2385: X-Amz-Credential in the query',
      { query: { 'X-Amz-Credential': 'x', 'x-amz-credential': 'y' } },
      'aws_url',
    ],
    [
      'aws-iam-authenticator CVE-2022-2385: X-Amz-SignedHeaders in the body',
      { body: `${bodyOfRequest}&X-Amz-SignedHeaders=host` },
      'aws_body',
    ],
    ['a percent-encoded action', { body: bodyOfRequest.replace('Get', '%47et') }, 'aws_body'],
    ['a line end in the body', { body: `${bodyOfRequest}\n` }, 'aws_body'],
    ['no audience', { audience: null }, 'aws_header'],
    ['an audience with two spaces', { audience: 'https://sts.example.com  x' }, 'aws_header'],
    ['an audience that is not signed', { unsigned: ['x-counterseal-audience'] }, 'aws_authorization'],
    ['a session token that is not signed', { unsigned: ['x-amz-security-token'] }, 'aws_authorization'],
    ['a content type that is not signed', { unsigned: ['content-type'] }, 'aws_authorization'],
    ['a nonce that is not signed', { nonce: 'abc', unsigned: ['x-counterseal-nonce'] }, 'aws_authorization'],
    ['a header that nobody knows', { headers: { 'x-evil': '1' } }, 'aws_header'],
    ['X-Forwarded-Host', { headers: { 'x-forwarded-host': 'evil.example' } }, 'aws_header'],
    ['Transfer-Encoding', { headers: { 'transfer-encoding': 'chunked' } }, 'aws_header'],
    ['Expect', { headers: { expect: '100-continue' } }, 'aws_header'],
    ['Cookie', { headers: { cookie: 'a=b' } }, 'aws_header'],
    ['an answer in XML', { headers: { accept: 'text/xml' } }, 'aws_header'],
    ['a body in JSON', { headers: { 'content-type': 'application/json' } }, 'aws_header'],
    ['a body that is not signed', { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }, 'aws_header'],
    ['another length', { headers: { 'content-length': '1' } }, 'aws_header'],
    ['another Host', { headers: { host: 'sts.us-east-1.amazonaws.com' } }, 'aws_header'],
    ['a Host with a port', { headers: { host: `${stsHost}:443` } }, 'aws_header'],
    ['the scope of another region', { region: 'us-east-1' }, 'aws_authorization'],
    ['the scope of another service', { service: 'iam' }, 'aws_authorization'],
  ];

  describe('refuses, without a request to STS,', () => {
    for (const [what, changes, reason] of signed) {
      it(what, async () => {
        const { detail } = await refused(
          signRequest({ session: fixture.session, now: start, ...changes }).then(fixture.show),
          reason,
        );
        assert.match(detail, /^The signed request is not accepted: [\x20-\x7e]+\.$/);
        assert.deepEqual(fixture.sts.received, []);
      });
    }

    const edited: readonly (readonly [what: string, edit: (request: SignedEvidence) => unknown, reason: string])[] = [
      ['http', (one) => ({ ...one, url: one.url.replace('https', 'http') }), 'aws_url'],
      ['no slash', (one) => ({ ...one, url: one.url.slice(0, -1) }), 'aws_url'],
      ['a port', (one) => ({ ...one, url: `https://${stsHost}:443/` }), 'aws_url'],
      ['a user', (one) => ({ ...one, url: `https://evil@${stsHost}/` }), 'aws_url'],
      ['a user that looks like STS', (one) => ({ ...one, url: `https://${stsHost}@evil.example/` }), 'aws_url'],
      ['a fragment', (one) => ({ ...one, url: `${one.url}#x` }), 'aws_url'],
      ['an empty query', (one) => ({ ...one, url: `${one.url}?` }), 'aws_url'],
      ['capitals in the host', (one) => ({ ...one, url: one.url.replace('sts', 'STS') }), 'aws_url'],
      ['a dot at the end of the host', (one) => ({ ...one, url: `https://${stsHost}./` }), 'aws_url'],
      ['a backslash', (one) => ({ ...one, url: `https://${stsHost}\\@evil.example/` }), 'aws_url'],
      ['a tab in the host', (one) => ({ ...one, url: one.url.replace('sts', 's\tts') }), 'aws_url'],
      ['a space at its end', (one) => ({ ...one, url: `${one.url} ` }), 'aws_url'],
      ['a URL that is no text', (one) => ({ ...one, url: [one.url] }), 'aws_url'],
      ['a member more', (one) => ({ ...one, query: {} }), 'aws_members'],
      ['a member less', ({ body: _, ...one }) => one, 'aws_members'],
      ['headers in a list', (one) => ({ ...one, headers: Object.entries(one.headers) }), 'aws_members'],
      ['a body that is no text', (one) => ({ ...one, body: { Action: 'GetCallerIdentity' } }), 'aws_body'],
      ['a header twice, in two cases', (one) => withHeader(one, 'HOST', stsHost), 'aws_header'],
      ['a header in a list', (one) => withHeader(one, 'host', [stsHost]), 'aws_header'],
      ['no Host', (one) => withHeader(one, 'host', undefined), 'aws_header'],
      ['no date', (one) => withHeader(one, 'x-amz-date', undefined), 'aws_authorization'],
      ['no Authorization', (one) => withHeader(one, 'authorization', undefined), 'aws_header'],
      ['a line end in a header', (one) => withHeader(one, 'x-counterseal-audience', 'a\r\nHost: evil'), 'aws_header'],
      ['a NUL in a header', (one) => withHeader(one, 'x-counterseal-audience', 'a\0'), 'aws_header'],
      ['letters beyond ASCII in a header', (one) => withHeader(one, 'x-counterseal-audience', 'ä'), 'aws_header'],
      ['space around a value', (one) => withHeader(one, 'x-counterseal-audience', ' a '), 'aws_header'],
      ['an empty value', (one) => withHeader(one, 'x-counterseal-audience', ''), 'aws_header'],
      ['another scheme', editAuthorization('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'), 'aws_authorization'],
      ['another scheme’s case', editAuthorization('AWS4-HMAC-SHA256', 'aws4-hmac-sha256'), 'aws_authorization'],
      ['signed headers out of order', editAuthorization('content-type;host', 'host;content-type'), 'aws_authorization'],
      ['a signed header twice', editAuthorization('host;', 'host;host;'), 'aws_authorization'],
      ['a signed header in capitals', editAuthorization(';host;', ';Host;'), 'aws_authorization'],
      ['the host not signed', editAuthorization(';host;', ';'), 'aws_authorization'],
      ['the date not signed', editAuthorization(';x-amz-date', ''), 'aws_authorization'],
      ['a signed header that is not there', editAuthorization(';host;', ';host;range;'), 'aws_authorization'],
      [
        'SignedHeaders twice',
        editAuthorization(', Signature=', ', SignedHeaders=host, Signature='),
        'aws_authorization',
      ],
      [
        'a signature in capitals',
        editAuthorization(/Signature=.*$/, `Signature=${'A'.repeat(64)}`),
        'aws_authorization',
      ],
      ['a short signature', editAuthorization(/.$/, ''), 'aws_authorization'],
      ['something behind the signature', editAuthorization(/$/, ' x'), 'aws_authorization'],
      ['the day of another signature', editAuthorization(/\/20\d{6}\//, '/20200101/'), 'aws_authorization'],
      ['the end of the scope', editAuthorization('aws4_request', 'aws5_request'), 'aws_authorization'],
      ['an hour that there is not', editDate('T', 'T9'), 'aws_authorization'],
      ['a day that there is not', editDate(/^\d{8}/, '20260231'), 'aws_authorization'],
      ['a date of HTTP', editDate(/.*/, 'Wed, 18 Nov 2026 00:00:00 GMT'), 'aws_authorization'],
    ];
    for (const [what, edit, reason] of edited) {
      it(what, async () => {
        const { detail } = await refused(
          fixture.sign().then((one) => fixture.show(edit(one))),
          reason,
        );
        assert.match(detail, /^The signed request is not accepted: [\x20-\x7e]+\.$/);
        assert.deepEqual(fixture.sts.received, []);
      });
    }

    it('what is over 12 KiB, while a session token of 4 KiB is accepted', async () => {
      const long = { ...fixture.session, sessionToken: 'x'.repeat(4096) };
      fixture.sts.sessions.set(long.accessKeyId, long);
      await fixture.attest({ session: long });
      const longer = { ...fixture.session, sessionToken: 'x'.repeat(4097) };
      await refused(fixture.attest({ session: longer }), 'aws_header');
      await refused(fixture.attest({ session: { ...longer, sessionToken: 'x'.repeat(13_000) } }), 'aws_too_large');
      assert.equal(fixture.sts.received.length, 1);
    });

    it('JSON with a member twice, and base64url that is not canonical', async () => {
      const text = JSON.stringify(await fixture.sign());
      const twice = text.replace('{"url"', '{"method":"POST","url"');
      for (const token of [Buffer.from(twice).toString('base64url'), `${encode(await fixture.sign())}=`, '%7B%7D']) {
        assert.throws(() => formEvidence(callerIdentityForm, token), { name: 'Rejected' });
      }
    });

    it('evidence of its own type without its form', async () => {
      const { tokenType, token } = await fixture.evidence();
      await refused(fixture.attestor.attest({ tokenType, token }, callWith()), 'not_a_signed_request');
    });
  });

  it('whatever one character is changed to, it is refused, or is the same signature', async () => {
    const signed = await fixture.sign();
    const { evidenceId } = await fixture.show(signed);
    const text = JSON.stringify(signed);
    const anywhere = fc.nat(text.length - 1);
    const anything = fc.oneof(fc.string({ maxLength: 2 }), fc.constantFrom('"', '\\n', 'A', 'a', ';', '/', '&', ' '));
    await fc.assert(
      fc.asyncProperty(anywhere, anything, async (at, put) => {
        const token = Buffer.from(text.slice(0, at) + put + text.slice(at + 1)).toString('base64url');
        try {
          const evidence = formEvidence(callerIdentityForm, token);
          assert.equal((await fixture.attestor.attest(evidence, callWith())).evidenceId, evidenceId);
        } catch (error) {
          assert.ok(error instanceof Rejected, String(error));
        }
      }),
      { numRuns: 500 },
    );
    assert.ok(
      fixture.sts.received.every(({ method, url, body }) => method === 'POST' && url === '/' && body === bodyOfRequest),
    );
  }).timeout(20_000);

  for (const audience of [
    'https://sts.example.com/',
    'https://sts.example.co',
    'https://sts.example.com.evil.example',
    'HTTPS://STS.EXAMPLE.COM',
    'https://sts.example.com,https://sts.example.com',
    '*',
  ]) {
    it(`Vault CVE-2024-5798: the audience ${audience} is not ours`, async () => {
      await refused(fixture.attest({ audience }), 'aws_route');
      assert.deepEqual(fixture.sts.received, []);
    });
  }

  it('refuses a region that the block does not have', async () => {
    const host = 'sts.us-east-1.amazonaws.com';
    await refused(fixture.attest({ host, region: 'us-east-1' }), 'aws_route');
    assert.deepEqual(fixture.sts.received, []);
  });

  for (const [region, partition, host] of [
    ['cn-north-1', 'aws-cn', 'sts.cn-north-1.amazonaws.com.cn'],
    ['us-gov-west-1', 'aws-us-gov', 'sts.us-gov-west-1.amazonaws.com'],
    ['ap-southeast-2', 'aws', 'sts.ap-southeast-2.amazonaws.com'],
  ] as const) {
    it(`knows the partition of ${region}, and takes no identity of another`, async () => {
      const elsewhere = await createRequesting({ regions: [region], endpoints: { [host]: fixture.sts.url } });
      for (const each of ['aws', 'aws-cn', 'aws-us-gov']) {
        const session = sessionOf(account, `in-${each}`, 'a-session', each);
        fixture.sts.sessions.set(session.accessKeyId, session);
        const shown = elsewhere.attest({ host, region, session });
        if (each === partition) {
          assert.equal(
            (await shown).subject,
            `spiffe://example.com/aws-main/${partition}/111122223333/role/in-${each}`,
          );
        } else await refused(shown, 'sts_answer');
      }
      await elsewhere.close();
    });
  }
});
