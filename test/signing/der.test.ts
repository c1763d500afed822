import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { joseOfDer } from '../../src/signing/der.js';
import { derOf } from '../support/hash-signatures.js';

describe('signing: ECDSA signatures from DER to JOSE', () => {
  it('gives exactly 64 bytes that verify, for signatures that OpenSSL makes', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const lengths = new Set<number>();
    for (let n = 0; n < 600; n++) {
      const input = Buffer.from(`input ${n}`);
      const der = sign('sha256', input, privateKey);
      lengths.add(der.length);
      const raw = joseOfDer(der);
      assert.equal(raw?.length, 64);
      assert.ok(verify('sha256', input, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw));
    }
    // Numbers over 2^255 have a byte more, those under 2^247 one less.
    assert.ok(lengths.size >= 3, `lengths ${[...lengths]}`);
  });

  const number = fc
    .tuple(fc.integer({ min: 1, max: 32 }), fc.uint8Array({ minLength: 32, maxLength: 32 }))
    .map(([length, bytes]) => Buffer.concat([Buffer.alloc(32 - length), Buffer.from(bytes.subarray(32 - length))]))
    .filter((bytes) => bytes.some((byte) => byte !== 0));
  const signature = fc.tuple(number, number).map((numbers) => Buffer.concat(numbers));

  it('pads numbers of any length to 32 bytes each', () => {
    fc.assert(fc.property(signature, (raw) => assert.deepEqual(joseOfDer(derOf(raw)), raw)));
  });

  it('refuses every other encoding: what it takes is the one encoding of what it gives', () => {
    fc.assert(
      fc.property(signature, fc.nat(), fc.integer({ min: 1, max: 255 }), (raw, at, change) => {
        const der = derOf(raw);
        const index = at % der.length;
        der[index] = (der[index] ?? 0) ^ change;
        const read = joseOfDer(der);
        if (read !== null) assert.deepEqual(derOf(read), der);
      }),
    );
  });

  const one = '020101';
  const overlong = `0221${'01'.repeat(33)}`;
  const refused: Record<string, string> = {
    nothing: '',
    'a header alone': '3006',
    'a truncated one': '300602010102',
    'bytes behind it': `3006${one}${one}00`,
    'bytes within it behind s': `3007${one}${one}00`,
    'one number': `3003${one}`,
    'three numbers': `3009${one}${one}${one}`,
    'r of 0': `3006020100${one}`,
    's of 0': `3006${one}020100`,
    'a negative r': `30060201ff${one}`,
    'a number of no bytes': `30050200${one}`,
    'a zero before a number without need': `300702020001${one}`,
    'a number of 33 bytes': `3026${overlong}${one}`,
    'a length in the long form': `308106${one}${one}`,
    'a set': `3106${one}${one}`,
    'numbers of another tag': '3006040101040101',
    'a number that is longer than the rest': '3006020901020101',
  };
  for (const [what, hex] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.equal(joseOfDer(Buffer.from(hex, 'hex')), null));
  }
});
