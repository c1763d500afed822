/** JWT-SVIDs (SPIFFE JWT-SVID, Trust Domain and Bundle), by the way that evidence takes: sender, bundle, claims. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttestorType } from '../../../attestors/attestor.js';
import { oidc } from '../../../attestors/oidc/index.js';
import type { Claims } from '../../../examples/quickstart/cluster-issuer.js';
import { createAttestor } from '../../../src/attestor-host.js';
import { createTestAttest, type TestAttest } from '../../support/attest.js';
import { createTestHost, ourIssuer, type TestHost } from '../../support/attestor-host.js';
import { jwtType } from '../../support/service.js';
import { makeKey, signParts, type TestKey } from '../../support/tokens.js';
import { refused } from '../kubernetes/fixture.js';
import { readmeBlocks, start } from './fixture.js';

const prod = makeKey('ES256', 'authority-1');
/** Another key with the same kid: kids are unique within a bundle only. */
const staging = makeKey('ES256', 'authority-1');
const shared = makeKey('RS256', 'shared');
const edwards = makeKey('EdDSA', 'edwards');
const x509 = makeKey('ES384', 'x509');
const signature = makeKey('ES384', 'signature');

const entry = ({ jwk }: TestKey, use: string) => ({ ...jwk, use });
const bundle = (...keys: readonly unknown[]) => JSON.stringify({ spiffe_sequence: 3, spiffe_refresh_hint: 300, keys });
const files = {
  'prod.json': bundle(
    entry(x509, 'x509-svid'),
    entry(signature, 'sig'),
    ...[prod, shared, edwards].map((key) => entry(key, 'jwt-svid')),
  ),
  'staging.json': bundle(entry(staging, 'jwt-svid'), entry(shared, 'jwt-svid')),
};

const readme = readmeBlocks().get('spire') ?? assert.fail('README.md has no block spire');
const blocks: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  prod: { ...readme, keys: { jwksFile: 'prod.json' } },
  staging: {
    preset: 'spiffe',
    trustDomain: 'staging.acme.example',
    issuer: 'https://spire.staging.acme.example',
    keys: { jwksFile: 'staging.json' },
  },
  ci: { issuer: 'https://ci.example', keys: { jwksFile: 'ci.json' } },
};

const agent = 'spiffe://prod.acme.example/ns/agents/sa/calendar';

/** As SPIRE makes them. */
const claims: Claims = { aud: [ourIssuer], exp: start + 300, iat: start - 1, sub: agent };

function svid(changes: Claims = {}, key: TestKey = prod, header: Claims = {}): string {
  const full = { alg: key.algorithm, kid: key.kid, typ: 'JWT', ...header };
  return signParts(key, JSON.stringify(full), JSON.stringify({ ...claims, ...changes }));
}

