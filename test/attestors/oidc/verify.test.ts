import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { Refusal } from '../../../src/errors.js';
import { callWith, jwtEvidence } from '../../support/attestor-host.js';
import { startUpstream } from '../../support/upstream.js';
import { refused } from '../kubernetes/fixture.js';
import { createFixture, type Fixture, issuerUrl, start } from './fixture.js';

const block = {
  require: { repository_owner: 'acme' },
  selectors: { repo: 'repository', ref: 'ref', number: 'run', protected: 'ref_protected', group: 'groups' },
  subject: 'repository',
};
const claims = { repository: 'acme/api', repository_owner: 'acme', ref: 'refs/heads/main' };

describe('oidc attestation', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture(block);
  });
  after(() => fixture.close());
  const attest = (changes: Readonly<Record<string, unknown>> = {}) => fixture.attest({ ...claims, ...changes });
  const selectorsOf = async (changes: Readonly<Record<string, unknown>>) =>
    (await attest({ ref: undefined, sub: undefined, ...changes })).selectors.filter(
      (one) => !one.startsWith('oidc:repo:'),
    );

  it('says what the token says', async () => {
    const attestation = await attest();
    assert.deepEqual(
      { ...attestation, claims: null },
      {
        attestor: 'ci',
        subject: 'spiffe://example.com/ci/subject/b64-YWNtZS9hcGk',
        instance: 'subject:acme/api',
        environment: 'production',
        selectors: ['oidc:ref:refs/heads/main', 'oidc:repo:acme/api', 'oidc:sub:repo:acme/api:ref:refs/heads/main'],
        unknownSelectors: {},
        claims: null,
        facts: {},
        evidenceId: 'example-id',
        singleUse: false,
        assurance: 'low',
        attestedAt: start,
        expiresAt: start + 300,
        vouchesUntil: start + 300,
      },
    );
    assert.equal(attestation.claims.repository, 'acme/api');
  });

  it('has the environment that the block gives, and names the workload by sub when it does not say how', async () => {
    const other = await createFixture({ environment: 'staging' });
    const { environment, subject, selectors } = await other.attest({ sub: 'plain' });
    assert.deepEqual([environment, subject], ['staging', 'spiffe://example.com/ci/subject/plain']);
    assert.deepEqual(selectors, ['oidc:sub:plain']);
    await other.close();
  });

  it('names evidence without a usable jti by its signed bytes, not by its signature', async () => {
    for (const jti of [undefined, '', 1, 'x'.repeat(257)]) {
      const token = fixture.token({ ...claims, jti });
      const { evidenceId } = await fixture.attestor.attest(jwtEvidence(token), callWith());
      assert.match(evidenceId, /^sha256:[A-Za-z0-9_-]{43}$/);
      const again = fixture.token({ ...claims, jti });
      assert.notEqual(again, token, 'ES256 signs differently each time');
      assert.equal((await fixture.attestor.attest(jwtEvidence(again), callWith())).evidenceId, evidenceId);
    }
  });

  describe('selectors', () => {
    const rows: readonly (readonly [what: string, changes: Record<string, unknown>, selectors: readonly string[]])[] = [
      ['a claim that is absent', {}, []],
      ['null', { ref: null }, []],
      ['an empty text', { ref: '' }, []],
      ['an object', { ref: { name: 'main' } }, []],
      ['a text with the separators of selectors', { ref: 'a:b%3Ac*' }, ['oidc:ref:a:b%3Ac*']],
      ['a text that would pass for another kind', { ref: 'oidc:repo:acme/x' }, ['oidc:ref:oidc:repo:acme/x']],
      ['a text of 512 bytes', { ref: 'é'.repeat(256) }, [`oidc:ref:${'é'.repeat(256)}`]],
      ['a number', { run: 42 }, ['oidc:number:42']],
      ['zero', { run: 0 }, ['oidc:number:0']],
      ['a fraction', { run: 1.5 }, ['oidc:number:1.5']],
      ['true', { ref_protected: true }, ['oidc:protected:true']],
      ['false, which is a value', { ref_protected: false }, ['oidc:protected:false']],
      ['a list, each once and sorted', { groups: ['b', 'a', '', 'b'] }, ['oidc:group:a', 'oidc:group:b']],
      ['an empty list', { groups: [] }, []],
      ['a list of 64', { groups: Array.from({ length: 64 }, () => 'a') }, ['oidc:group:a']],
      ['the claim sub', { sub: 'x' }, ['oidc:sub:x']],
    ];
    for (const [what, changes, selectors] of rows) {
      it(`of ${what}`, async () => assert.deepEqual(await selectorsOf(changes), selectors));
    }

    const refusals: readonly (readonly [what: string, ref: unknown])[] = [
      ['a text of 513 bytes', 'x'.repeat(513)],
      ['a text of 257 characters and 514 bytes', 'é'.repeat(257)],
      ['a line break', 'refs/heads/main\n'],
      ['a NUL', 'a\u0000b'],
      ['DEL', 'a\u007fb'],
      ['text that runs backwards', 'a\u202eb'],
      ['a zero-width space', 'a\u200bb'],
      ['a line separator', 'a\u2028b'],
      ['a list of 65', Array.from({ length: 65 }, () => 'a')],
      ['a list with a number', ['a', 1]],
      ['a list with a list', [['a']]],
      ['a list with an unprintable text', ['a', '\u001b']],
      ['a number that another one reads as', 2 ** 53],
    ];
    for (const [what, ref] of refusals) {
      it(`are not made of ${what}`, async () => {
        const error = await refused(attest({ ref }), 'claim_malformed');
        assert.match(error.detail, /^The claim "ref" cannot become a selector/);
        assert.ok(!/[\p{Cc}\p{Cf}]/u.test(error.detail));
      });
    }
  });

  describe('the subject', () => {
    for (const repository of [undefined, null, '', 1, true, {}, ['acme/api'], 'a\n', 'a\u202e', 'x'.repeat(513)]) {
      it(`is not ${JSON.stringify(repository)?.slice(0, 40)}`, () =>
        refused(attest({ repository }), 'subject_malformed'));
    }

    it('of 512 bytes is within the 2048 of a SPIFFE ID', async () => {
      const { subject } = await attest({ repository: 'é'.repeat(256) });
      assert.ok(Buffer.byteLength(subject) <= 1024);
    });

    it('keeps apart values that look alike in a path', async () => {
      const values = ['a/b', 'a', 'b64-YS9i', '..', '.', 'a%2Fb', 'A'];
      const subjects = await Promise.all(values.map(async (repository) => (await attest({ repository })).subject));
      assert.equal(new Set(subjects).size, values.length);
      for (const subject of subjects) assert.match(subject, /^spiffe:\/\/example\.com\/ci\/subject\/[A-Za-z0-9._-]+$/);
    });
  });

  describe('names that every object has', () => {
    const names = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__', '__defineGetter__'];

    it('are no claims of a token that does not have them', async () => {
      for (const name of names) {
        const mapped = await createFixture({ selectors: { x: name } });
        assert.deepEqual((await mapped.attest({ sub: 'a' })).selectors, ['oidc:sub:a'], name);
        await mapped.close();
        const named = await createFixture({ subject: name });
        await refused(named.attest(), 'subject_malformed');
        await named.close();
        if (name === '__proto__') continue; // It cannot be a key of the configuration.
        const required = await createFixture({ require: { [name]: '*' } });
        await refused(required.attest(), 'claim_required');
        await required.close();
      }
    });

    it('are claims like others where it does, but for __proto__, with which no token is taken', async () => {
      const odd = await createFixture({
        selectors: { toString: 'constructor' },
        require: { valueOf: 'x' },
        subject: 'toString',
      });
      const { subject, selectors } = await odd.attest({
        sub: undefined,
        constructor: 'c',
        valueOf: 'x',
        toString: 't',
      });
      assert.deepEqual([subject, selectors], ['spiffe://example.com/ci/subject/t', ['oidc:toString:c']]);
      await assert.rejects(async () => odd.attest(JSON.parse('{"__proto__":{"a":1}}')), Refusal);
      await odd.close();
    });
  });

  describe('required claims', () => {
    const rows: readonly (readonly [required: unknown, seen: unknown, holds: boolean])[] = [
      ['acme', 'acme', true],
      ['acme', 'Acme', false],
      ['acme', 'acme ', false],
      ['acme', undefined, false],
      ['acme', null, false],
      ['acme', ['acme'], false],
      ['acme', { acme: true }, false],
      ['*', undefined, false],
      ['*', 1, false],
      ['*', '', true],
      ['1', 1, false],
      [1, '1', false],
      [1, 1, true],
      [0, false, false],
      [true, true, true],
      [true, 'true', false],
      ['true', true, false],
      ['true', 'true', true],
      [false, undefined, false],
      [false, false, true],
      ['acme/*', 'acme/api', true],
      ['acme/*', 'acme', false],
      // Fulcio CVE-2026-22772 and Eclipse PIA CVE-2026-14336: a pattern is the whole value, and no regular expression.
      ['acme/*', 'evil/acme/api', false],
      ['acme/api', 'acme/api-evil', false],
      ['https://ok.example/*', 'https://ok.example@evil.example/x', false],
      ['https://ok.example/*', 'https://ok.example.evil.example/x', false],
      ['https://ok.example/*', 'http://evil.example/https://ok.example/', false],
      ['acme|evil', 'evil', false],
      ['acme|evil', 'acme', false],
      ['acme|evil', 'acme|evil', true],
      ['(acme|evil)', 'acme', false],
      ['^acme$', 'acme', false],
      ['acme.', 'acmeX', false],
      ['acme?', 'acme', false],
      ['a[cC]me', 'acme', false],
      ['acme', 'acme\nevil', false],
      ['acme*', 'evil\nacme', false],
      ['*@acme.example', 'x@acme.example@evil.example', false],
    ];
    for (const [required, seen, holds] of rows) {
      it(`${JSON.stringify(required)} ${holds ? 'holds' : 'does not hold'} for ${JSON.stringify(seen)}`, async () => {
        const strict = await createFixture({ require: { claim: required } });
        try {
          if (holds) await strict.attest({ claim: seen });
          else await refused(strict.attest({ claim: seen }), 'claim_required');
        } finally {
          await strict.close();
        }
      });
    }

    it('all have to hold', async () => {
      const strict = await createFixture({ require: { a: 'x', b: 'y' } });
      await strict.attest({ a: 'x', b: 'y' });
      await refused(strict.attest({ a: 'x' }), 'claim_required');
      await refused(strict.attest({ b: 'y' }), 'claim_required');
      await strict.close();
    });

    it('name claim, expected and seen, on one line and shortened', async () => {
      const { detail } = await refused(
        attest({ repository_owner: `evil\n\u001b${'x'.repeat(9_000)}` }),
        'claim_required',
      );
      assert.match(detail, /^The claim "repository_owner" is required: expected "acme"; found "evil\\n\\u001bx+…\.$/);
      assert.ok(detail.length < 300);
    });

    it('are looked at although the pattern would make a regular expression run for years', async () => {
      const slow = await createFixture({ require: { claim: `${'a*'.repeat(200)}b` } });
      await refused(slow.attest({ claim: 'a'.repeat(4_000) }), 'claim_required');
      await slow.close();
    });
  });

  describe('tokens', () => {
    const refusals: readonly (readonly [what: string, changes: Record<string, unknown>, reason: string])[] = [
      ['of another issuer', { iss: 'https://ci.example/' }, 'jwt_issuer'],
      ['for another audience', { aud: 'https://other.example' }, 'jwt_audience'],
      ['for others beside us', { aud: ['https://sts.example.com', 'https://other.example'] }, 'jwt_audience'],
      ['that have expired', { exp: start }, 'jwt_expired'],
      ['without exp', { exp: undefined }, 'jwt_exp_form'],
      ['without iat', { iat: undefined }, 'jwt_iat_form'],
      ['of more than a day', { exp: start + 86_400 }, 'jwt_lifetime'],
      ['that say who acts', { act: { sub: 'x' } }, 'jwt_delegated'],
      ['that say who may act', { may_act: { sub: 'x' } }, 'jwt_delegated'],
    ];
    for (const [what, changes, reason] of refusals) {
      it(`are refused ${what}`, () => refused(attest(changes), reason));
    }

    it('for others beside us are accepted where the block says so', async () => {
      const tolerant = await createFixture({ otherAudiences: 'allow' });
      await tolerant.attest({ aud: ['https://sts.example.com', 'https://other.example'] });
      await tolerant.close();
    });

    it('are refused with an algorithm that the block does not have, before a key is looked for', async () => {
      const rsaOnly = await createFixture({ algorithms: ['RS256', 'EdDSA'], keys: { jwksFile: 'missing.json' } });
      const error = await refused(rsaOnly.attest(), 'jwt_algorithm');
      assert.equal(error.detail, 'alg: expected one of RS256, EdDSA; found "ES256".');
      await rsaOnly.close();
    });
  });

  it('refuses a token that expires while the keys are loaded', async () => {
    const signer = await createClusterIssuer({ issuer: issuerUrl, algorithm: 'ES256', now: () => start });
    let answered = () => {};
    const upstream = await startUpstream((_, response) => {
      answered();
      response.setHeader('connection', 'close').end(JSON.stringify(signer.jwks()));
    });
    const slow = await createFixture({ keys: { jwksUri: `http://127.0.0.1:${upstream.port}/jwks` } }, signer);
    answered = () => {
      slow.now += 4;
    };
    await signer.rotate('ES256');
    await refused(slow.attest({ exp: start + 3 }), 'jwt_expired');
    await slow.close();
    await upstream.close();
  });

  it('whatever the claims are, refuses or keeps to its own kinds', async () => {
    const anything = fc.record(
      { repository: fc.jsonValue(), ref: fc.jsonValue(), run: fc.double(), groups: fc.array(fc.jsonValue()) },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(anything, async (changes) => {
        try {
          const { selectors, subject } = await attest(changes);
          assert.ok(selectors.every((one) => /^oidc:(repo|ref|number|protected|group|sub):[^\p{Cc}]+$/u.test(one)));
          assert.match(subject, /^spiffe:\/\/example\.com\/ci\/subject\/[A-Za-z0-9._-]+$/);
        } catch (error) {
          assert.ok(error instanceof Refusal, String(error));
        }
      }),
      { numRuns: 300 },
    );
  });
});
