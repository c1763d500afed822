/** Whether bytes are one DER value that is safe to hand to a parser which recurses: X.690 §10.1, lengths in their one form. */

/** Of a genuine document, less than half of each. A parser takes some 30 µs for a value. */
const maxDepth = 24;
const maxValues = 1_200;

/** Strings whose content a parser reads as values too, as far as it can: the octets before it. */
const nesting: ReadonlyMap<number, number> = new Map([
  [0x03, 1],
  [0x04, 0],
]);

/** What is inside octet and bit strings need not be DER, and is counted as far as it is. */
export function isBoundedDer(bytes: Buffer): boolean {
  let values = 0;
  const walk = (from: number, to: number, depth: number, isInString: boolean): boolean => {
    for (let at = from; at < to; ) {
      values += 1;
      if (values > maxValues || depth > maxDepth) return false;
      const header = readHeader(bytes, at, to);
      if (header === undefined) return isInString;
      const { start, end, isConstructed } = header;
      const skipped = nesting.get(bytes[at] ?? 0);
      if (isConstructed && !walk(start, end, depth + 1, isInString)) return false;
      if (skipped !== undefined && !walk(start + skipped, end, depth + 1, true)) return false;
      at = end;
    }
    return true;
  };
  const outer = readHeader(bytes, 0, bytes.length);
  return outer !== undefined && outer.end === bytes.length && walk(0, bytes.length, 0, false);
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
