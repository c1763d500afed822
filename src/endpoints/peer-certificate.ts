/** The certificate that a client showed: on this connection, or, behind proxies that are trusted, to them. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { contains, networks } from '../addresses.js';
import type { WireCertificate } from '../exchange/wire.js';
import { unknownAddress } from './peer.js';

export type PeerCertificate = (req: IncomingMessage) => WireCertificate | undefined;

/**
 * What comes from anybody else in this header is not looked at. On a proxy's connection the certificate is the proxy's own, and binds nobody.
 * @param trustedProxies networks as `10.0.0.0/8`
 * @param header in which they send it (RFC 9440 §2.2); undefined: they do not
 */
export function createPeerCertificate(trustedProxies: readonly string[], header: string | undefined): PeerCertificate {
  const trusted = networks(trustedProxies);
  const name = header?.toLowerCase();
  return ({ socket, headers }) => {
    if (!contains(trusted, socket.remoteAddress ?? unknownAddress)) return ofConnection(socket as TLSSocket);
    const value = name === undefined ? undefined : headers[name];
    return value === undefined || value === '' ? undefined : readByteSequence(String(value));
  };
}

/** One that the listener has let in: it is of an authority of `listen.tls.clientCa`. */
function ofConnection(socket: Partial<TLSSocket>): Buffer | undefined {
  return socket.authorized === true ? socket.getPeerX509Certificate?.()?.raw : undefined;
}

/** RFC 8941 §3.3.5, without parameters. Node joins several headers of one name with commas, which none has. */
function readByteSequence(value: string): WireCertificate {
  const encoded = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value)?.[1];
  return encoded === undefined ? 'unreadable' : Buffer.from(encoded, 'base64');
}
