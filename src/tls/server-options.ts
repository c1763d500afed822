/** TLS as we speak it (RFC 8446; of 1.2 only what RFC 9325 §4.2 recommends: forward secrecy and AEAD). */
import { constants, randomBytes } from 'node:crypto';
import type { TlsOptions as NodeOptions } from 'node:tls';
import type { Material, TlsOptions } from './material.js';

const ciphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/** Milliseconds that a client has to finish its handshake. */
const handshakeTimeout = 10_000;

/**
 * For a new server, and for `setSecureContext`. The keys of its tickets are new each time: a session of before is not resumed,
 * so that whoever comes is judged by the CAs of now.
 */
export function secureContext({ minVersion }: TlsOptions, { cert, key, ca }: Material): NodeOptions {
  const secureOptions = constants.SSL_OP_NO_RENEGOTIATION;
  const context = { cert, key, minVersion, ciphers, secureOptions, ticketKeys: randomBytes(48) };
  return ca === undefined ? context : { ...context, ca: [...ca] };
}

export function serverOptions(options: TlsOptions, material: Material): NodeOptions {
  const asked = options.clientCa !== undefined;
  const clients = { requestCert: asked, rejectUnauthorized: asked };
  return { ...secureContext(options, material), ...clients, handshakeTimeout, ALPNProtocols: ['http/1.1'] };
}
