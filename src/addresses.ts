/** Which IP addresses are public, and which are in a network. */
import { BlockList, isIP } from 'node:net';

export interface Networks {
  readonly all: BlockList;
  /** Of IPv4 once more, as numbers: an address that is in one is found without what BlockList makes for each look. */
  readonly ipv4: readonly { readonly base: number; readonly size: number }[];
}

/**
 * @param cidrs such as `10.0.0.0/8` or `fd00::/8`
 * @throws Error which says what is malformed
 */
export function networks(cidrs: readonly string[]): Networks {
  const all = new BlockList();
  const ipv4: Networks['ipv4'][number][] = [];
  for (const cidr of cidrs) {
    const [address = '', prefix = '', ...rest] = cidr.split('/');
    const family = isIP(address);
    const isPrefix = /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
    if (family === 0 || !isPrefix || rest.length > 0) {
      throw new Error(`${JSON.stringify(cidr)} is not a network: write it as 10.0.0.0/8 or fd00::/8`);
    }
    all.addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
    const size = 2 ** (32 - Number(prefix));
    if (family === 4) ipv4.push({ base: Math.floor(numberOf(address) / size) * size, size });
  }
  return Object.freeze({ all, ipv4: Object.freeze(ipv4) });
}

/** @param address of IPv4 */
function numberOf(address: string): number {
  let number = 0;
  for (const part of address.split('.')) number = number * 256 + Number(part);
  return number;
}

export const loopback = networks(['127.0.0.0/8', '::1/128']);

/** An IPv4-mapped IPv6 address counts as the IPv4 address that it maps. */
export function contains({ all, ipv4 }: Networks, address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  if (family === 6) return all.check(address, 'ipv6');
  const number = numberOf(address);
  return ipv4.some(({ base, size }) => number >= base && number - base < size) || all.check(address, 'ipv4');
}

/** IPv4: all but the special-purpose blocks. IPv6: global unicast, less what leads to IPv4 or to nobody. Others are not public. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !contains(special, address);
  return contains(globalUnicast, address) && !contains(special, address);
}

const globalUnicast = networks(['2000::/3']);

/** IANA's special-purpose registries (RFC 6890), multicast and reserved space. */
const special = networks([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
]);

/** The /24 of an IPv4 address, the /64 of an IPv6 one, in one spelling; an IPv4-mapped one is the address that it maps. Null: no address. */
export const networkAround = (address: string): string | null => hostAt(address)?.replace(/\.[0-9]+$/, '.0/24') ?? null;

/** Whose an address is: an IPv4 one by itself, an IPv6 one by its /64, since one host has all of it; mapped ones as above. Null: no address. */
export function hostAt(address: string): string | null {
  const family = isIP(address);
  if (family !== 6) return family === 0 ? null : address;
  // As a listener on `::` has all of IPv4.
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7);
  const groups = groupsOf(address);
  const [a = 0, b = 0] = groups.slice(6);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `${a >> 8}.${a & 0xff}.${b >> 8}.${b & 0xff}`;
  }
  const prefix = groups.slice(0, 4).map((group) => group.toString(16));
  return `${prefix.join(':')}::/64`;
}

/** The eight groups of an IPv6 address. A zone is none of it; where it has dots, URLs have them as groups. */
function groupsOf(address: string): readonly number[] {
  const plain = address.replace(/%.*$/, '');
  const written = plain.includes('.') ? new URL(`http://[${plain}]`).hostname.slice(1, -1) : plain;
  const [head = [], tail = []] = written.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}
