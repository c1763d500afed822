import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import fc from 'fast-check';
import { contains, isPublic, loopback, networkAround, networks } from '../src/addresses.js';

describe('addresses', () => {
  const notPublic: Readonly<Record<string, readonly string[]>> = {
    'this network (RFC 1122)': ['0.0.0.0', '0.255.255.255'],
    'private (RFC 1918)': [
      '10.0.0.0',
      '10.255.255.255',
      '172.16.0.0',
      '172.31.255.255',
      '192.168.0.0',
      '192.168.255.255',
    ],
    'shared (RFC 6598)': ['100.64.0.0', '100.127.255.255'],
    loopback: ['127.0.0.1', '127.255.255.255', '::1'],
    'link-local, the metadata services': ['169.254.169.254', '169.254.0.0', 'fe80::1', 'febf::1', 'fe80::1%eth0'],
    'unique local, the metadata service on IPv6': ['fc00::1', 'fdff::1', 'fd00:ec2::254'],
    unspecified: ['::', '0.0.0.0'],
    multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
    'reserved and broadcast': ['240.0.0.1', '255.255.255.255'],
    'benchmarks and documentation': [
      '198.18.0.1',
      '192.0.2.1',
      '198.51.100.1',
      '203.0.113.1',
      '2001:db8::1',
      '3fff::1',
    ],
    'IPv4-mapped': ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:a9fe:a9fe', '::ffff:8.8.8.8'],
    'IPv4-compatible': ['::127.0.0.1', '::a00:1'],
    'NAT64 (RFC 6052, RFC 8215)': ['64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::1'],
    '6to4 and Teredo': ['2002:7f00:1::1', '2001:0:7f00:1::'],
    'site-local (RFC 3879)': ['fec0::1'],
    'no address': ['', 'localhost', '127.1', '1.2.3', '[::1]'],
  };
  for (const [what, addresses] of Object.entries(notPublic)) {
    it(`not public: ${what}`, () => {
      for (const address of addresses) assert.equal(isPublic(address), false, address);
    });
  }

  it('public: what lies beside the special blocks', () => {
    const beside = ['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'];
    const more = [
      '169.253.255.255',
      '172.15.255.255',
      '172.32.0.0',
      '192.167.255.255',
      '192.169.0.0',
      '223.255.255.255',
    ];
    for (const address of [...beside, ...more, '2606:4700::1111', '2a00:1450::1', '2001:4860:4860::8888']) {
      assert.equal(isPublic(address), true, address);
    }
  });

  it('a mapped address is in the network of the address that it maps', () => {
    assert.equal(contains(loopback, '::ffff:7f00:1'), true);
    assert.equal(contains(loopback, '::ffff:8.8.8.8'), false);
    assert.equal(contains(networks(['10.0.0.0/8']), '::ffff:10.1.2.3'), true);
  });

  it('says of every IPv4 address what BlockList says', () => {
    const octet = fc.constantFrom(0, 1, 9, 10, 11, 127, 128, 255);
    const address = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'));
    let inside = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(address, fc.nat(32)), { minLength: 1, maxLength: 3 }), address, (nets, one) => {
        const list = new BlockList();
        for (const [base, prefix] of nets) list.addSubnet(base, prefix, 'ipv4');
        const expected = list.check(one, 'ipv4');
        if (expected) inside += 1;
        const found = contains(networks(nets.map(([base, prefix]) => `${base}/${prefix}`)), one);
        assert.equal(found, expected);
      }),
      { numRuns: 2000 },
    );
    assert.ok(inside > 200 && inside < 1800, `${inside} of 2000 were inside`);
  });

  it('an address has one network around it, however it is written', () => {
    for (const [network, ...addresses] of [
      ['10.1.2.0/24', '10.1.2.3', '10.1.2.255', '::ffff:10.1.2.7', '::FFFF:0a01:0207', '0:0:0:0:0:ffff:a01:207'],
      ['2001:db8:0:1::/64', '2001:db8:0:1::1', '2001:0DB8:0:1:ffff::', '2001:db8::1:0:0:0:1'],
      ['0:0:0:0::/64', '::', '::1', '::1.2.3.4'],
      ['fe80:0:0:0::/64', 'fe80::1', 'fe80::1%eth0'],
      ['1:2:3:4::/64', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::'],
    ] as const) {
      for (const address of addresses) assert.equal(networkAround(address), network, address);
    }
    for (const none of ['', 'localhost', '10.0.0', '10.1.2.3/24', '[::1]', ':::'])
      assert.equal(networkAround(none), null);
  });

  it('a malformed network is refused, and says how to write it', () => {
    for (const cidr of [
      '',
      '10.0.0.0',
      '10.0.0.0/33',
      '::/129',
      '10.0.0/8',
      'a/8',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      '10.0.0.0/',
    ]) {
      assert.throws(() => networks([cidr]), /write it as 10\.0\.0\.0\/8/, cidr);
    }
  });
});
