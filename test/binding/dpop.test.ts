/** RFC 9449 §4.3, number by number: what a proof has to be, and that it is good once. */
import assert from 'node:assert/strict';
import { calculateJwkThumbprint } from 'jose';
import { createDpop, type Dpop } from '../../src/binding/dpop.js';
import { type Nonces, nonceLifetime, openNonces } from '../../src/challenge/nonces.js';
import { NonceNeeded, Refusal, Unavailable } from '../../src/errors.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { clientKey, makeProof, type ProofChanges } from '../support/proof.js';

const start = 1_800_000_000;
const url = 'https://sts.example.com/token';
const key = clientKey();
const { jwk } = key;

describe('DPoP proofs', () => {
  let now = start;
  let store: Store;
  let nonces: Nonces;
  let dpop: Dpop;

  beforeEach(async () => {
    now = start;
    // It was there long before.
    store = createMemoryStore({ now: () => (now - 3600) * 1000 });
    nonces = await openNonces(store, () => now);
    dpop = createDpop({ url, nonces, store, now: () => now });
  });
  afterEach(() => store.close());

  const proof = ({ claims, ...rest }: ProofChanges = {}, by = key) =>
    makeProof(by, url, { claims: { iat: start, ...claims }, ...rest });

  const reasonOf = async (header: string, needsNonce = false): Promise<string> => {
    try {
      await dpop.verify(header, needsNonce);
      return 'accepted';
    } catch (error) {
      assert.ok(error instanceof Refusal, String(error));
      assert.equal(error.fault, error instanceof NonceNeeded ? 'dpop_nonce_needed' : 'dpop_proof_invalid');
      for (const part of header.split('.').filter((each) => each.length > 15)) assert.ok(!error.message.includes(part));
      return error.reason;
    }
  };

  for (const alg of ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'RS256'] as const) {
    it(`are accepted with ${alg}, and tell the thumbprint of RFC 7638`, async () => {
      const by = clientKey(alg);
      const { thumbprint, issuedAt } = await dpop.verify(proof({ claims: { jti: 'one' } }, by), false);
      assert.deepEqual([thumbprint, issuedAt], [await calculateJwkThumbprint(by.jwk as object), start]);
    });
  }

  it('are accepted with RSA keys of 4096 bits', async () => {
    assert.equal(await reasonOf(proof({}, clientKey('RS256', 4096))), 'accepted');
  });

  it('with members that mean nothing to us are accepted', async () => {
    const changes = { header: { kid: '1', jwk: { ...jwk, kid: '1', use: 'sig', alg: 'ES256', key_ops: ['verify'] } } };
    assert.equal(await reasonOf(proof({ ...changes, claims: { ath: 'x', nonce: 'stale', purpose: [1] } })), 'accepted');
  });

  const privateJwk = key.privateKey.export({ format: 'jwk' });
  const headers: readonly (readonly [what: string, header: Record<string, unknown>, reason: string])[] = [
    ['no typ', { typ: undefined }, 'dpop_type'],
    ['typ JWT', { typ: 'JWT' }, 'dpop_type'],
    ['typ at+jwt', { typ: 'at+jwt' }, 'dpop_type'],
    ['typ in capitals', { typ: 'DPOP+JWT' }, 'dpop_type'],
    ['typ as a list', { typ: ['dpop+jwt'] }, 'dpop_type'],
    ['no alg', { alg: undefined }, 'dpop_algorithm'],
    ['alg none', { alg: 'none' }, 'dpop_algorithm'],
    ['alg None', { alg: 'None' }, 'dpop_algorithm'],
    ['a symmetric alg', { alg: 'HS256' }, 'dpop_algorithm'],
    ['an alg that we do not know', { alg: 'ES512' }, 'dpop_algorithm'],
    ['alg in small letters', { alg: 'es256' }, 'dpop_algorithm'],
    ['alg as a list', { alg: ['ES256'] }, 'dpop_algorithm'],
    ['the alg of another kind of key', { alg: 'RS256' }, 'dpop_key'],
    ['the alg of another curve', { alg: 'ES384' }, 'dpop_key'],
    ['no jwk', { jwk: undefined }, 'dpop_key'],
    ['jwk null', { jwk: null }, 'dpop_key'],
    ['jwk as text', { jwk: JSON.stringify(jwk) }, 'dpop_key'],
    ['jwk in a list', { jwk: [jwk] }, 'dpop_key'],
    ['an empty jwk', { jwk: {} }, 'dpop_key'],
    ['a JWK Set', { jwk: { keys: [jwk] } }, 'dpop_key'],
    ['a private jwk', { jwk: privateJwk }, 'dpop_key'],
    ['a jwk with d null', { jwk: { ...jwk, d: null } }, 'dpop_key'],
    ['a symmetric jwk', { jwk: { kty: 'oct', k: 'c2VjcmV0' } }, 'dpop_key'],
    ['a jwk with k beside', { jwk: { ...jwk, k: 'c2VjcmV0' } }, 'dpop_key'],
    ['a jwk for encryption', { jwk: { ...jwk, use: 'enc' } }, 'dpop_key'],
    ['a jwk to sign with', { jwk: { ...jwk, key_ops: ['sign'] } }, 'dpop_key'],
    ['a jwk for another alg', { jwk: { ...jwk, alg: 'ES384' } }, 'dpop_key'],
    ['a jwk without y', { jwk: { ...jwk, y: undefined } }, 'dpop_key'],
    ['a point that is not on the curve', { jwk: { ...jwk, x: jwk.y, y: jwk.x } }, 'dpop_key'],
    ['a jwk with padding', { jwk: { ...jwk, x: `${jwk.x}=` } }, 'dpop_key'],
    ['the key of somebody else', { jwk: clientKey().jwk }, 'dpop_signature'],
    ['crit', { crit: ['exp'] }, 'dpop_header_parameter'],
    ['an empty crit', { crit: [] }, 'dpop_header_parameter'],
    ['b64', { b64: false }, 'dpop_header_parameter'],
    ['jku', { jku: 'https://evil.example/jwks' }, 'dpop_header_parameter'],
    ['x5u', { x5u: 'https://evil.example/cert' }, 'dpop_header_parameter'],
    ['x5c', { x5c: ['MII'] }, 'dpop_header_parameter'],
  ];
  for (const [what, header, reason] of headers) {
    it(`with ${what} in the header are refused`, async () => assert.equal(await reasonOf(proof({ header })), reason));
  }

  const claims: readonly (readonly [what: string, claims: Record<string, unknown>, reason: string])[] = [
    ['no jti', { jti: undefined }, 'dpop_jti'],
    ['an empty jti', { jti: '' }, 'dpop_jti'],
    ['a jti that is a number', { jti: 5 }, 'dpop_jti'],
    ['a jti of 257 characters', { jti: 'x'.repeat(257) }, 'dpop_jti'],
    ['no htm', { htm: undefined }, 'dpop_method'],
    ['htm GET', { htm: 'GET' }, 'dpop_method'],
    ['htm post', { htm: 'post' }, 'dpop_method'],
    ['no htu', { htu: undefined }, 'dpop_url'],
    ['htu in a list', { htu: [url] }, 'dpop_url'],
    ['htu of another endpoint', { htu: 'https://sts.example.com/introspect' }, 'dpop_url'],
    ['htu of the issuer', { htu: 'https://sts.example.com' }, 'dpop_url'],
    ['htu of a path below', { htu: `${url}/` }, 'dpop_url'],
    ['htu of a path in capitals', { htu: 'https://sts.example.com/Token' }, 'dpop_url'],
    ['htu of another host', { htu: 'https://sts.example.com.evil.example/token' }, 'dpop_url'],
    ['htu of a subdomain', { htu: 'https://evil.sts.example.com/token' }, 'dpop_url'],
    ['htu of another port', { htu: 'https://sts.example.com:8443/token' }, 'dpop_url'],
    ['htu of another scheme', { htu: 'http://sts.example.com/token' }, 'dpop_url'],
    ['htu without slashes', { htu: 'https:sts.example.com/token' }, 'dpop_url'],
    ['htu with backslashes', { htu: 'https:\\\\sts.example.com\\token' }, 'dpop_url'],
    ['htu with a user', { htu: 'https://me@sts.example.com/token' }, 'dpop_url'],
    ['htu with our host as user', { htu: 'https://sts.example.com@evil.example/token' }, 'dpop_url'],
    ['htu with a space before', { htu: ` ${url}` }, 'dpop_url'],
    ['htu with a line end', { htu: `${url}\n` }, 'dpop_url'],
    ['htu with a slash that is encoded', { htu: 'https://sts.example.com/%2Ftoken' }, 'dpop_url'],
    ['htu that is relative', { htu: '/token' }, 'dpop_url'],
    ['htu of 2049 characters', { htu: `${url}?${'x'.repeat(2048 - url.length)}` }, 'dpop_url'],
    ['no iat', { iat: undefined }, 'dpop_time'],
    ['iat as text', { iat: String(start) }, 'dpop_time'],
    ['iat in milliseconds', { iat: start * 1000 }, 'dpop_time'],
    ['iat 61 s ago', { iat: start - 61 }, 'dpop_time'],
    ['iat in 61 s', { iat: start + 61 }, 'dpop_time'],
    ['exp now', { exp: start }, 'dpop_time'],
    ['exp as text', { exp: String(start + 60) }, 'dpop_time'],
    ['nbf in 61 s', { nbf: start + 61 }, 'dpop_time'],
  ];
  for (const [what, changed, reason] of claims) {
    it(`with ${what} are refused`, async () => assert.equal(await reasonOf(proof({ claims: changed })), reason));
  }

  for (const htu of [
    'https://sts.example.com:443/token',
    'HTTPS://STS.Example.COM/token',
    `${url}?code=1&state=2`,
    `${url}#part`,
    'https://sts.example.com/a/../token',
    'https://sts.example.com/%74oken',
  ]) {
    it(`for ${htu} are for us`, async () => assert.equal(await reasonOf(proof({ claims: { htu } })), 'accepted'));
  }

  it('are for the path of an issuer that has one, byte for byte but for encodings that need not be', async () => {
    dpop = createDpop({ url: 'https://sts.example.com/a~b%2fc/token', nonces, store, now: () => now });
    const verdicts = ['/a~b%2Fc/token', '/a%7eb%2fc/token', '/a~b/c/token', '/token'].map((path) =>
      reasonOf(proof({ claims: { htu: `https://sts.example.com${path}` } })),
    );
    assert.deepEqual(await Promise.all(verdicts), ['accepted', 'accepted', 'dpop_url', 'dpop_url']);
  });

  it('are good within 60 s of our clock, on both sides', async () => {
    const reasons = [-60, -59.5, 0, 59.5, 60].map((skew) => reasonOf(proof({ claims: { iat: start + skew } })));
    assert.deepEqual(new Set(await Promise.all(reasons)), new Set(['accepted']));
  });

  const forms: readonly (readonly [what: string, header: () => string, reason: string])[] = [
    ['an empty header', () => '', 'dpop_not_compact'],
    ['two proofs', () => `${proof()}, ${proof()}`, 'dpop_repeated'],
    ['two parts', () => proof().split('.').slice(0, 2).join('.'), 'dpop_not_compact'],
    ['five parts', () => `${proof()}.a.b`, 'dpop_not_compact'],
    ['no signature', () => `${proof().split('.').slice(0, 2).join('.')}.`, 'dpop_signature'],
    ['JSON', () => JSON.stringify({ payload: 'x' }), 'dpop_not_compact'],
    ['padding', () => `${proof()}=`, 'dpop_base64url'],
    ['more than 16 KiB', () => proof({ claims: { more: 'x'.repeat(16_000) } }), 'dpop_too_large'],
    ['an HMAC with the public key', () => proof({ secret: JSON.stringify(jwk) }), 'dpop_signature'],
    [
      'HS256 with the public key as PEM',
      () => {
        const secret = clientKey().privateKey.export({ type: 'pkcs8', format: 'pem' });
        return proof({ header: { alg: 'HS256' }, secret });
      },
      'dpop_algorithm',
    ],
    ['another payload under the signature', () => mixed(proof(), proof()), 'dpop_signature'],
    ['a claim twice', () => withPayload('{"jti":"a","jti":"b"}'), 'dpop_duplicate_member'],
    ['a payload that is a list', () => withPayload('[]'), 'dpop_not_object'],
  ];
  for (const [what, header, reason] of forms) {
    it(`with ${what} are refused`, async () => assert.equal(await reasonOf(header()), reason));
  }

  function mixed(one: string, other: string): string {
    const [head, , signature] = one.split('.');
    return `${head}.${other.split('.')[1]}.${signature}`;
  }
  function withPayload(json: string): string {
    const [head, , signature] = proof().split('.');
    return `${head}.${Buffer.from(json).toString('base64url')}.${signature}`;
  }

  const rsa: readonly (readonly [what: string, make: () => ReturnType<typeof clientKey>])[] = [
    ['1024 bits', () => clientKey('RS256', 1024)],
    ['4104 bits', () => ({ ...clientKey('RS256'), jwk: { kty: 'RSA', n: 'v'.repeat(684), e: 'AQAB' } })],
    ['an exponent of 3', () => clientKey('RS256', 2048, 3)],
  ];
  for (const [what, make] of rsa) {
    it(`with an RSA key of ${what} are refused`, async () => {
      assert.equal(await reasonOf(proof({}, make())), 'dpop_key');
    }).timeout(20_000);
  }

  it('with an RSA key that claims huge numbers are refused before anything is computed with them', async () => {
    const [n, e] = ['n', 'e'].map(() => 'f'.repeat(5_000));
    const began = performance.now();
    assert.equal(await reasonOf(proof({ header: { alg: 'RS256', jwk: { kty: 'RSA', n, e: 'AQAB' } } })), 'dpop_key');
    assert.equal(await reasonOf(proof({ header: { alg: 'RS256', jwk: { ...rsaJwk, e } } })), 'dpop_key');
    assert.ok(performance.now() - began < 500);
  });
  const rsaJwk = clientKey('RS256').jwk;

  describe('once', () => {
    const claim = async (header: string, requestId: string) => dpop.claim(await dpop.verify(header, false), requestId);
    const used = { fault: 'dpop_proof_invalid', reason: 'dpop_used' };

    it('is one of a hundred concurrent uses', async () => {
      const header = proof();
      const uses = await Promise.allSettled(
        Array.from({ length: 100 }, (_, index) => claim(header, `request-${index}`)),
      );
      assert.equal(uses.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const each of uses) if (each.status === 'rejected') assert.equal(each.reason.reason, 'dpop_used');
    });

    it('holds until the proof would not be accepted any more, and beyond', async () => {
      const header = proof({ claims: { iat: start + 60 } });
      await claim(header, 'one');
      now = start + 120;
      await assert.rejects(claim(header, 'two'), used);
      now = start + 121;
      assert.equal(await reasonOf(header), 'dpop_time');
      now = start;
      await assert.rejects(claim(header, 'three'), used);
    });

    it('is for one key: the jti of another key is free', async () => {
      await claim(proof({ claims: { jti: 'same' } }), 'one');
      await claim(proof({ claims: { jti: 'same' } }, clientKey()), 'two');
      await assert.rejects(claim(proof({ claims: { jti: 'same', iat: start + 1 } }), 'three'), used);
    });

    it('is 503 where the store does not answer', async () => {
      const failing = { ...store, claim: () => Promise.reject(new Error('down')) };
      dpop = createDpop({ url, nonces, store: failing, now: () => now });
      const isAway = (error: unknown) => error instanceof Unavailable && error.reason === 'store_unavailable';
      await assert.rejects(claim(proof(), 'one'), isAway);
    });

    it('is asked for with a nonce where the store may have lost what it knew, and is good with one that was made since', async () => {
      const young = createMemoryStore({ now: () => now * 1000 });
      dpop = createDpop({ url, nonces, store: young, now: () => now });
      const needed = await claim(proof(), 'one').catch((error: unknown) => error);
      assert.ok(needed instanceof NonceNeeded && needed.reason === 'dpop_claims_unknown');
      const header = proof({ claims: { nonce: needed.nonce } });
      await claim(header, 'one');
      await assert.rejects(claim(header, 'two'), used);
    });

    it('is 503 with a nonce of before the store lost what it knew', async () => {
      const nonce = dpop.nonce();
      const young = createMemoryStore({ now: () => (now + 1) * 1000 });
      dpop = createDpop({ url, nonces, store: young, now: () => now });
      const isUnknown = (error: unknown) => error instanceof Unavailable && error.reason === 'claims_unknown';
      await assert.rejects(claim(proof({ claims: { nonce } }), 'one'), isUnknown);
    });

    it('tells the store since when it may have been used: 60 s before it says it was made', async () => {
      const froms: (number | undefined)[] = [];
      const watching: Store = {
        ...store,
        claim: (at, value, expiresAt, from) => {
          froms.push(from);
          return store.claim(at, value, expiresAt, from);
        },
      };
      dpop = createDpop({ url, nonces, store: watching, now: () => now });
      await claim(proof(), 'one');
      assert.deepEqual(froms, [(start - 60) * 1000]);
    });
  });

  describe('nonces', () => {
    const withNonce = (nonce: unknown) => reasonOf(proof({ claims: { nonce } }), true);

    it('of ours are accepted, as often as they come, until they end', async () => {
      const nonce = dpop.nonce();
      assert.deepEqual([await withNonce(nonce), await withNonce(nonce)], ['accepted', 'accepted']);
      now = start + nonceLifetime;
      const late = makeProof(key, url, { claims: { iat: now, nonce } });
      assert.equal(await reasonOf(late, true), 'dpop_nonce_expired');
    });

    it('that are absent, of another purpose, changed or no text are answered with one that is good', async () => {
      const nonce = dpop.nonce();
      const other = nonces.make('urn:counterseal:params:token-type:azure-attested-document');
      const changed = `${nonce.slice(0, -1)}${nonce.endsWith('0') ? '1' : '0'}`;
      assert.equal(await withNonce(undefined), 'dpop_nonce_missing');
      for (const wrong of [other, changed, '', 5, [nonce], null]) {
        assert.equal(await withNonce(wrong), 'dpop_nonce_unknown', String(wrong));
      }
      await assert.rejects(dpop.verify(proof(), true), (error) => {
        assert.ok(error instanceof NonceNeeded);
        nonces.check('dpop', error.nonce);
        return true;
      });
    });

    it('are not told to whom sends no proof that is good but for the nonce', async () => {
      assert.equal(await reasonOf(proof({ claims: { htm: 'GET' } }), true), 'dpop_method');
    });
  });
});
