/** Whether bytes are one DER value that is safe to hand to a parser which recurses: X.690 §10.1, lengths in their one form. */

/** Of a genuine document, less than half of each. */
const maxDepth = 24;
const maxValues = 4_000;

/** Of what is inside primitive values, nothing is said. */
export function isBoundedDer(bytes: Buffer): boolean {
  let values = 0;
  const walk = (from: number, to: number, depth: number): boolean => {
    for (let at = from; at < to; ) {
      values += 1;
      const header = values > maxValues || depth > maxDepth ? undefined : readHeader(bytes, at, to);
      if (header === undefined) return false;
      if (header.isConstructed && !walk(header.start, header.end, depth + 1)) return false;
      at = header.end;
    }
    return true;
  };
  const outer = readHeader(bytes, 0, bytes.length);
  return outer !== undefined && outer.end === bytes.length && walk(0, bytes.length, 0);
}

/** Of a value that ends at `limit` or before. @returns undefined for what is not in DER */
export function readHeader(bytes: Buffer, at: number, limit: number) {
  const tag = bytes[at] ?? 0;
  const first = bytes[at + 1];
  // Tags over 30, and lengths without an end, stand in no such document.
  if ((tag & 0x1f) === 0x1f || first === undefined || first === 0x80 || first > 0x83) return undefined;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + octets;
  if (start > limit) return undefined;
  const length = octets === 0 ? first : bytes.readUIntBE(at + 2, octets);
  const isShortest = octets === 0 || (length >= 0x80 && length >= 2 ** (8 * (octets - 1)));
  const end = start + length;
  return isShortest && end <= limit ? { isConstructed: (tag & 0x20) !== 0, start, end } : undefined;
}
