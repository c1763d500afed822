/** SignedData as a signer writes it that does not know lengths beforehand: around the content, BER with indefinite lengths (X.690 §8.1.3.6). */
import * as asn1js from 'asn1js';

type Block = ReturnType<typeof asn1js.fromBER>['result'];

export const indefinite = (tag: number, ...parts: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([tag, 0x80]), ...parts, Buffer.from([0, 0])]);

/** @param size bytes of the pieces of the content; default: one piece */
export function inBer(der: Buffer, size?: number): Buffer {
  const [type, content] = childrenOf(asn1js.fromBER(new Uint8Array(der).buffer).result);
  const [version, digests, encapsulated, ...rest] = childrenOf(childrenOf(content)[0]);
  const [dataType, data] = childrenOf(encapsulated);
  const octets = childrenOf(data)[0] as asn1js.OctetString;
  const pieces = cut(Buffer.from(octets.valueBlock.valueHexView), size).map((piece) => bytesOf(octetString(piece)));
  const signedData = [
    bytesOf(version),
    bytesOf(digests),
    indefinite(0x30, bytesOf(dataType), indefinite(0xa0, indefinite(0x24, ...pieces))),
    ...rest.map(bytesOf),
  ];
  return indefinite(0x30, bytesOf(type), indefinite(0xa0, indefinite(0x30, ...signedData)));
}

const childrenOf = (block: Block | undefined): Block[] => (block as asn1js.Sequence).valueBlock.value as Block[];
const bytesOf = (block: Block | undefined): Buffer => Buffer.from((block as Block).toBER());
const octetString = (bytes: Buffer) => new asn1js.OctetString({ valueHex: new Uint8Array(bytes).buffer }) as Block;

function cut(bytes: Buffer, size = bytes.length): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
