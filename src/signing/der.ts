/** ECDSA signatures as key services give them, and as JOSE has them. */

/** Bytes of r, and of s, on P-256. */
const size = 32;

/**
 * From DER, `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 §2.2.3), to r ‖ s of 32 bytes each (RFC 7518 §3.4).
 * @returns null for what is not exactly that: other lengths, another encoding of a number, a negative one or one over 32 bytes, bytes behind it
 */
export function joseOfDer(der: Buffer): Buffer | null {
  // Two numbers of at most 33 bytes, with two bytes before each: the short form of a length is enough.
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const r = integerAt(der, 2);
  const s = r && integerAt(der, r.end);
  if (!r || !s || s.end !== der.length) return null;
  const raw = Buffer.alloc(2 * size);
  r.magnitude.copy(raw, size - r.magnitude.length);
  s.magnitude.copy(raw, 2 * size - s.magnitude.length);
  return raw;
}

function integerAt(der: Buffer, at: number): { readonly magnitude: Buffer; readonly end: number } | null {
  const length = der[at + 1] ?? 0;
  const end = at + 2 + length;
  if (der[at] !== 0x02 || length === 0 || length > size + 1 || end > der.length) return null;
  const number = der.subarray(at + 2, end);
  const [first = 0, second = 0] = number;
  if (first >= 0x80) return null;
  // A zero stands before a byte that would be taken for a sign, and nowhere else; so that 0, which no signature has, is none either.
  if (first === 0 && second < 0x80) return null;
  const magnitude = first === 0 ? number.subarray(1) : number;
  return magnitude.length > size ? null : { magnitude, end };
}
