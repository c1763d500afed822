/** Tokens of people as their issuers document them, with the configuration that README.md shows for each. */
import assert from 'node:assert/strict';
import { oidc } from '../../../attestors/oidc/index.js';
import { type Claims, createClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { callWith, jwtEvidence } from '../../support/attestor-host.js';
import { refused } from '../kubernetes/fixture.js';
import { type Block, createFixture, type Fixture, issuerUrl, readmeBlocks, standard, start } from './fixture.js';

const blocks = readmeBlocks();

interface Person {
  /** Beside `iss`, `aud`, `iat` and `exp`. */
  readonly claims: Claims;
  readonly subject: string;
  /** Of tokens that are not meant, and why they are refused. */
  readonly refusals: readonly (readonly [what: string, changes: Claims, reason: string])[];
}

const nothing = { nbf: undefined, jti: undefined };

const people: Readonly<Record<string, Person>> = {
  okta: {
    claims: {
      sub: '00uid4BxXw6I6TV4m0g3',
      name: 'Jane Doe',
      email: 'jane@acme.example',
      ver: 1,
      nbf: undefined,
      jti: 'ID.jJ2oFNzhcM5mqWbYb1gRYqXXyrEfV2eGvwj2Ui-XBho',
      amr: ['pwd'],
      idp: '00oi8bmz9ezFqBlC80h7',
      preferred_username: 'jane@acme.example',
      auth_time: start - 60,
      at_hash: 'fPlsvVszI29LU2UhDyJ9vg',
    },
    subject: '00uid4BxXw6I6TV4m0g3',
    refusals: [
      [
        'an access token, which is for an API',
        { aud: 'api://default', cid: '0oabv6kx4qq6h1U5l0h7', scp: ['openid'] },
        'jwt_audience',
      ],
      ['another application', { aud: '0oaOther' }, 'jwt_audience'],
    ],
  },
  auth0: {
    claims: {
      ...nothing,
      sub: 'auth0|6553da60a54af58e29493993',
      name: 'Jane Doe',
      nickname: 'jane',
      sid: 'ho4ho4ho4',
      nonce: 'example-nonce',
    },
    subject: 'b64-YXV0aDB8NjU1M2RhNjBhNTRhZjU4ZTI5NDkzOTkz',
    refusals: [
      [
        'an access token, which is for an API',
        { aud: ['https://api.acme.example', 'https://acme.eu.auth0.com/userinfo'] },
        'jwt_audience',
      ],
      ['an issuer without its slash', { iss: 'https://acme.eu.auth0.com' }, 'jwt_issuer'],
    ],
  },
  firebase: {
    claims: {
      ...nothing,
      auth_time: start - 60,
      user_id: 'GOOD1nWIPThXcnwlO5FKX6n9zjT2',
      sub: 'GOOD1nWIPThXcnwlO5FKX6n9zjT2',
      email: 'jane@acme.example',
      email_verified: true,
      firebase: { identities: { email: ['jane@acme.example'] }, sign_in_provider: 'password' },
    },
    subject: 'GOOD1nWIPThXcnwlO5FKX6n9zjT2',
    refusals: [
      ['another project', { iss: 'https://securetoken.google.com/acme-prod2', aud: 'acme-prod2' }, 'jwt_issuer'],
      ['a session cookie', { iss: 'https://session.firebase.google.com/acme-prod' }, 'jwt_issuer'],
      ['a token of two weeks', { exp: start + 14 * 86_400 }, 'jwt_lifetime'],
    ],
  },
  clerk: {
    claims: {
      azp: 'https://app.acme.example',
      fva: [7, -1],
      nbf: start - 15,
      sid: 'sess_2fLGNKpqJDPVYTKNCnTgLTKsGgE',
      sub: 'user_2fLGNKpqJDPVYTKNCnTgLTKsGgE',
      exp: start + 60,
      v: 2,
    },
    subject: 'user_2fLGNKpqJDPVYTKNCnTgLTKsGgE',
    refusals: [
      ['a session token without a template, which has no aud', { aud: undefined }, 'jwt_audience'],
      [
        'somebody who impersonates a user',
        { act: { iss: 'https://dashboard.clerk.com', sid: 'sess_1', sub: 'user_admin' } },
        'jwt_delegated',
      ],
    ],
  },
  entra: {
    claims: {
      ver: '2.0',
      sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
      name: 'Jane Doe',
      preferred_username: 'jane@acme.example',
      oid: '11112222-bbbb-3333-cccc-4444dddd5555',
      tid: 'aaaabbbb-0000-cccc-1111-dddd2222eeee',
      jti: undefined,
      aio: 'Df2UVXL1ix!lMCWMSOJBcFatzcGfvFGhjKv8q5g0x732dR5MB5BisvGQO7YWByjd8iQDLq!eGbIDakyp5mnOrcdqHeYSnltepQmRp6AIZ8jY',
    },
    subject: '11112222-bbbb-3333-cccc-4444dddd5555',
    refusals: [
      [
        'another tenant',
        { iss: 'https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222ffff/v2.0' },
        'jwt_issuer',
      ],
      [
        'a v1 issuer',
        { iss: 'https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/', ver: '1.0' },
        'jwt_issuer',
      ],
      [
        'an application’s own access token',
        { preferred_username: undefined, azp: '00001111-aaaa-2222-bbbb-3333cccc4444', azpacr: '1', idtyp: 'app' },
        'claim_required',
      ],
    ],
  },
  keycloak: {
    claims: {
      jti: 'd58f5dc8-fd8f-462b-8a19-716f8f83985b',
      nbf: undefined,
      sub: '36fa0f91-f94d-4a0c-afed-6b7d952e47da',
      typ: 'ID',
      azp: 'calendar-agent',
      sid: '2a88c258-f73a-4103-b862-e1fbd8f4e04e',
      acr: '1',
      email_verified: true,
      preferred_username: 'jane',
    },
    subject: '36fa0f91-f94d-4a0c-afed-6b7d952e47da',
    refusals: [
      ['an access token with our audience', { typ: 'Bearer', scope: 'email profile' }, 'claim_required'],
      ['another realm', { iss: 'https://sso.acme.example/realms/customers' }, 'jwt_issuer'],
    ],
  },
};

describe('oidc: the issuers of people of README.md', () => {
  const signer = createClusterIssuer({ issuer: issuerUrl, algorithm: 'RS256', now: () => start });

  for (const [name, { claims, subject, refusals }] of Object.entries(people)) {
    describe(name, () => {
      let fixture: Fixture;
      const block: Block = blocks.get(name) ?? assert.fail(`README.md has no block ${name}`);
      const { type: _, ...options } = block;
      before(async () => {
        fixture = await createFixture({ ...options, keys: { jwksFile: 'jwks.json' } }, await signer);
      });
      after(() => fixture.close());
      const attest = (changes: Claims = {}) => fixture.attest({ ...claims, ...changes });

      it('is of people, for the application that the block names', () => {
        const { role, audience } = oidc.options.parse(options);
        assert.deepEqual([role, audience], ['delegator', block.audience]);
        assert.equal(oidc.role?.(oidc.options.parse(options)), 'delegator');
        const { error } = oidc.options.safeParse({ ...options, audience: undefined });
        assert.match(error?.issues[0]?.message ?? '', /client ID of the application/);
        assert.match(oidc.options.safeParse({ ...options, role: 'workload' }).error?.message ?? '', /leave role out/);
      });

      it('names the person by an id that stays', async () => {
        assert.equal((await attest()).subject, `spiffe://example.com/ci/subject/${subject}`);
      });

      it('refuses a token of an issuer that looks like it, and access tokens by RFC 9068', async () => {
        for (const iss of [`${block.issuer}.evil.example`, `${block.issuer}2`, undefined]) {
          await refused(attest({ iss }), 'jwt_issuer');
        }
        const access = fixture.signer.sign(
          { ...standard(`${block.issuer}`, block.audience), ...claims },
          { typ: 'at+jwt' },
        );
        await refused(fixture.attestor.attest(jwtEvidence(access), callWith()), 'jwt_type');
      });

      for (const [what, changes, reason] of refusals) {
        it(`refuses ${what}`, () => refused(attest(changes), reason));
      }
    });
  }
});
