import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { Unavailable } from '../../src/errors.js';
import { importKeys, isKid } from '../../src/jwt/key.js';
import { jwks, keys } from '../support/tokens.js';

const ec = keys.ES256.jwk;
const rsa = keys.RS256.jwk;
const spare = { ...keys.EdDSA.jwk, kid: 'spare' };

function publicJwk(type: 'rsa' | 'ec' | 'ed448', options: object = {}): object {
  return generateKeyPairSync(type as 'rsa', options as { modulusLength: number }).publicKey.export({ format: 'jwk' });
}

/** The kids of a set that has the key and one good one beside it. */
const kept = (key: unknown) => [...importKeys({ keys: [key, spare] }).keys()];

const refuses = (set: unknown, pattern: RegExp) =>
  assert.throws(
    () => importKeys(set),
    (error: Error) => error instanceof Unavailable && error.reason === 'keys_unusable' && pattern.test(error.detail),
  );

describe('importKeys (RFC 7517, RFC 7518 §6)', () => {
  it('imports a key of each algorithm, which the key decides', () => {
    const imported = [...importKeys(jwks).values()].map(({ kid, algorithm }) => [kid, algorithm]);
    assert.deepEqual(
      imported,
      Object.values(keys).map(({ kid, algorithm }) => [kid, algorithm]),
    );
  });

  it('takes a key whose alg says the same as its type', () => {
    assert.deepEqual(kept({ ...ec, alg: 'ES256' }), ['key-ES256', 'spare']);
  });

  const skipped: Readonly<Record<string, unknown>> = {
    'a key for encryption (use)': { ...rsa, use: 'enc' },
    'a key for encryption (key_ops)': { ...rsa, key_ops: ['encrypt'] },
    'key_ops that is no list': { ...rsa, key_ops: 'verify' },
    'a symmetric key': { kty: 'oct', k: 'c2VjcmV0', kid: 'a', alg: 'HS256' },
    'another RSA algorithm': { ...rsa, alg: 'PS256' },
    'an RSA key for HS256': { ...rsa, alg: 'HS256' },
    'an alg of another type': { ...ec, alg: 'RS256' },
    'an alg that is no string': { ...ec, alg: ['ES256'] },
    'the P-521 curve': { ...publicJwk('ec', { namedCurve: 'P-521' }), kid: 'a' },
    'the secp256k1 curve': { ...publicJwk('ec', { namedCurve: 'secp256k1' }), kid: 'a' },
    Ed448: { ...publicJwk('ed448'), kid: 'a' },
    'an unknown kty': { kty: 'AKP', kid: 'a', pub: 'AAAA' },
    'RSA of 1024 bits': { ...publicJwk('rsa', { modulusLength: 1024 }), kid: 'a' },
    'RSA of 2047 bits': { ...publicJwk('rsa', { modulusLength: 2047 }), kid: 'a' },
    'no kid': { ...ec, kid: undefined },
    'an empty kid': { ...ec, kid: '' },
    'a kid that is a number': { ...ec, kid: 1 },
    'a kid that is a path': { ...ec, kid: '../../key' },
    'a missing coordinate': { ...ec, y: undefined },
    'a point that is not on the curve': { ...ec, y: ec.x },
    'an RSA key with the type of an EC key': { ...rsa, kty: 'EC' },
    null: null,
    text: 'key',
  };
  for (const [what, key] of Object.entries(skipped)) {
    it(`skips ${what}`, () => assert.deepEqual(kept(key), ['spare']));
  }

  it('refuses a set with a private key, and names its kid but not its secret', () => {
    for (const key of Object.values(keys)) {
      const jwk = { ...key.privateKey.export({ format: 'jwk' }), kid: 'leaked' };
      refuses({ keys: [spare, jwk] }, /"leaked" is private/);
      assert.throws(
        () => importKeys({ keys: [jwk] }),
        (error: Error) => !error.message.includes(String(jwk.d)),
      );
    }
  });

  it('refuses a private key that is for encryption, or of an unknown type', () => {
    refuses({ keys: [spare, { ...rsa, use: 'enc', d: 'AQAB' }] }, /private/);
    refuses({ keys: [spare, { kty: 'XYZ', d: 'AQAB' }] }, /private/);
  });

  it('refuses two signature keys with one kid, also of two types', () => {
    refuses({ keys: [ec, ec] }, /two keys have the kid "key-ES256"/);
    refuses({ keys: [ec, { ...rsa, kid: ec.kid }] }, /two keys/);
  });

  it('accepts an encryption key with the kid of a signature key', () => {
    assert.deepEqual(kept({ ...rsa, use: 'enc', kid: 'spare' }), ['spare']);
  });

  it('refuses what is no JWK Set, and one without a usable key', () => {
    for (const set of [null, undefined, 'x', [], {}, { keys: {} }, { keys: 'x' }, ec])
      refuses(set, /no array named keys/);
    for (const set of [{ keys: [] }, { keys: [{ ...rsa, use: 'enc' }] }]) refuses(set, /no key for RS256/);
  });

  it('a kid is 1 to 128 URL-safe characters', () => {
    for (const kid of ['a', 'DBdaOhc_-.~+=', 'x'.repeat(128)]) assert.equal(isKid(kid), true);
    const others = ['', 'x'.repeat(129), 'a/b', 'https://evil.example/k', 'a b', 'a\n', '\0', 'é', '%2e', 'a?b', "'--"];
    for (const kid of others) assert.equal(isKid(kid), false, kid);
  });

  it('of a SPIFFE bundle takes the keys of JWT-SVIDs only, and of another set none of them', () => {
    const svid = { ...keys.ES256.jwk, use: 'jwt-svid', kid: 'svid' };
    const x509 = { ...keys.RS256.jwk, use: 'x509-svid', kid: 'svid', x5c: ['MIIB'] };
    const unsaid = { ...keys.EdDSA.jwk, kid: 'unsaid', use: undefined };
    const others = [x509, unsaid, { ...spare, kid: 'sig' }, { ...svid, use: 'JWT-SVID', kid: 'case' }];
    const bundle = { spiffe_sequence: 7, spiffe_refresh_hint: 300, keys: [...others, svid] };
    assert.deepEqual([...importKeys(bundle, 'jwt-svid').keys()], ['svid']);
    assert.deepEqual([...importKeys(bundle).keys()], ['unsaid', 'sig']);
    assert.throws(() => importKeys({ keys: others }, 'jwt-svid'), /no key of use jwt-svid/);
  });
});
