import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Rejected } from '../../src/errors.js';
import { accept, claims, encode, keys, refusal, signParts, signText, token } from '../support/tokens.js';

const all = Object.values(keys);

describe('verifyJwt (RFC 7519 §7.2, RFC 8725)', () => {
  for (const key of all) {
    it(`accepts a token signed with ${key.algorithm}`, async () => {
      const verified = await accept(token({}, {}, key));
      assert.deepEqual(verified.claims, claims);
    });
  }

  it('alg is the key’s, whatever the header says (RFC 8725 §3.1)', async () => {
    for (const key of all) {
      for (const other of all) {
        if (other !== key) assert.equal(await refusal(token({}, { kid: other.kid }, key)), 'jwt_algorithm');
      }
    }
  });

  it('alg is compared with case, and must be a string (RFC 7515 §4.1.1)', async () => {
    for (const alg of ['es256', 'ES256 ', 'PS256', 'ES512', 'Ed25519', '', null, 256, ['ES256'], undefined]) {
      assert.equal(await refusal(token({}, { alg })), 'jwt_algorithm', String(alg));
    }
  });

  it('a header that cannot be accepted causes no look-up of its key', async () => {
    for (const change of [{ alg: 'none' }, { alg: 'HS256' }, { jku: 'https://evil.example' }, { typ: 'at+jwt' }]) {
      assert.notEqual(await refusal(token({}, { kid: 'unknown', ...change })), 'jwt_unknown_key');
    }
  });

  it('typ is JWT in any case, or absent (RFC 7519 §5.1)', async () => {
    for (const typ of ['JWT', 'jwt', 'Jwt', undefined]) assert.equal(await refusal(token({}, { typ })), null);
    for (const typ of ['at+jwt', 'application/at+jwt', 'dpop+jwt', 'secevent+jwt', 'JOSE', '', null, 1, ['JWT']]) {
      assert.equal(await refusal(token({}, { typ })), 'jwt_type', String(typ));
    }
  });

  it('kid is a string of a known key (RFC 7515 §4.1.4)', async () => {
    for (const kid of [undefined, null, 1, ['key-ES256']])
      assert.equal(await refusal(token({}, { kid })), 'jwt_key_id');
    for (const kid of ['', 'other', 'KEY-ES256', '__proto__', 'constructor']) {
      assert.equal(await refusal(token({}, { kid })), 'jwt_unknown_key');
    }
  });

  it('header parameters that would change what is verified, or where keys come from, are refused in every form', async () => {
    for (const name of ['crit', 'b64', 'jku', 'x5u', 'jwk', 'x5c']) {
      for (const value of [null, '', [], true, false, 'https://evil.example/jwks', { kty: 'oct' }]) {
        assert.equal(await refusal(token({}, { [name]: value })), 'jwt_header_parameter', name);
      }
    }
  });

  it('other header parameters are ignored (RFC 7515 §4)', async () => {
    assert.equal(await refusal(token({}, { x5t: 'abc', 'x5t#S256': 'abc', nonce: 'n' })), null);
  });

  it('a signature has the length of its key’s, exactly (RFC 7518 §3.3, §3.4)', async () => {
    for (const key of all) {
      const [header = '', payload = '', signature = ''] = token({}, {}, key).split('.');
      const bytes = Buffer.from(signature, 'base64url');
      const zero = Buffer.alloc(1);
      const wrong = [Buffer.alloc(0), bytes.subarray(1), bytes.subarray(0, -1), Buffer.concat([bytes, zero])];
      for (const other of [...wrong, Buffer.concat([zero, bytes]), Buffer.concat([bytes, bytes])]) {
        assert.equal(await refusal(`${header}.${payload}.${encode(other)}`), 'jwt_signature');
      }
    }
  });

  it('a signature of zeros does not hold (CVE-2022-21449)', async () => {
    for (const key of all) {
      const [header = '', payload = '', signature = ''] = token({}, {}, key).split('.');
      const zeros = Buffer.alloc(Buffer.from(signature, 'base64url').length);
      assert.equal(await refusal(`${header}.${payload}.${encode(zeros)}`), 'jwt_signature');
    }
  });

  it('the signature is over the bytes as they came, so the spelling of the JSON does not matter', async () => {
    const header = '{ "kid" : "key-ES256",\n"alg":"\\u0045S256" }';
    assert.equal(await refusal(signParts(keys.ES256, header, JSON.stringify(claims, null, 2))), null);
  });

  it('a signature over other text does not hold', async () => {
    const [header = '', payload = ''] = token().split('.');
    for (const text of [payload, `${payload}.${header}`, JSON.stringify(claims), '']) {
      assert.equal(await refusal(`${header}.${payload}.${encode(signText(keys.ES256, text))}`), 'jwt_signature');
    }
  });

  it('signature before claims: what a claim says is no answer to one who cannot sign', async () => {
    const expired = token({ exp: 1, iss: 'https://evil.example' });
    const forged = `${expired.slice(0, -86)}${'A'.repeat(86)}`;
    assert.equal(await refusal(forged), 'jwt_signature');
    assert.equal(await refusal(expired), 'jwt_issuer');
  });

  it('refuses every change of a single character', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n';
    for (const key of all) {
      const good = token({}, {}, key);
      const position = fc.nat(good.length - 1);
      const changed = fc.tuple(position, fc.constantFrom(...alphabet)).filter(([at, other]) => good[at] !== other);
      await fc.assert(
        fc.asyncProperty(changed, async ([at, other]) => {
          assert.notEqual(await refusal(good.slice(0, at) + other + good.slice(at + 1)), null);
        }),
        { numRuns: 500 },
      );
    }
  });

  it('refuses every deletion and insertion of a character', async () => {
    const good = token();
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom('', 'AA', 'A.', '.', 'AAAA'), async (at, inserted) => {
        const changed = good.slice(0, at) + inserted + good.slice(inserted === '' ? at + 1 : at);
        assert.notEqual(await refusal(changed), null);
      }),
      { numRuns: 500 },
    );
  });

  it('no rejection quotes the token or its signature', async () => {
    const good = token({ iss: 'https://evil.example' }, {});
    const [, payload = '', signature = ''] = good.split('.');
    const embedded = [
      good,
      token({ iss: good }),
      token({ aud: good }),
      token({}, { kid: good }),
      token({}, { typ: good }),
    ];
    for (const text of [...embedded, token({}, { alg: good }), `${good.slice(0, -8)}AAAAAAAA`]) {
      await assert.rejects(accept(text), (error: Error) => {
        assert.ok(error instanceof Rejected);
        return !error.message.includes(payload.slice(0, 30)) && !error.message.includes(signature.slice(0, 30));
      });
    }
  });
});
