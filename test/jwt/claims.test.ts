import assert from 'node:assert/strict';
import { Rejected } from '../../src/errors.js';
import { checkClaims } from '../../src/jwt/claims.js';
import { audience, claims, expectations, issuer, now } from '../support/tokens.js';

type Claims = Readonly<Record<string, unknown>>;

function rejection(change: Claims, expect = expectations): Rejected | null {
  const entries = Object.entries({ ...claims, ...change }).filter(([, value]) => value !== undefined);
  try {
    checkClaims(Object.fromEntries(entries), expect, now);
    return null;
  } catch (error) {
    assert.ok(error instanceof Rejected);
    return error;
  }
}

const reason = (change: Claims, expect = expectations) => rejection(change, expect)?.reason ?? null;

describe('claims', () => {
  it('returns the claims with exp and iat', () => {
    const verified = checkClaims(claims, expectations, now);
    assert.deepEqual(verified, { claims, exp: now + 3590, iat: now - 10, audience });
    assert.ok(Object.isFrozen(verified));
  });

  it('iss is ours, byte for byte (RFC 7519 §4.1.1)', () => {
    assert.equal(reason({ iss: issuer }), null);
    for (const iss of [
      undefined,
      null,
      '',
      `${issuer}/`,
      issuer.toUpperCase(),
      [issuer],
      `${issuer}.evil.example`,
      1,
    ]) {
      assert.equal(reason({ iss }), 'jwt_issuer', String(iss));
    }
  });

  it('iss may be left out only by an SVID of the trust domain, whatever else is expected', () => {
    const none = { ...expectations, issuer: undefined };
    const svid = { ...none, trustDomain: 'acme.example' };
    const sub = 'spiffe://acme.example/x';
    for (const iss of [undefined, null, issuer]) assert.equal(reason({ iss, sub }, none), 'jwt_issuer', String(iss));
    assert.equal(reason({ iss: undefined, sub }), 'jwt_issuer');
    assert.equal(reason({ iss: undefined, sub }, svid), null);
    assert.equal(reason({ iss: undefined, sub: 'spiffe://acme.example.evil/x' }, svid), 'jwt_spiffe_id');
    for (const iss of [null, '', issuer]) assert.equal(reason({ iss, sub }, svid), 'jwt_issuer', String(iss));
    assert.equal(reason({ sub }, { ...svid, issuer }), null);
  });

  it('aud is ours and nothing else (RFC 7519 §4.1.3)', () => {
    for (const aud of [audience, [audience], [audience, audience]]) assert.equal(reason({ aud }), null);
    const others = [
      undefined,
      null,
      '',
      [],
      [''],
      [audience, ''],
      [audience, 1],
      [[audience]],
      { 0: audience, length: 1 },
    ];
    for (const aud of [
      ...others,
      [audience, 'https://other'],
      'https://other',
      `${audience}/`,
      audience.slice(0, -1),
    ]) {
      assert.equal(reason({ aud }), 'jwt_audience', JSON.stringify(aud));
    }
  });

  it('otherAudiences: allow accepts further ones beside ours, and nothing without it', () => {
    const expect = { ...expectations, otherAudiences: 'allow' } as const;
    for (const aud of [audience, [audience], ['https://other', audience]]) assert.equal(reason({ aud }, expect), null);
    for (const aud of [
      'https://other',
      ['https://other'],
      [],
      [audience, ''],
      [audience, 7],
      `${audience},https://other`,
    ]) {
      assert.equal(reason({ aud }, expect), 'jwt_audience', JSON.stringify(aud));
    }
  });

  it('exp is over at its second, without skew (RFC 7519 §4.1.4)', () => {
    assert.equal(reason({ exp: now + 1 }), null);
    assert.equal(reason({ exp: now }), 'jwt_expired');
    assert.equal(reason({ exp: now - 1 }), 'jwt_expired');
  });

  it('reads a clock with a fraction', () => {
    const change = { ...claims, exp: now + 1 };
    assert.doesNotThrow(() => checkClaims(change, expectations, now + 0.999));
    assert.throws(() => checkClaims(change, expectations, now + 1.001), { reason: 'jwt_expired' });
  });

  it('nbf may be 60 seconds ahead, and absent (RFC 7519 §4.1.5)', () => {
    assert.equal(reason({ nbf: undefined }), null);
    assert.equal(reason({ nbf: now + 60 }), null);
    assert.equal(reason({ nbf: now + 61 }), 'jwt_not_yet_valid');
  });

  it('iat may be 60 seconds ahead, and must be there (RFC 7519 §4.1.6)', () => {
    assert.equal(reason({ iat: now + 60 }), null);
    assert.equal(reason({ iat: now + 61 }), 'jwt_issued_in_future');
    assert.equal(reason({ iat: now + 61, nbf: undefined }), 'jwt_issued_in_future');
    assert.equal(reason({ iat: undefined }), 'jwt_iat_form');
  });

  it('exp is after iat', () => {
    assert.equal(reason({ iat: now + 30, exp: now + 30 }), 'jwt_exp_before_iat');
    assert.equal(reason({ iat: now + 30, exp: now + 20 }), 'jwt_exp_before_iat');
    assert.equal(reason({ iat: now + 30, exp: now + 31 }), null);
  });

  it('exp − iat is at most maxLifetime', () => {
    assert.equal(reason({ iat: now, exp: now + 7200 }), null);
    assert.equal(reason({ iat: now, exp: now + 7201 }), 'jwt_lifetime');
    assert.equal(reason({ iat: 0, exp: now + 1 }), 'jwt_lifetime');
  });

  for (const name of ['exp', 'iat', 'nbf'] as const) {
    it(`${name} is a whole number of seconds under 2^40`, () => {
      const far = 2 ** 40;
      const forms = [null, '1', String(now), true, [now], { value: now }, -1, now + 0.5, far, 2 ** 53, 1e300, Infinity];
      for (const form of forms) assert.equal(reason({ [name]: form }), `jwt_${name}_form`, String(form));
      assert.notEqual(reason({ [name]: far - 1 }), `jwt_${name}_form`);
      assert.notEqual(reason({ [name]: 0 }), `jwt_${name}_form`);
    });
  }

  it('the value of a number counts, not its spelling', () => {
    assert.equal(reason(JSON.parse(`{"exp": ${now / 1e4 + 0.1}e4, "iat": ${now}.0, "nbf": 0e0}`)), null);
    assert.equal(reason(JSON.parse(`{"exp": ${now}.5}`)), 'jwt_exp_form');
  });

  it('act and may_act are refused in every form (RFC 8693 §4.1, §4.4)', () => {
    for (const value of [{ sub: 'x' }, {}, null, '', false]) {
      assert.equal(reason({ act: value }), 'jwt_delegated');
      assert.equal(reason({ may_act: value }), 'jwt_delegated');
    }
  });

  it('the detail says what was expected and what was found', () => {
    const { detail = '' } = rejection({ iss: 'https://evil.example' }) ?? {};
    assert.equal(detail, `iss: expected "${issuer}"; found "https://evil.example".`);
  });

  it('the detail is cut, and has no raw control character', () => {
    const { detail = '' } = rejection({ iss: `${'x'.repeat(5000)}` }) ?? {};
    assert.ok(detail.length < 400);
    assert.ok(!/\n/.test(rejection({ iss: 'a\nb' })?.detail ?? '\n'));
  });
});
