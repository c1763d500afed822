import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { isStrong } from '../../../attestors/cms/certificate.js';

/** Of no primes: what it would take to verify a signature is all that is asked. */
function rsa(bits: number, exponent = Buffer.from([1, 0, 1])) {
  const modulus = randomBytes(bits / 8);
  modulus[0] = 0x80 | (modulus[0] ?? 0);
  modulus[modulus.length - 1] = 1 | (modulus.at(-1) ?? 0);
  const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

describe('attestors/cms/certificate: keys', () => {
  it('are strong, and no dearer to verify by than they have to be', () => {
    const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey;
    for (const [key, expected] of [
      [rsa(1024), false],
      [rsa(2048), true],
      [rsa(4096), true],
      [rsa(4104), false],
      [rsa(16_384), false],
      [rsa(2048, Buffer.from([0xff, 0xff, 0xff, 0xff])), true],
      [rsa(2048, Buffer.from([1, 0, 0, 0, 1])), false],
      [ec('P-256'), true],
      [ec('P-384'), true],
      [ec('P-521'), false],
      [generateKeyPairSync('ed25519').publicKey, false],
    ] as const) {
      assert.equal(
        isStrong(key),
        expected,
        JSON.stringify(key.asymmetricKeyDetails, (_, value) => String(value)),
      );
    }
  });
});
