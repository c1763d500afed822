/** Signatures over a SHA-256 that somebody else computed, as key services make them: node:crypto hashes what it signs. */
import { constants, createECDH, type KeyObject, privateEncrypt } from 'node:crypto';

/** The order of P-256. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** DigestInfo of SHA-256 (RFC 8017 §9.2, note 1). */
const digestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex');

export function signHashByRsa(hash: Buffer, key: KeyObject): Buffer {
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.concat([digestInfo, hash]));
}

/** On P-256 (FIPS 186-5 §6.4.1). @returns r ‖ s */
export function signHashByEcdsa(hash: Buffer, key: KeyObject): Buffer {
  const { d = '' } = key.export({ format: 'jwk' });
  // The point is 04, x and y.
  const once = createECDH('prime256v1');
  const r = numberOf(once.generateKeys().subarray(1, 33)) % order;
  const k = numberOf(once.getPrivateKey());
  const s = (inverse(k) * (numberOf(hash) + r * numberOf(Buffer.from(d, 'base64url')))) % order;
  return Buffer.from(`${hexOf(r)}${hexOf(s)}`, 'hex');
}

/** DER of r ‖ s (RFC 3279 §2.2.3). */
export function derOf(raw: Buffer): Buffer {
  const numbers = [raw.subarray(0, 32), raw.subarray(32)].map((number) => {
    const start = number.findIndex((byte) => byte !== 0);
    const magnitude = number.subarray(start < 0 ? 31 : start);
    const signed = (magnitude[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), magnitude]) : magnitude;
    return Buffer.concat([Buffer.from([0x02, signed.length]), signed]);
  });
  const content = Buffer.concat(numbers);
  return Buffer.concat([Buffer.from([0x30, content.length]), content]);
}

const numberOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);
const hexOf = (number: bigint): string => number.toString(16).padStart(64, '0');

/** By Fermat: the order is prime. */
function inverse(number: bigint): bigint {
  let [result, base, exponent] = [1n, number % order, order - 2n];
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % order;
    base = (base * base) % order;
  }
  return result;
}
