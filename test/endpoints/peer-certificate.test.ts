import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { createPeerCertificate } from '../../src/endpoints/peer-certificate.js';

const own = Buffer.from('the certificate of the connection');
const sent = Buffer.from('the certificate that the proxy saw');
const header = `:${sent.toString('base64')}:`;

interface Connection {
  readonly peer?: string;
  readonly value?: string;
  readonly authorized?: boolean;
}

function certificateOf({ peer, value, authorized = true }: Connection, name: string | undefined = 'Client-Cert') {
  const socket = { remoteAddress: peer, authorized, getPeerX509Certificate: () => ({ raw: own }) };
  const headers = value === undefined ? {} : { 'client-cert': value };
  return createPeerCertificate(['10.0.0.0/8'], name)({ socket, headers } as unknown as IncomingMessage);
}

describe('endpoints/peer-certificate', () => {
  for (const [title, connection, expected] of [
    ['that of the connection', { peer: '192.0.2.7' }, own],
    ['that of the connection, whatever a client says in the header', { peer: '192.0.2.7', value: header }, own],
    ['none that was not verified', { peer: '192.0.2.7', authorized: false }, undefined],
    ['what a trusted proxy says', { peer: '10.0.0.1', value: header }, sent],
    ['what one says that comes as IPv6', { peer: '::ffff:10.0.0.1', value: header }, sent],
    ['never the proxy’s own', { peer: '10.0.0.1' }, undefined],
    ['none where the header is empty', { peer: '10.0.0.1', value: '' }, undefined],
    ['unreadable where the header came twice', { peer: '10.0.0.1', value: `${header}, ${header}` }, 'unreadable'],
    ['unreadable without colons', { peer: '10.0.0.1', value: sent.toString('base64') }, 'unreadable'],
    ['unreadable with parameters', { peer: '10.0.0.1', value: `${header};a=1` }, 'unreadable'],
    ['unreadable as PEM', { peer: '10.0.0.1', value: '-----BEGIN%20CERTIFICATE-----' }, 'unreadable'],
    ['unreadable when it has no bytes', { peer: '10.0.0.1', value: '::' }, 'unreadable'],
    ['that of the connection, where it is gone', { value: header }, own],
  ] as const) {
    it(`is ${title}`, () => assert.deepEqual(certificateOf(connection), expected));
  }

  it('is none behind a proxy that sends it in no header', () => {
    const socket = { remoteAddress: '10.0.0.1', authorized: true, getPeerX509Certificate: () => ({ raw: own }) };
    const req = { socket, headers: { 'client-cert': header } } as unknown as IncomingMessage;
    assert.equal(createPeerCertificate(['10.0.0.0/8'], undefined)(req), undefined);
  });

  it('is none without TLS', () => {
    const req = { socket: { remoteAddress: '192.0.2.7' }, headers: {} } as unknown as IncomingMessage;
    assert.equal(createPeerCertificate([], undefined)(req), undefined);
  });
});