describe('oidc: SPIFFE JWT-SVIDs', () => {
  let folder = '';
  let host: TestHost;
  let attestIt: TestAttest;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-spiffe-'));
    const ci = JSON.stringify({ keys: [signature.jwk, entry(prod, 'jwt-svid')] });
    for (const [name, text] of Object.entries({ ...files, 'ci.json': ci })) await writeFile(join(folder, name), text);
    host = createTestHost(() => start, folder);
    const attestors = await Promise.all(
      Object.entries(blocks).map(([name, { type: _, ...block }]) =>
        createAttestor(name, { type: oidc as AttestorType, options: oidc.options.parse(block) }, host.host),
      ),
    );
    attestIt = await createTestAttest(attestors, { now: () => start });
  });
  after(async () => {
    await host.close();
    await rm(folder, { recursive: true });
  });

  const attest = (token: string) => attestIt({ tokenType: jwtType, token }, 'request-1');

  it('are verified by the bundle of their trust domain, without an issuer', async () => {
    const { attestor, subject, selectors, assurance } = await attest(svid());
    const encoded = Buffer.from(agent).toString('base64url');
    assert.deepEqual([attestor, subject], ['prod', `spiffe://example.com/prod/subject/b64-${encoded}`]);
    assert.deepEqual([selectors, assurance], [[`oidc:sub:${agent}`], 'low']);
    const other = await attest(svid({ sub: 'spiffe://staging.acme.example/x' }, staging));
    assert.equal(other.attestor, 'staging');
  });

  it('have the typ JWT, JOSE or none, and a signature by RSA as well', async () => {
    for (const typ of ['JWT', 'JOSE', undefined])
      assert.equal((await attest(svid({}, shared, { typ }))).attestor, 'prod');
    await refused(attest(svid({}, prod, { typ: 'at+jwt' })), 'jwt_type');
    await refused(attest(svid({}, prod, { typ: 'wit+jwt' })), 'jwt_type');
    const ordinary = { iss: 'https://ci.example', sub: 'x' };
    await refused(attest(svid(ordinary, signature, { typ: 'JOSE' })), 'jwt_type');
  });

  it('may have the issuer that the block names, and no other', async () => {
    const sub = 'spiffe://staging.acme.example/x';
    const iss = 'https://spire.staging.acme.example';
    assert.equal((await attest(svid({ sub, iss }, staging))).attestor, 'staging');
    await refused(attest(svid({ sub, iss: `${iss}/` }, staging)), 'issuer_untrusted');
    await refused(attest(svid({ sub, iss: 'spiffe://staging.acme.example' }, staging)), 'jwt_issuer');
    await refused(attest(svid({ sub: agent, iss }, staging)), 'jwt_spiffe_id');
    await refused(attest(svid({ iss: 'https://spire.prod.acme.example' })), 'issuer_untrusted');
    await refused(attest(svid({ iss: 'spiffe://prod.acme.example' })), 'jwt_issuer');
    await refused(attest(svid({ iss: null })), 'issuer_untrusted');
  });

  const strangers: readonly (readonly [what: string, token: string, reason: string])[] = [
    [
      'another trust domain, by the kid that both bundles have',
      svid({ sub: 'spiffe://staging.acme.example/x' }, prod),
      'jwt_signature',
    ],
    ['our trust domain, by the key of another with that kid', svid({}, staging), 'jwt_signature'],
    [
      'a trust domain without a bundle, by a key that we have',
      svid({ sub: 'spiffe://other.example/x' }),
      'issuer_untrusted',
    ],
    [
      'a trust domain without a bundle, under the name of one that has one',
      svid({ sub: 'spiffe://other.example/x', iss: 'https://spire.staging.acme.example' }, shared),
      'jwt_spiffe_id',
    ],
    ['the authority of X.509 SVIDs', svid({}, x509), 'jwt_unknown_key'],
    ['a key of the bundle that is for no SVIDs', svid({}, signature), 'jwt_unknown_key'],
    ['a key with an algorithm that SVIDs have not', svid({}, edwards), 'jwt_algorithm'],
    ['an ordinary issuer, by a key for SVIDs', svid({ iss: 'https://ci.example' }), 'jwt_unknown_key'],
    [
      'a trust domain that begins like ours',
      svid({ sub: 'spiffe://prod.acme.example.evil/ns/agents' }),
      'issuer_untrusted',
    ],
    ['a user before a host', svid({ sub: 'spiffe://prod.acme.example@evil.example/x' }), 'issuer_untrusted'],
    ['a port', svid({ sub: 'spiffe://prod.acme.example:443/x' }), 'issuer_untrusted'],
    ['a query', svid({ sub: `${agent}?a=b` }), 'issuer_untrusted'],
    ['the trust domain itself', svid({ sub: 'spiffe://prod.acme.example' }), 'issuer_untrusted'],
    ['a subject that is no SPIFFE ID', svid({ sub: 'system:serviceaccount:a:b' }), 'issuer_untrusted'],
    ['no subject', svid({ sub: undefined }), 'issuer_untrusted'],
    ['another audience', svid({ aud: ['spiffe://prod.acme.example/api'] }), 'audience_not_ours'],
    ['several audiences', svid({ aud: [ourIssuer, 'https://api.acme.example'] }), 'jwt_audience'],
    ['no audience', svid({ aud: undefined }), 'audience_not_ours'],
    ['no exp', svid({ exp: undefined }), 'jwt_exp_form'],
    ['no iat, without which its lifetime is not known', svid({ iat: undefined }), 'jwt_iat_form'],
    ['an exp that has passed', svid({ exp: start }), 'jwt_expired'],
    ['no kid', svid({}, prod, { kid: undefined }), 'jwt_key_id'],
  ];
  for (const [what, token, reason] of strangers) {
    it(`are refused of ${what}`, () => refused(attest(token), reason));
  }

  it('alone need no issuer: a token of anybody else does', async () => {
    for (const iss of [undefined, null, '']) {
      await refused(attest(svid({ iss, sub: 'x' }, signature)), 'issuer_untrusted');
    }
  });

  const refusals: readonly (readonly [what: string, block: Claims, path: string, message: RegExp])[] = [
    ['no trust domain', { keys: { jwksFile: 'x' } }, 'trustDomain', /SPIFFE trust domain/],
    ['a trust domain in upper case', { trustDomain: 'Acme', keys: { jwksFile: 'x' } }, 'trustDomain', /SPIFFE trust/],
    [
      'a trust domain that is an ID',
      { trustDomain: 'spiffe://a', keys: { jwksFile: 'x' } },
      'trustDomain',
      /SPIFFE trust/,
    ],
    ['no bundle', { trustDomain: 'a.example' }, 'keys', /the bundle of the trust domain/],
    [
      'another subject',
      { trustDomain: 'a.example', keys: { jwksFile: 'x' }, subject: 'name' },
      'subject',
      /leave subject/,
    ],
    [
      'EdDSA',
      { trustDomain: 'a.example', keys: { jwksFile: 'x' }, algorithms: ['EdDSA'] },
      'algorithms',
      /RS256, ES256/,
    ],
    ['people', { trustDomain: 'a.example', keys: { jwksFile: 'x' }, role: 'delegator' }, 'role', /leave role out/],
  ];
  for (const [what, block, path, message] of refusals) {
    it(`a block with ${what} is refused at load`, () => {
      const { error } = oidc.options.safeParse({ preset: 'spiffe', ...block });
      const issues = error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? [];
      assert.equal(issues.length, 1, issues.join('\n'));
      assert.ok(issues[0]?.startsWith(`${path}: `) && message.test(issues[0]), issues[0]);
    });
  }

  it('doctor counts the keys of the bundle, and says how to write one', async () => {
    const find = async (file: string) => {
      const options = oidc.options.parse({ ...blocks.staging, keys: { jwksFile: file } });
      for await (const finding of oidc.examine?.('prod', options, host.host) ?? []) return finding;
      return assert.fail('nothing was examined');
    };
    assert.deepEqual(await find('prod.json'), {
      step: 'keys',
      outcome: 'ok',
      message: '3 usable keys from prod.json',
    });
    const none = bundle(entry(x509, 'x509-svid'), entry(signature, 'sig'));
    await writeFile(join(folder, 'none.json'), none);
    const finding = await find('none.json');
    assert.ok(finding.outcome === 'failed', JSON.stringify(finding));
    assert.match(finding.message, /no key of use jwt-svid/);
    assert.match(finding.fix, /spire-server bundle show -format spiffe.*none\.json/);
  });
});
