/** Where a request came from: the peer of the connection, or, behind proxies that are trusted, whom they saw. */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { contains, networks } from '../addresses.js';

/** Of a request of which a proxy does not say where it came from. */
export const unknownAddress = 'unknown';

export type PeerAddress = (req: IncomingMessage) => string;

/**
 * `X-Forwarded-For` is read from its end, where the last proxy wrote, for as long as what stands there is a trusted proxy itself. What a client
 * wrote is before that, and is not reached unless the client is in one of these networks itself: they have to hold proxies and nobody else.
 * @param trustedProxies networks as `10.0.0.0/8`
 */
export function createPeerAddress(trustedProxies: readonly string[]): PeerAddress {
  if (trustedProxies.length === 0) return ({ socket }) => socket.remoteAddress ?? unknownAddress;
  const trusted = networks(trustedProxies);
  return ({ socket, headers }) => {
    let address = socket.remoteAddress ?? unknownAddress;
    const hops = String(headers['x-forwarded-for'] ?? '').split(',');
    while (contains(trusted, address)) {
      const hop = withoutPort(hops.pop()?.trim() ?? '');
      // A zone has a meaning on the proxy only, and no bound.
      if (isIP(hop) === 0 || hop.includes('%')) return unknownAddress;
      address = hop;
    }
    return address;
  };
}

/** Some proxies write the port too: `192.0.2.1:443`, `[2001:db8::1]:443`. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
}
