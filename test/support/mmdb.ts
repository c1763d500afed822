/** Writes MMDB files (MaxMind DB, version 2.0) of a few networks, with records of 24 bits. */

export type MmdbValue = string | number | boolean | readonly MmdbValue[] | { readonly [name: string]: MmdbValue };

export interface MmdbOptions {
  /** Default 6. */
  readonly ipVersion?: 4 | 6;
  readonly type?: string;
  /** Seconds since the epoch. */
  readonly builtAt?: number;
}

type Node = [Node | Buffer | null, Node | Buffer | null];

/** @param networks IPv4, such as `81.2.69.0/24`, with their records; none within another */
export function mmdb(
  networks: Readonly<Record<string, MmdbValue>>,
  { ipVersion = 6, type = 'Test-City', builtAt = 1_800_000_000 }: MmdbOptions = {},
): Buffer {
  const root: Node = [null, null];
  for (const [network, record] of Object.entries(networks)) insert(root, bitsOf(network, ipVersion), encode(record));
  const nodes: Node[] = [];
  const number = (node: Node) => {
    nodes.push(node);
    for (const side of node) if (Array.isArray(side)) number(side);
  };
  number(root);
  let length = 0;
  const data: Buffer[] = [];
  const place = (side: Node[number]): number => {
    if (side === null) return nodes.length;
    if (Array.isArray(side)) return nodes.indexOf(side);
    data.push(side);
    length += side.length;
    return nodes.length + 16 + length - side.length;
  };
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [index, [left, right]] of nodes.entries()) {
    tree.writeUIntBE(place(left), index * 6, 3);
    tree.writeUIntBE(place(right), index * 6 + 3, 3);
  }
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: builtAt,
    database_type: type,
    description: {},
    ip_version: ipVersion,
    languages: [],
    node_count: nodes.length,
    record_size: 24,
  });
  return Buffer.concat([tree, Buffer.alloc(16), ...data, Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata]);
}

function bitsOf(network: string, ipVersion: 4 | 6): number[] {
  const [address = '', prefix = ''] = network.split('/');
  const octets = address.split('.').flatMap((octet) => [...Number(octet).toString(2).padStart(8, '0')].map(Number));
  return [...new Array<number>(ipVersion === 6 ? 96 : 0).fill(0), ...octets.slice(0, Number(prefix))];
}

function insert(root: Node, bits: readonly number[], record: Buffer): void {
  let node = root;
  for (const bit of bits.slice(0, -1)) {
    const next = (node[bit] ?? [null, null]) as Node;
    node[bit] = next;
    node = next;
  }
  node[bits.at(-1) ?? 0] = record;
}

function encode(value: MmdbValue): Buffer {
  if (typeof value === 'string') return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'boolean') return control(14, Number(value));
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(6, 4), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  const members = Object.entries(value);
  return Buffer.concat([control(7, members.length), ...members.flat().map((part) => encode(part as MmdbValue))]);
}

/** @param size less than 29 */
function control(type: number, size: number): Buffer {
  return type < 8 ? Buffer.from([(type << 5) | size]) : Buffer.from([size, type - 7]);
}
