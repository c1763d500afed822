import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Rejected } from '../../src/errors.js';
import { decodeJwt, looksLikeJwt } from '../../src/jwt/decode.js';
import { claims, encode, keys, signParts, token } from '../support/tokens.js';

function reason(text: string): string {
  try {
    decodeJwt(text);
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof Rejected, String(error));
    return error.reason;
  }
}

const [header = '', payload = '', signature = ''] = token().split('.');

describe('decodeJwt (RFC 7515 §3.1, RFC 7519 §7.2)', () => {
  it('takes a token apart', () => {
    const jwt = decodeJwt(`${header}.${payload}.${signature}`);
    assert.deepEqual(jwt.header, { alg: 'ES256', kid: 'key-ES256' });
    assert.deepEqual(jwt.claims, claims);
    assert.equal(jwt.signingInput, `${header}.${payload}`);
    assert.deepEqual(jwt.signature, Buffer.from(signature, 'base64url'));
  });

  it('freezes header and claims at every level', () => {
    const jwt = decodeJwt(token());
    for (const value of [jwt, jwt.header, jwt.claims, jwt.claims.aud, jwt.claims['kubernetes.io']]) {
      assert.ok(Object.isFrozen(value));
    }
  });

  it('takes an empty signature for what it is: the verifier refuses it', () => {
    assert.equal(decodeJwt(`${header}.${payload}.`).signature.length, 0);
  });

  const refused: Readonly<Record<string, readonly [string, string]>> = {
    nothing: ['', 'jwt_not_compact'],
    'one part': ['abc', 'jwt_not_compact'],
    'two parts': [`${header}.${payload}`, 'jwt_not_compact'],
    'four parts': [`${header}.${payload}.${signature}.`, 'jwt_not_compact'],
    'a JWE': [`${header}.${encode('key')}.${encode('iv')}.${encode('text')}.${encode('tag')}`, 'jwt_not_compact'],
    'the JSON serialization': [JSON.stringify({ protected: header, payload, signature }), 'jwt_not_compact'],
    'the JSON serialization with two dots': [`{"protected":"${header}.${payload}.${signature}"}`, 'jwt_base64url'],
    'an empty header': [`.${payload}.${signature}`, 'jwt_not_compact'],
    'an empty payload': [`${header}..${signature}`, 'jwt_not_compact'],
    'a detached payload in a token of three dots': [`${header}...${signature}`, 'jwt_not_compact'],
    'white space before it': [` ${header}.${payload}.${signature}`, 'jwt_base64url'],
    'a line end after it': [`${header}.${payload}.${signature}\n`, 'jwt_base64url'],
    padding: [`${header}.${payload}.${signature}==`, 'jwt_base64url'],
    'over 16 KiB': [`${header}.${payload}.${'A'.repeat(16 * 1024)}`, 'jwt_too_large'],
    'a payload that is not UTF-8': [signParts(keys.ES256, '{}', Buffer.from([0x7b, 0xff, 0x7d])), 'jwt_utf8'],
    'a header that is a list': [signParts(keys.ES256, '[]', '{}'), 'jwt_not_object'],
    'a payload that is null': [signParts(keys.ES256, '{}', 'null'), 'jwt_not_object'],
    'a payload that is a JWT': [signParts(keys.ES256, '{}', token()), 'jwt_json'],
    'a repeated claim': [signParts(keys.ES256, '{}', '{"exp":1,"exp":2}'), 'jwt_duplicate_member'],
    'a repeated header parameter': [
      signParts(keys.ES256, '{"alg":"none","\\u0061lg":"ES256"}', '{}'),
      'jwt_duplicate_member',
    ],
    'a claim named __proto__': [signParts(keys.ES256, '{}', '{"__proto__":{}}'), 'jwt_forbidden_member'],
    'half a surrogate pair': [signParts(keys.ES256, '{}', '{"sub":"\\udc00"}'), 'jwt_lone_surrogate'],
    'deep nesting': [signParts(keys.ES256, '{}', `{"a":${'['.repeat(16)}${']'.repeat(16)}}`), 'jwt_too_deep'],
  };
  for (const [what, [text, expected]] of Object.entries(refused)) {
    it(`refuses ${what} with ${expected}`, () => assert.equal(reason(text), expected));
  }

  it('accepts exactly 16 KiB', () => {
    const room = 16 * 1024 - header.length - payload.length - 2;
    const full = 'A'.repeat(room % 4 === 1 ? room - 1 : room);
    assert.equal(reason(`${header}.${payload}.${full}`), 'accepted');
  });

  it('throws nothing but Rejected, whatever the text', () => {
    const part = fc.oneof(
      fc.string(),
      fc.json().map(encode),
      fc.base64String(),
      fc.constant(header),
      fc.constant(payload),
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(part, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('.')),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        reason(candidate);
      }),
      { numRuns: 2000 },
    );
  });

  it('never puts bytes of a token into an error', () => {
    const secret = 'canary-4f1c9a7e';
    const texts = [
      `${secret}.${secret}`,
      `${encode(`{"a":"${secret}"`)}.${payload}.${signature}`,
      `${header}.${encode(`{"${secret}":1,"${secret}":2}`)}.${signature}`,
      `${header}.${payload}.${secret}=`,
      `${encode(`{"${secret}":"\\ud800"}`)}.${payload}.${signature}`,
    ];
    for (const text of texts) {
      assert.throws(
        () => decodeJwt(text),
        (error: Error) => {
          return (
            error instanceof Rejected && !JSON.stringify([error.message, error.stack, error.detail]).includes(secret)
          );
        },
      );
    }
  });
});

describe('looksLikeJwt', () => {
  it('says yes to everything that decodeJwt accepts', () => {
    for (const text of [token(), `${header}.${payload}.`]) assert.equal(looksLikeJwt(text), true);
  });
  it('says no to other numbers of parts and to empty ones', () => {
    for (const text of ['', '.', '..', 'a.b', 'a.b.c.d', 'a.b.c.d.e', '.b.c', 'a..c'])
      assert.equal(looksLikeJwt(text), false);
  });
});
