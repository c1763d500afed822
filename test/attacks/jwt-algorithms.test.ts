import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { claims, encode, keys, makeKey, refusal, signParts, signText, token } from '../support/tokens.js';

const payload = encode(JSON.stringify(claims));
const header = (members: object) => encode(JSON.stringify({ kid: keys.RS256.kid, ...members }));

/** Every text that a careless verifier could take for the secret of an HMAC. */
function secrets(): Buffer[] {
  const { publicKey, jwk } = keys.RS256;
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const pkcs1 = publicKey.export({ format: 'pem', type: 'pkcs1' }).toString();
  const spaced = [
    `\n${pem}`,
    ` ${pem}`,
    pem.trim(),
    pem.replaceAll('\n', '\r\n'),
    pem.replaceAll('\n', ''),
    `${pem}\0`,
  ];
  const texts = [pem, pkcs1, ...spaced, JSON.stringify(jwk), String(jwk.n), ''];
  return [...texts.map((text) => Buffer.from(text)), publicKey.export({ format: 'der', type: 'spki' })];
}

describe('algorithm confusion (Keycloak CVE-2026-11800; fast-jwt CVE-2026-34950, GHSA-rp9m-7r4c-75qg)', () => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
    it(`alg ${JSON.stringify(alg)} is refused, with and without a signature`, async () => {
      const input = `${header({ alg })}.${payload}`;
      for (const signature of ['', encode(signText(keys.RS256, input)), 'AA']) {
        assert.equal(await refusal(`${input}.${signature}`), 'jwt_algorithm');
      }
    });
  }

  it('HMAC with the public key in every spelling, PEM with white space included, is refused', async () => {
    for (const [alg, digest] of [
      ['HS256', 'sha256'],
      ['HS384', 'sha384'],
      ['HS512', 'sha512'],
    ] as const) {
      const input = `${header({ alg })}.${payload}`;
      for (const secret of secrets()) {
        const signature = createHmac(digest, secret).update(input).digest('base64url');
        assert.equal(await refusal(`${input}.${signature}`), 'jwt_algorithm');
      }
    }
  });

  it('HMAC under an alg that is accepted is refused', async () => {
    for (const alg of ['RS256', 'ES256']) {
      const input = `${header({ alg })}.${payload}`;
      for (const secret of secrets()) {
        const signature = createHmac('sha256', secret).update(input).digest('base64url');
        assert.notEqual(await refusal(`${input}.${signature}`), null);
      }
    }
  });

  it('a key that the token brings is never used: jwk, jku, x5u, x5c', async () => {
    const evil = makeKey('RS256', keys.RS256.kid);
    const url = 'https://evil.example/keys';
    for (const members of [{ jwk: evil.jwk }, { jku: url }, { x5u: url }, { x5c: ['MIIB'] }]) {
      assert.equal(await refusal(token({}, members, evil)), 'jwt_header_parameter');
      assert.equal(await refusal(token({}, members)), 'jwt_header_parameter', 'also under a good signature');
    }
    assert.equal(await refusal(token({}, {}, evil)), 'jwt_signature');
  });

  it('crit and b64 are refused, known or unknown, empty or not (RFC 7515 §4.1.11, RFC 7797)', async () => {
    for (const members of [
      { crit: ['exp'] },
      { crit: [] },
      { crit: ['b64'], b64: false },
      { b64: false },
      { b64: true },
    ]) {
      assert.equal(await refusal(token({}, members)), 'jwt_header_parameter');
    }
  });

  it('b64=false over the raw payload is refused', async () => {
    const text = encode(JSON.stringify({ alg: 'ES256', kid: keys.ES256.kid, b64: false, crit: ['b64'] }));
    const signature = encode(signText(keys.ES256, `${text}.${JSON.stringify(claims)}`));
    assert.equal(await refusal(`${text}.${payload}.${signature}`), 'jwt_header_parameter');
  });

  it('a signature in DER, as a library that expects it would make it, is refused', async () => {
    const [first = '', second = '', raw = ''] = token().split('.');
    const bytes = Buffer.from(raw, 'base64url');
    const integer = (part: Buffer) => {
      const positive = (part[0] ?? 0) > 127 ? Buffer.concat([Buffer.alloc(1), part]) : part;
      return Buffer.concat([Buffer.from([2, positive.length]), positive]);
    };
    const body = Buffer.concat([integer(bytes.subarray(0, 32)), integer(bytes.subarray(32))]);
    const der = Buffer.concat([Buffer.from([0x30, body.length]), body]);
    assert.equal(await refusal(`${first}.${second}.${encode(der)}`), 'jwt_signature');
  });

  it('a second alg cannot hide behind the first', async () => {
    const text = `{"alg":"none","kid":"${keys.ES256.kid}","alg":"ES256"}`;
    assert.equal(await refusal(signParts(keys.ES256, text, JSON.stringify(claims))), 'jwt_duplicate_member');
  });
});

describe('nested tokens and chains (Teleport CVE-2025-49825)', () => {
  it('a JWT in a JWT is refused, quoted or not, signed by a good key', async () => {
    const inner = token();
    for (const outer of [inner, JSON.stringify(inner)]) {
      const text = signParts(keys.ES256, JSON.stringify({ alg: 'ES256', kid: keys.ES256.kid, cty: 'JWT' }), outer);
      assert.match((await refusal(text)) ?? '', /^jwt_(json|not_object)$/);
    }
  });

  it('a JWE is refused before anything in it is read', async () => {
    assert.equal(await refusal(`${header({ alg: 'dir', enc: 'A256GCM' })}.AA.AA.AA.AA`), 'jwt_not_compact');
    assert.equal(await refusal(`${header({ alg: 'dir', enc: 'A256GCM' })}..AA.AA.AA`), 'jwt_not_compact');
  });

  it('a certificate chain is refused, whoever signed', async () => {
    assert.equal(await refusal(token({}, { x5c: ['MIIB', 'MIIC'] })), 'jwt_header_parameter');
  });

  it('our own access token is no evidence (RFC 8725 §3.11)', async () => {
    assert.equal(await refusal(token({}, { typ: 'at+jwt' })), 'jwt_type');
  });
});
