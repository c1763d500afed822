import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { mock } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Unavailable } from '../src/errors.js';
import { createOutbound, type Outbound, type OutboundOptions } from '../src/outbound.js';
import { makeCertificate, startUpstream, type Upstream } from './support/upstream.js';

const { signal } = new AbortController();
const loopback = { allow: [], literalHosts: new Set(['127.0.0.1']) };
const byName: OutboundOptions = {
  allow: ['127.0.0.0/8'],
  literalHosts: new Set(),
  resolve: async () => [{ address: '127.0.0.1', family: 4 }],
};

async function failure(promise: Promise<unknown>): Promise<Unavailable> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Unavailable, String(error));
    return error;
  }
  return assert.fail('it was accepted');
}

describe('outbound', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    mock.timers.reset();
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function serve(
    listener: RequestListener,
    ...tls: [] | [Parameters<typeof startUpstream>[1]]
  ): Promise<Upstream> {
    const upstream = await startUpstream(listener, ...tls);
    closing.push(upstream.close);
    return upstream;
  }
  function open(options: OutboundOptions): Outbound {
    const outbound = createOutbound(options);
    closing.push(outbound.close);
    return outbound;
  }

  it('gets JSON, with path and query, and sends no credentials', async () => {
    const { port } = await serve((request, response) => {
      response.end(JSON.stringify({ url: request.url, headers: Object.keys(request.headers).sort() }));
    });
    const answer = await open(loopback).getJson(`http://127.0.0.1:${port}/jwks?a=b`, { signal });
    assert.deepEqual(answer, { url: '/jwks?a=b', headers: ['accept', 'connection', 'host'] });
  });

  it('only 200 is an answer, and the body of another is not quoted', async () => {
    for (const status of [201, 204, 301, 304, 400, 404, 500, 503]) {
      const { port } = await serve((_request, response) => {
        response
          .writeHead(status, { location: '/other', 'x-canary': 'canary' })
          .end(status === 204 ? '' : '{"canary":1}');
      });
      const error = await failure(open(loopback).getJson(`http://127.0.0.1:${port}/`, { signal }));
      assert.equal(error.reason, 'outbound_status');
      assert.match(error.detail, new RegExp(`status is ${status}`));
      assert.ok(!error.message.includes('canary'));
    }
  });

  it('sends what an attestor wants to, under another Host if it says so, and gives back any answer', async () => {
    const { port } = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const { method, url, headers } = request;
        response.writeHead(403, { 'content-type': 'application/json', location: '/other' });
        response.end(JSON.stringify({ method, url, host: headers.host, body: Buffer.concat(chunks).toString() }));
      });
    });
    const { status, contentType, body } = await open(loopback).send(`http://127.0.0.1:${port}/a?b`, {
      method: 'POST',
      headers: { host: 'sts.example.com', 'content-type': 'text/plain' },
      body: 'text',
      signal,
    });
    assert.deepEqual([status, contentType], [403, 'application/json']);
    const seen = { method: 'POST', url: '/a?b', host: 'sts.example.com', body: 'text' };
    assert.deepEqual(JSON.parse(body.toString()), seen);
  });

  it('sends nothing to an address that may not be called, and reads no more than it is told', async () => {
    const { port, connections } = await serve((_request, response) => response.end('x'.repeat(11)));
    const send = (options: OutboundOptions) =>
      failure(open(options).send(`http://127.0.0.1:${port}/`, { method: 'POST', headers: {}, signal, maxBytes: 10 }));
    assert.equal((await send({ allow: [], literalHosts: new Set() })).reason, 'outbound_address');
    assert.equal(connections(), 0);
    const error = await send(loopback);
    assert.equal(error.reason, 'outbound_too_large');
    assert.match(error.detail, /^POST http:/);
  });

  it('limits the body while it reads, whatever Content-Length says', async () => {
    let sent = 0;
    const { port } = await serve((_request, response) => {
      response.on('error', () => {});
      const write = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, ' '))) sent += 65_536;
      };
      response.on('drain', write);
      write();
    });
    const error = await failure(open(loopback).getJson(`http://127.0.0.1:${port}/`, { signal }));
    assert.equal(error.reason, 'outbound_too_large');
    assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were sent`);
  });

  it('accepts exactly maxBytes, and not one more', async () => {
    const { port } = await serve((_request, response) => response.end('"12345678"'));
    const outbound = open(loopback);
    assert.equal(await outbound.getJson(`http://127.0.0.1:${port}/`, { signal, maxBytes: 10 }), '12345678');
    const error = await failure(outbound.getJson(`http://127.0.0.1:${port}/`, { signal, maxBytes: 9 }));
    assert.equal(error.reason, 'outbound_too_large');
  });

  it('an answer that is not JSON is unavailable, and not quoted; so is a compressed one', async () => {
    for (const body of ['canary{', '', gzipSync('{"keys":[]}')]) {
      const { port } = await serve((_request, response) => response.setHeader('content-encoding', 'gzip').end(body));
      const error = await failure(open(loopback).getJson(`http://127.0.0.1:${port}/`, { signal }));
      assert.equal(error.reason, 'outbound_not_json');
      assert.ok(!error.message.includes('canary'));
    }
  });

  it('an answer that is no HTTP is unavailable, and not quoted', async () => {
    const { port } = await serve((request) => request.socket.end('canary canary\r\n\r\n'));
    const error = await failure(open(loopback).getJson(`http://127.0.0.1:${port}/`, { signal }));
    assert.equal(error.reason, 'outbound_failed');
    assert.ok(!error.message.includes('canary'));
  });

  it('a connection that is refused or broken is unavailable', async () => {
    const upstream = await serve((request) => request.socket.destroy());
    const outbound = open(loopback);
    assert.equal(
      (await failure(outbound.getJson(`http://127.0.0.1:${upstream.port}/`, { signal }))).reason,
      'outbound_failed',
    );
    await upstream.close();
    const error = await failure(outbound.getJson(`http://127.0.0.1:${upstream.port}/`, { signal }));
    assert.match(error.detail, /ECONNREFUSED/);
  });

  it('a name that does not resolve is unavailable', async () => {
    const resolve = async () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }));
    const error = await failure(open({ ...byName, resolve }).getJson('https://issuer.test/', { signal }));
    assert.match(error.detail, /ENOTFOUND/);
  });

  for (const [what, listener] of Object.entries<RequestListener>({
    'never answers': () => {},
    'never ends its body': (_request, response) => response.write('{'),
  })) {
    it(`an upstream that ${what} is given up after 5 seconds`, async () => {
      let arrive = () => {};
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      const { port } = await serve((request, response) => {
        listener(request, response);
        arrive();
      });
      mock.timers.enable({ apis: ['setTimeout'] });
      const pending = failure(open(loopback).getJson(`http://127.0.0.1:${port}/`, { signal }));
      await arrived;
      mock.timers.tick(5000);
      assert.equal((await pending).reason, 'outbound_late');
    });
  }

  it('a caller’s signal ends the request', async () => {
    const controller = new AbortController();
    const { port } = await serve(() => controller.abort());
    const error = await failure(open(loopback).getJson(`http://127.0.0.1:${port}/`, { signal: controller.signal }));
    assert.equal(error.reason, 'outbound_late');
  });

  it('close ends what is under way', async () => {
    const outbound = createOutbound(loopback);
    const { port } = await serve(() => void outbound.close());
    assert.equal((await failure(outbound.getJson(`http://127.0.0.1:${port}/`, { signal }))).reason, 'outbound_failed');
  });

  it('closes when nothing was ever called', async () => {
    await createOutbound(loopback).close();
  });

  it('resolves names, and connects to an address that is allowed', async () => {
    const { port } = await serve((request, response) => response.end(JSON.stringify(request.headers.host)));
    assert.equal(await open(byName).getJson(`http://issuer.test:${port}/`, { signal }), `issuer.test:${port}`);
  });

  it('of a name’s addresses, uses only those that are permitted', async () => {
    const { port } = await serve((_request, response) => response.end('1'));
    const addresses = ['10.0.0.1', '127.0.0.1', 'fd00::1'];
    const resolve = async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    assert.equal(await open({ ...byName, resolve }).getJson(`http://issuer.test:${port}/`, { signal }), 1);
  });

  it('a malformed network or certificate is refused at start', () => {
    assert.throws(() => createOutbound({ ...loopback, allow: ['10.0.0.0'] }), /is not a network/);
    assert.throws(() =>
      createOutbound({ ...loopback, ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }),
    );
  });

  describe('TLS', () => {
    const certificate = makeCertificate();
    before(function () {
      if (certificate === null) {
        console.log('    skipped: no openssl command to make a certificate with; install openssl');
        this.skip();
      }
    });
    const answer: RequestListener = (_request, response) => response.end('{"keys":[]}');
    const tls = certificate ?? undefined;
    const trusting = { ...byName, ...(certificate === null ? {} : { ca: certificate.cert }) };

    it('an own certificate authority is trusted', async () => {
      const { port } = await serve(answer, tls);
      assert.deepEqual(await open(trusting).getJson(`https://issuer.test:${port}/`, { signal }), { keys: [] });
      const literal = { ...trusting, allow: [], literalHosts: loopback.literalHosts };
      assert.deepEqual(await open(literal).getJson(`https://127.0.0.1:${port}/`, { signal }), { keys: [] });
    });

    it('a certificate that nobody vouches for is refused', async () => {
      const { port } = await serve(answer, tls);
      const error = await failure(open(byName).getJson(`https://issuer.test:${port}/`, { signal }));
      assert.match(error.detail, /SELF_SIGNED/);
    });

    it('a certificate for another name is refused', async () => {
      const { port } = await serve(answer, tls);
      const error = await failure(open(trusting).getJson(`https://other.test:${port}/`, { signal }));
      assert.match(error.detail, /ALTNAME/);
    });
  });
});
