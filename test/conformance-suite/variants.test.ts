/** Evidence that is wrong is wrong in what its name says, and right in everything else. */
import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { algorithms, claimsOf, generateKey, type Members } from '../../conformance/jws.js';
import { type Mint, type Variant, variantNames, variants } from '../../conformance/variants.js';

const claims: Members = {
  iss: 'https://workloads.example',
  aud: 'https://sts.example',
  sub: 'agent',
  iat: 1_800_000_000,
  nbf: 1_800_000_000,
  exp: 1_800_000_300,
  jti: 'one',
};

const headerOf = (jwt: string): Members =>
  JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString('utf8'));

/** Signed by the issuer's key, with these claims changed and these members of the header added. */
const signed: Readonly<Partial<Record<Variant, { readonly claims?: readonly string[]; readonly header?: Members }>>> = {
  good: {},
  expired: { claims: ['iat', 'nbf', 'exp'] },
  'not-yet-valid': { claims: ['nbf', 'exp'] },
  'no-expiry': { claims: ['exp'] },
  'distant-expiry': { claims: ['exp'] },
  'text-expiry': { claims: ['exp'] },
  'with-act': { claims: ['act'] },
  'may-act-other': { claims: ['may_act'] },
  'no-subject': { claims: ['sub'] },
  'no-issuer': { claims: ['iss'] },
  'untrusted-issuer': { claims: ['iss'] },
  'no-audience': { claims: ['aud'] },
  'wrong-audience': { claims: ['aud'] },
  'longer-audience': { claims: ['aud'] },
  'further-audiences': { claims: ['aud'] },
  'token-endpoint-audience': { claims: ['aud'] },
  'unknown-critical': { header: { crit: ['conformance'], conformance: true } },
  'unencoded-payload': { header: { b64: false, crit: ['b64'] } },
};

describe('conformance: evidence', () => {
  for (const alg of algorithms) {
    const key = generateKey(alg, 'known');
    const stranger = generateKey(alg, 'known');
    const mint: Mint = {
      key,
      stranger,
      claims,
      trap: 'http://127.0.0.1:1/x',
      tokenEndpoint: 'https://sts.example/token',
    };
    const digest = { ES256: 'sha256', ES384: 'sha384', RS256: 'sha256', EdDSA: null }[alg];
    const holds = (jwt: string, by = key) => {
      const [header, payload, signature = ''] = jwt.split('.');
      const signer = { key: by.publicKey, dsaEncoding: 'ieee-p1363' } as const;
      return verify(digest, Buffer.from(`${header}.${payload}`), signer, Buffer.from(signature, 'base64url'));
    };

    for (const [variant, { claims: changed = [], header = {} }] of Object.entries(signed)) {
      it(`${alg}: ${variant} is signed, and has nothing changed but ${changed.join(', ') || 'its header'}`, () => {
        const jwt = variants[variant as Variant](mint);
        assert.ok(holds(jwt));
        assert.deepEqual(headerOf(jwt), { alg, kid: 'known', ...header });
        const found = claimsOf(jwt) ?? {};
        const others = Object.keys(claims).filter((name) => !changed.includes(name));
        for (const name of others) assert.deepEqual(found[name], claims[name], name);
        for (const name of changed) assert.notDeepEqual(found[name], claims[name], name);
      });
    }

    it(`${alg}: what leads to another key is signed by that key, and has the claims of good evidence`, () => {
      for (const variant of ['bad-signature', 'jku', 'x5u', 'kid-url', 'embedded-jwk'] as const) {
        const jwt = variants[variant](mint);
        assert.deepEqual([holds(jwt), holds(jwt, stranger)], [false, true], variant);
        assert.deepEqual(claimsOf(jwt), claims);
      }
      assert.equal(holds(variants['altered-claims'](mint)), false);
    });

    it(`${alg}: a member that is there twice is, under a signature that holds`, () => {
      const twice = variants['duplicate-claims'](mint);
      assert.ok(holds(twice) && holds(variants['duplicate-header'](mint)));
      assert.equal(
        Buffer.from(twice.split('.')[1] ?? '', 'base64url')
          .toString()
          .match(/"sub"/g)?.length,
        2,
      );
    });

    it(`${alg}: no two are the same`, () => {
      const made = variantNames.map((variant) => variants[variant](mint));
      assert.equal(new Set(made).size, variantNames.length);
    });
  }
});
