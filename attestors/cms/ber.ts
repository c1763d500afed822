/**
 * From BER (X.690 §8) to DER. Some signers write while they read, so they do not tell lengths beforehand, and give the content in pieces: that, and
 * nothing else of BER, is turned into DER here. What has a length stays byte for byte as it is.
 */
import { readHeader } from './der.js';

/** Of values without a length. A SignedData has six. */
const maxNested = 8;
const constructedOctets = 0x24;
const octets = 0x04;

interface Value {
  readonly der: Buffer;
  /** Where the next one begins. */
  readonly end: number;
}

/** @returns undefined for what is not one value */
export function toDer(bytes: Buffer): Buffer | undefined {
  const value = readValue(bytes, 0, 0);
  return value?.end === bytes.length ? value.der : undefined;
}

function readValue(bytes: Buffer, at: number, nested: number): Value | undefined {
  const tag = bytes[at] ?? 0;
  if (bytes[at + 1] !== 0x80) {
    const header = readHeader(bytes, at, bytes.length);
    return header === undefined ? undefined : { der: bytes.subarray(at, header.end), end: header.end };
  }
  const isConstructed = (tag & 0x20) !== 0 && (tag & 0x1f) !== 0x1f;
  if (!isConstructed || nested === maxNested) return undefined;
  const parts: Buffer[] = [];
  let next = at + 2;
  // Two octets of zero are its end.
  while (bytes[next] !== 0 || bytes[next + 1] !== 0) {
    const part = readValue(bytes, next, nested + 1);
    if (part === undefined) return undefined;
    parts.push(part.der);
    next = part.end;
  }
  const der = join(tag, parts);
  return der === undefined ? undefined : { der, end: next + 2 };
}

/** @returns undefined for pieces of octets that are none */
function join(tag: number, parts: readonly Buffer[]): Buffer | undefined {
  if (tag !== constructedOctets) return encode(tag, parts);
  if (parts.some((part) => part[0] !== octets)) return undefined;
  return encode(
    octets,
    parts.map((part) => part.subarray(readHeader(part, 0, part.length)?.start)),
  );
}

function encode(tag: number, parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const digits = Buffer.from(length.toString(16).padStart(6, '0'), 'hex');
  const shortest = digits.subarray(digits.findIndex((digit) => digit !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | shortest.length]), shortest, content]);
}
