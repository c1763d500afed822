/** What an issuer's discovery document may say, and where it may lead (THREATS: SSRF by issuer or URL). */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Unavailable } from '../../src/errors.js';
import { createKeySet } from '../../src/jwt/key-set.js';
import { keyLoader } from '../../src/jwt/sources.js';
import { type Address, createOutbound, type Outbound } from '../../src/outbound.js';
import { jwks, now } from '../support/tokens.js';
import { startUpstream, type Upstream } from '../support/upstream.js';

const { signal } = new AbortController();
const address = (text: string): Address => ({ address: text, family: text.includes(':') ? 6 : 4 });

describe('discovery of keys (octo-sts CVE-2025-52477, CVE-2024-34079; SPIRE 1.14.2)', () => {
  let upstream: Upstream;
  let base = '';
  let paths: (string | undefined)[] = [];
  /** What the document says; a text is sent as it is. */
  let document: unknown;
  let keys: (response: ServerResponse) => unknown;
  const outbounds: Outbound[] = [];

  function answer(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('connection', 'close');
    paths.push(request.url);
    if (request.url?.endsWith('/jwks')) keys(response);
    else if (typeof document === 'function') document(response);
    else response.end(typeof document === 'string' ? document : JSON.stringify(document));
  }

  beforeEach(async () => {
    upstream = await startUpstream(answer);
    base = `http://127.0.0.1:${upstream.port}`;
    paths = [];
    document = { issuer: base, jwks_uri: `${base}/jwks` };
    keys = (response) => response.end(JSON.stringify(jwks));
  });
  afterEach(async () => {
    for (const outbound of outbounds.splice(0)) await outbound.close();
    await upstream.close();
  });

  function loader(issuer: string, options: Partial<Parameters<typeof createOutbound>[0]> = {}) {
    const outbound = createOutbound({ allow: [], literalHosts: new Set(['127.0.0.1']), ...options });
    outbounds.push(outbound);
    return keyLoader({ issuer }, { outbound, path: (relative) => relative });
  }

  /** @returns what the operator is told */
  async function refused(reason: string, issuer = base, options?: Parameters<typeof loader>[1]): Promise<string> {
    const error = await loader(issuer, options)
      .load(signal)
      .then(
        () => assert.fail(`accepted; expected ${reason}`),
        (thrown: unknown) => thrown,
      );
    assert.ok(error instanceof Unavailable, String(error));
    assert.equal(error.reason, reason, error.message);
    assert.ok(!/canary/i.test(`${error.message}${error.stack}${error.cause}`), error.message);
    return error.detail;
  }

  it('takes the keys from where the document says, and asks for both anew at each load', async () => {
    const { name, load } = loader(base);
    assert.equal(name, `${base}/.well-known/openid-configuration`);
    assert.deepEqual(await load(signal), jwks);
    document = { issuer: base, jwks_uri: `${base}/moved/jwks` };
    assert.deepEqual(await load(signal), jwks);
    const wellKnown = '/.well-known/openid-configuration';
    assert.deepEqual(paths, [wellKnown, '/jwks', wellKnown, '/moved/jwks']);
  });

  it('appends to the path of an issuer, less the slash at its end, which its name keeps', async () => {
    for (const path of ['/tenant/a', '/tenant/a/']) {
      document = { issuer: `${base}${path}`, jwks_uri: `${base}/jwks` };
      await loader(`${base}${path}`).load(signal);
      assert.equal(paths.at(-2), '/tenant/a/.well-known/openid-configuration');
    }
  });

  it('refuses the document of another issuer, however alike, and fetches no keys', async () => {
    const others = [`${base}/`, base.toUpperCase(), base.replace('http', 'https'), `${base}/canary`, '', null, [base]];
    for (const issuer of [...others, undefined]) {
      document = { issuer, jwks_uri: `${base}/jwks` };
      assert.match(
        await refused('discovery_issuer'),
        /does not have the issuer http:\/\/127.*: write issuer as it stands there/,
      );
    }
    assert.ok(!paths.includes('/jwks'));
  });

  it('refuses a jwks_uri that is none, and fetches no keys', async () => {
    const uris = [
      '',
      'canary',
      '/jwks',
      'file:///etc/canary',
      'data:application/json,{}',
      'http://keys.example/canary',
    ];
    const users = ['https://canary@127.0.0.1/jwks', 'https://:canary@keys.example/jwks'];
    for (const uri of [undefined, null, 1, {}, [`${base}/jwks`], { href: base }, ...uris, ...users]) {
      document = { issuer: base, jwks_uri: uri };
      assert.match(
        await refused('discovery_jwks_uri'),
        /has no jwks_uri with https .*: name the keys with jwksUri or jwksFile/,
      );
    }
    assert.ok(paths.every((path) => path === '/.well-known/openid-configuration'));
  });

  it('refuses what is no document', async () => {
    for (const value of ['null', '1', '"canary"', 'true']) {
      document = value;
      await refused('discovery_document');
    }
    document = '[]';
    await refused('discovery_issuer');
    for (const value of ['', 'canary', '{"issuer":"canary"', '<html>canary</html>']) {
      document = value;
      await refused('outbound_not_json');
    }
  });

  it('gives up what is too large: the document, and the keys', async () => {
    document = JSON.stringify({ issuer: base, jwks_uri: `${base}/jwks`, canary: 'canary'.repeat(200_000) });
    await refused('outbound_too_large');
    document = { issuer: base, jwks_uri: `${base}/jwks` };
    keys = (response) => response.end(JSON.stringify({ ...jwks, canary: 'canary'.repeat(200_000) }));
    await refused('outbound_too_large');
  });

  it('follows no redirect: of the document, or of the keys', async () => {
    const redirect = (response: ServerResponse) => response.writeHead(302, { location: `${base}/secret` }).end('{}');
    document = redirect;
    await refused('outbound_status');
    document = { issuer: base, jwks_uri: `${base}/jwks` };
    keys = redirect;
    await refused('outbound_status');
    assert.ok(!paths.includes('/secret'));
  });

  it('is not led to private and link-local addresses, in any spelling', async () => {
    const hosts = [
      '169.254.169.254',
      '10.0.0.1',
      '192.168.1.1',
      '100.100.100.200',
      '2852039166',
      '0xa9fea9fe',
      '0.0.0.0',
    ];
    const six = ['[fd00:ec2::254]', '[fe80::1]', '[::ffff:169.254.169.254]', '[64:ff9b::a9fe:a9fe]', '[::1]'];
    for (const host of [...hosts, ...six]) {
      document = { issuer: base, jwks_uri: `https://${host}/canary/jwks` };
      assert.match(
        await refused('outbound_address'),
        /^GET of a URL in http:\/\/127\.0\.0\.1:\d+\/\.well-known.* may not be called/,
      );
    }
  });

  it('is not led to what the configuration allows for others, only to its own host or an allowed network', async () => {
    const literalHosts = new Set(['127.0.0.1', '127.0.0.2', '10.0.0.9', '::1']);
    for (const host of ['127.0.0.2', '127.2', '[::1]']) {
      document = { issuer: base, jwks_uri: `http://${host}:${upstream.port}/jwks` };
      await refused('outbound_address', base, { literalHosts });
    }
    document = { issuer: base, jwks_uri: 'https://10.0.0.9/jwks' };
    await refused('outbound_address', base, { literalHosts });
    // By name, the document comes from an allowed network.
    const options = { literalHosts, resolve: async () => [address('127.0.0.1')], allow: ['127.0.0.1/32'] };
    const named = `http://localhost:${upstream.port}`;
    document = { issuer: named, jwks_uri: `${base}/jwks` };
    assert.deepEqual(await loader(named, options).load(signal), jwks);
    document = { issuer: named, jwks_uri: `http://127.0.0.2:${upstream.port}/jwks` };
    await refused('outbound_address', named, options);
  });

  it('is not led astray by a connection that is open already', async () => {
    const literalHosts = new Set(['127.0.0.1']);
    const options = { literalHosts, resolve: async () => [address('127.0.0.1')] };
    const outbound = createOutbound({ allow: [], ...options });
    outbounds.push(outbound);
    await outbound.getJson(`${base}/jwks`, { signal });
    const found = outbound.getJson(`${base}/jwks`, {
      signal,
      foundIn: 'https://ci.example/.well-known/openid-configuration',
    });
    await assert.rejects(found, { reason: 'outbound_address' });
    assert.deepEqual(paths, ['/jwks']);
  });

  it('is not led by a name that resolves to such an address, nor by one that resolves anew', async () => {
    document = { issuer: base, jwks_uri: 'https://keys.example/canary' };
    for (const one of ['169.254.169.254', '10.0.0.1', 'fd00::1']) {
      await refused('outbound_address', base, { resolve: async () => [address(one)] });
    }
    const named = `http://localhost:${upstream.port}`;
    document = { issuer: named, jwks_uri: `${named}/jwks` };
    let lookups = 0;
    const resolve = async () => [address(lookups++ === 0 ? '127.0.0.1' : '127.0.0.2')];
    await refused('outbound_address', named, { resolve, allow: ['127.0.0.1/32'] });
    assert.equal(lookups, 2);
    assert.ok(!paths.includes('/jwks'));
  });

  it('tells nothing of the document or the keys, wherever the loading fails', async () => {
    const warnings: string[] = [];
    const bodies = [
      { issuer: 'https://canary.example', jwks_uri: `${base}/jwks` },
      { issuer: base, jwks_uri: 'ftp://canary.example' },
      { issuer: base, jwks_uri: `${base}/canary?canary` },
      { issuer: base, jwks_uri: 'https://canary.invalid/canary' },
    ];
    for (const body of bodies) {
      document = body;
      const set = createKeySet({
        ...loader(base),
        now: () => now,
        maxStale: 60,
        warn: (message) => warnings.push(message),
      });
      await set.ready();
      await assert.rejects(Promise.resolve(set.find('key-ES256')), { reason: 'keys_unavailable' });
      warnings.push(JSON.stringify(set.status()));
    }
    assert.equal(warnings.length, 2 * bodies.length);
    assert.ok(!/canary/i.test(warnings.join('\n')), warnings.join('\n'));
  });
});
