import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { createPeerAddress } from '../../src/endpoints/peer.js';
import { calendar, startService } from '../support/service.js';

const trusted = ['10.0.0.0/8', 'fd00::/8'];

function addressOf(peer: string | undefined, forwarded: string | undefined, proxies: readonly string[] = trusted) {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return createPeerAddress(proxies)({ socket: { remoteAddress: peer }, headers } as IncomingMessage);
}

describe('endpoints/peer', () => {
  for (const [title, peer, forwarded, expected] of [
    ['the peer, where nobody stands between', '192.0.2.7', undefined, '192.0.2.7'],
    ['the peer, which is no proxy of ours, whatever it says', '192.0.2.7', '203.0.113.9', '192.0.2.7'],
    ['whom the proxy saw', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['whom the first of two proxies saw', '10.0.0.1', '203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['whom the proxy saw, and not what the client wrote before', '10.0.0.1', '127.0.0.1, 203.0.113.9', '203.0.113.9'],
    ['a client that claims to be a proxy', '10.0.0.1', '198.51.100.1, 203.0.113.9, 10.9.9.9', '203.0.113.9'],
    ['not known, when the proxy says nothing', '10.0.0.1', undefined, 'unknown'],
    ['not known, when it says nothing that is an address', '10.0.0.1', 'unknown', 'unknown'],
    ['not known behind what is no address', '10.0.0.1', '203.0.113.9, evil, 10.0.0.2', 'unknown'],
    ['not known, when all are proxies', '10.0.0.1', '10.0.0.3, 10.0.0.2', 'unknown'],
    ['not known, when an address has a zone', '10.0.0.1', `fe80::1%${'z'.repeat(3000)}`, 'unknown'],
    ['an address with a port', '10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
    ['an address of IPv6 in brackets', 'fd00::1', '[2001:db8::9]:443', '2001:db8::9'],
    ['whom a proxy saw that comes as IPv6', '::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['nobody, when the connection is gone', undefined, '203.0.113.9', 'unknown'],
  ] as const) {
    it(`is ${title}`, () => assert.equal(addressOf(peer, forwarded), expected));
  }

  it('believes nobody where no proxy is configured', () => {
    assert.equal(addressOf('10.0.0.1', '203.0.113.9', []), '10.0.0.1');
  });

  it('is what conditions ask for, and what the record has', async () => {
    const service = await startService({
      listen: '{ port: 0, trustedProxies: [127.0.0.0/8] }',
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [{ network: { cidr: [203.0.113.0/24] } }]
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
    try {
      for (const [forwarded, status] of [
        ['203.0.113.9', 200],
        ['203.0.113.9, 192.0.2.7', 400],
        ['unknown', 400],
      ] as const) {
        assert.equal((await service.exchange({}, { 'x-forwarded-for': forwarded })).status, status);
        assert.equal((await service.lastRecord()).address, forwarded.split(', ').at(-1));
      }
    } finally {
      await service.close();
    }
  });
});
