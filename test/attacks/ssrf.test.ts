import assert from 'node:assert/strict';
import { Unavailable } from '../../src/errors.js';
import { decodeJwt } from '../../src/jwt/decode.js';
import { createKeySet } from '../../src/jwt/key-set.js';
import { keyLoader } from '../../src/jwt/sources.js';
import { verifyJwt } from '../../src/jwt/verify.js';
import { type Address, createOutbound, type Outbound } from '../../src/outbound.js';
import { expectations, jwks, keys, now, token } from '../support/tokens.js';
import { startUpstream, type Upstream } from '../support/upstream.js';

const { signal } = new AbortController();
const address = (text: string): Address => ({ address: text, family: text.includes(':') ? 6 : 4 });

async function reason(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof Unavailable, String(error));
    return error.reason;
  }
}

describe('SSRF (octo-sts CVE-2025-52477, CVE-2024-34079; SPIRE 1.14.2)', () => {
  let upstream: Upstream;
  let answer: (url: string | undefined) => { status?: number; location?: string; body: string };
  const outbounds: Outbound[] = [];

  beforeEach(async () => {
    answer = () => ({ body: JSON.stringify(jwks) });
    upstream = await startUpstream((request, response) => {
      const { status = 200, location, body } = answer(request.url);
      response.writeHead(status, { connection: 'close', ...(location === undefined ? {} : { location }) }).end(body);
    });
  });
  afterEach(async () => {
    for (const outbound of outbounds.splice(0)) await outbound.close();
    await upstream.close();
  });

  function open(options: Partial<Parameters<typeof createOutbound>[0]> = {}): Outbound {
    const outbound = createOutbound({ allow: [], literalHosts: new Set(), ...options });
    outbounds.push(outbound);
    return outbound;
  }

  it('a literal address that is not public is refused in every spelling', async () => {
    const outbound = open();
    const hosts = [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '127.0.0.1.',
      '[::1]',
      '0.0.0.0',
      '[::]',
    ];
    const mapped = ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::1]'];
    const others = [
      '169.254.169.254',
      '10.0.0.1',
      '192.168.1.1',
      '172.16.0.1',
      '100.100.100.200',
      '[fd00:ec2::254]',
      '[fe80::1]',
    ];
    for (const host of [...hosts, ...mapped, ...others]) {
      for (const scheme of ['http', 'https']) {
        const found = await reason(outbound.getJson(`${scheme}://${host}:${upstream.port}/`, { signal }));
        assert.equal(found, 'outbound_address', `${scheme}://${host}`);
      }
    }
    assert.equal(upstream.connections(), 0);
  });

  it('a name that resolves to such an address is refused before any connection', async () => {
    const addresses = [
      '127.0.0.1',
      '169.254.169.254',
      '10.0.0.1',
      '::1',
      '::ffff:127.0.0.1',
      '64:ff9b::7f00:1',
      'fd00::1',
    ];
    for (const one of addresses) {
      for (const scheme of ['http', 'https']) {
        const outbound = open({ resolve: async () => [address(one)] });
        const found = await reason(outbound.getJson(`${scheme}://issuer.test:${upstream.port}/`, { signal }));
        assert.equal(found, 'outbound_address', `${scheme} ${one}`);
      }
    }
    assert.equal(upstream.connections(), 0);
  });

  it('a literal in the configuration permits the literal only, not a name that points to it', async () => {
    const literalHosts = new Set(['127.0.0.1', '169.254.169.254']);
    const outbound = open({ literalHosts, resolve: async () => [address('127.0.0.1')] });
    assert.equal(await reason(outbound.getJson(`http://127.0.0.1:${upstream.port}/`, { signal })), 'accepted');
    assert.equal(
      await reason(outbound.getJson(`http://issuer.test:${upstream.port}/`, { signal })),
      'outbound_address',
    );
    assert.equal(await reason(outbound.getJson(`http://127.0.0.2:${upstream.port}/`, { signal })), 'outbound_address');
    assert.equal(await reason(outbound.getJson('http://169.254.169.254/', { signal })), 'outbound_address');
    assert.equal(upstream.connections(), 1);
  });

  it('http is for loopback, even where the network is allowed or the address public', async () => {
    const outbound = open({
      allow: ['10.0.0.0/8'],
      resolve: async () => [address('10.0.0.1'), address('93.184.215.14')],
    });
    for (const host of ['10.0.0.1', 'issuer.test', '93.184.215.14', '[2606:4700::1111]']) {
      assert.equal(await reason(outbound.getJson(`http://${host}/`, { signal })), 'outbound_address', host);
    }
  });

  it('other schemes, and users in URLs, are refused', async () => {
    const outbound = open({ allow: ['127.0.0.0/8'] });
    const urls = [
      'file:///etc/passwd',
      'ftp://127.0.0.1/',
      'data:application/json,{}',
      'unix:/run/x',
      '//127.0.0.1/',
      '/jwks',
      '',
    ];
    for (const url of [
      ...urls,
      `http://issuer.test@127.0.0.1:${upstream.port}/`,
      `http://a:b@127.0.0.1:${upstream.port}/`,
    ]) {
      assert.equal(await reason(outbound.getJson(url, { signal })), 'outbound_scheme', url);
    }
    assert.equal(upstream.connections(), 0);
  });

  it('DNS rebinding: the address that was checked is the one that is connected to', async () => {
    let lookups = 0;
    const resolve = async () => {
      lookups += 1;
      return [address(lookups === 1 ? '127.0.0.1' : '127.0.0.2')];
    };
    const outbound = open({ allow: ['127.0.0.1/32'], resolve });
    const url = `http://issuer.test:${upstream.port}/`;
    assert.equal(await reason(outbound.getJson(url, { signal })), 'accepted');
    assert.equal(lookups, 1, 'a second look-up between check and connection is what rebinding needs');
    assert.equal(await reason(outbound.getJson(url, { signal })), 'outbound_address');
    assert.equal(lookups, 2);
    assert.equal(upstream.connections(), 1);
  });

  it('redirects are not followed, to wherever they lead', async () => {
    const outbound = open({ allow: ['127.0.0.0/8'] });
    const seen: unknown[] = [];
    for (const status of [301, 302, 303, 307, 308]) {
      answer = (url) => {
        seen.push(url);
        return url === '/' ? { status, location: '/secret', body: '{}' } : { body: '{"secret":1}' };
      };
      assert.equal(await reason(outbound.getJson(`http://127.0.0.1:${upstream.port}/`, { signal })), 'outbound_status');
    }
    assert.deepEqual(new Set(seen), new Set(['/']));
  });

  it('an oversized body is given up, and an upstream’s body is never echoed', async () => {
    const outbound = open({ allow: ['127.0.0.0/8'] });
    for (const body of ['canary'.repeat(1_000_000), 'canary', '"canary"']) {
      answer = () => ({ body });
      const load = keyLoader({ uri: `http://127.0.0.1:${upstream.port}/` }, { outbound, path: (relative) => relative });
      const warnings: string[] = [];
      const set = createKeySet({ ...load, now: () => now, maxStale: 60, warn: (message) => warnings.push(message) });
      await set.ready();
      assert.equal(warnings.length, 1);
      await assert.rejects(Promise.resolve(set.find('key-ES256')), { reason: 'keys_unavailable' });
      assert.ok(!JSON.stringify([warnings, set.status()]).includes('canary'));
    }
  });

  it('no header of a token causes a request: jku, x5u, a kid that is a URL or a path', async () => {
    const outbound = open({ allow: ['127.0.0.0/8'] });
    const uri = `http://127.0.0.1:${upstream.port}/jwks`;
    const load = keyLoader({ uri }, { outbound, path: (relative) => relative });
    const set = createKeySet({ ...load, now: () => now, maxStale: 60, warn: () => {} });
    const evil = `http://127.0.0.1:${upstream.port}/evil`;
    const headers = [
      { jku: evil },
      { x5u: evil },
      { kid: evil },
      { kid: '../../evil' },
      { kid: '/etc/passwd' },
      { jwk: keys.ES256.jwk },
    ];
    for (const header of headers) {
      await assert.rejects(verifyJwt(decodeJwt(token({}, header)), set, expectations, now), { name: 'Rejected' });
    }
    assert.equal(upstream.connections(), 0);
    await verifyJwt(decodeJwt(token()), set, expectations, now);
    assert.equal(upstream.connections(), 1);
  });
});
