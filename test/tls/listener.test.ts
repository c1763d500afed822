/** `listen.tls` against real clients of node:tls. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type Listener, openListener } from '../../src/listener.js';
import type { TlsOptions } from '../../src/tls/material.js';
import type { Issued } from '../attestors/cms/pki.js';
import { authority, certificate, keyOf, mountFiles } from './certificates.js';

const lookEvery = 20;

describe('listen.tls', function () {
  this.timeout(20_000);
  let root: Issued;
  let [first, second]: Issued[] = [];
  let clientCa: Issued;
  let otherCa: Issued;
  let client: Issued;
  let folder = '';
  let listener: Listener | undefined;
  let now = Date.now;
  const warnings: string[] = [];
  const tickets = new WeakMap<TLSSocket, Buffer>();

  before(async () => {
    root = await authority('root');
    first = await certificate('first', { by: root });
    second = await certificate('second', { by: root });
    clientCa = await authority('clients');
    otherCa = await authority('others');
    client = await certificate('client', { by: clientCa });
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-tls-'));
    now = Date.now;
    warnings.length = 0;
  });
  afterEach(async () => {
    await listener?.close(0);
    listener = undefined;
    await rm(folder, { recursive: true });
  });

  const pair = (issued: Issued | undefined, key = issued) => {
    assert.ok(issued && key);
    return { 'tls.crt': issued.pem, 'tls.key': keyOf(key) };
  };
  const mount = (files: Readonly<Record<string, string>>) => mountFiles(folder, files);
  const file = (name: string) => ({ file: join(folder, name) });

  async function open(more: Partial<TlsOptions> = {}, handler: RequestListener = (_req, res) => res.end('ok')) {
    const tls: TlsOptions = { cert: file('tls.crt'), key: file('tls.key'), minVersion: 'TLSv1.3', ...more };
    const room = { now: () => now() / 1000, warn: (message: string) => warnings.push(message), lookEvery };
    listener = await openListener(handler, { host: '127.0.0.1', port: 0, tls }, room);
    return listener;
  }

  const withClients = () => ({ ...pair(first), 'ca.crt': clientCa.pem });

  async function handshake(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const port = Number(new URL(listener?.url ?? '').port);
    const socket = connect({ host: '127.0.0.1', port, ca: root.pem, servername: 'sts.test', ...options });
    socket.on('session', (ticket) => tickets.set(socket, ticket));
    await once(socket, 'secureConnect');
    return socket;
  }

  /** The head and body of one answer, with the connection kept open. */
  async function ask(socket: TLSSocket): Promise<string> {
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    let text = '';
    socket.setEncoding('utf8');
    return new Promise((resolve, reject) => {
      const closed = () => reject(new Error('closed without an answer'));
      const take = (chunk: string) => {
        text += chunk;
        if (!text.endsWith('0\r\n\r\n') && !text.endsWith('\r\n\r\nok')) return;
        socket.off('data', take).off('close', closed);
        resolve(text);
      };
      socket.on('data', take).once('error', reject).once('close', closed);
    });
  }

  async function session(options: ConnectionOptions = {}) {
    const socket = await handshake(options);
    await ask(socket);
    return { socket, ticket: tickets.get(socket) ?? assert.fail('no session was given') };
  }

  const shows = async () => {
    const socket = await handshake();
    const name = socket.getPeerCertificate().subject.CN;
    socket.destroy();
    return name;
  };
  const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
    for (let look = 0; look < 250; look++) {
      if (await holds()) return;
      await sleep(20);
    }
    assert.fail(`${what} did not come about; ${warnings.join('\n')}`);
  };

  it('is closed in time, with connections on which nobody ever said a word', async () => {
    await mount(pair(first));
    const { url, close } = await open();
    const silent = connectPlain(Number(new URL(url).port), '127.0.0.1');
    silent.on('error', () => {});
    await once(silent, 'connect');
    await sleep(50);
    const began = performance.now();
    await close(200);
    assert.ok(performance.now() - began < 3_000, `${performance.now() - began} ms`);
    silent.destroy();
  });

  it('speaks TLS 1.3 and HTTP/1.1 only, and its URL has https', async () => {
    await mount(pair(first));
    const { url } = await open();
    assert.match(url, /^https:\/\/127\.0\.0\.1:\d+$/);
    const socket = await handshake({ ALPNProtocols: ['h2', 'http/1.1'] });
    assert.deepEqual([socket.getProtocol(), socket.alpnProtocol], ['TLSv1.3', 'http/1.1']);
    assert.match(await ask(socket), /^HTTP\/1\.1 200/);
    socket.destroy();
    await assert.rejects(handshake({ maxVersion: 'TLSv1.2' }), { code: /ALERT_PROTOCOL_VERSION/ });
    await assert.rejects(handshake({ ALPNProtocols: ['h2'] }), { code: /NO_APPLICATION_PROTOCOL/ });
  });

  it('speaks TLS 1.2 by choice, with forward secrecy and AEAD only', async () => {
    await mount(pair(first));
    await open({ minVersion: 'TLSv1.2' });
    const old: ConnectionOptions = { maxVersion: 'TLSv1.2' };
    const socket = await handshake(old);
    assert.equal(socket.getProtocol(), 'TLSv1.2');
    assert.match(socket.getCipher().name, /^ECDHE-RSA-.*(GCM|POLY1305)/);
    socket.destroy();
    for (const ciphers of ['ECDHE-RSA-AES128-SHA256', 'AES128-GCM-SHA256', 'DHE-RSA-AES128-GCM-SHA256']) {
      await assert.rejects(handshake({ ...old, ciphers }), { code: /HANDSHAKE_FAILURE/ }, ciphers);
    }
    await assert.rejects(handshake({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1' }));
  });

  it('takes a new pair when its files are exchanged, and goes on answering on connections of before', async () => {
    await mount(pair(first));
    await open();
    const before = await handshake();
    await mount(pair(second));
    await until('the second certificate', async () => (await shows()) === 'second');
    assert.match(await ask(before), /^HTTP\/1\.1 200/);
    before.destroy();
    assert.match(warnings.join('\n'), /the certificate that ends \S+Z is in use now/);
  });

  for (const [what, files, said] of [
    [
      'half of a pair',
      () => pair(second, first),
      /tls\.crt is not that of the key in \S+tls\.key: replace both together/,
    ],
    ['no certificate', () => ({ ...pair(second), 'tls.crt': 'none' }), /there is no PEM certificate in \S+tls\.crt/],
    ['no key', () => ({ ...pair(second), 'tls.key': 'none' }), /listen\.tls\.key: there is no PEM private key/],
  ] as const) {
    it(`${what}: the earlier pair stays in use, said once, and the next that fits is taken`, async () => {
      await mount(pair(first));
      const { tls } = await open();
      await mount(files());
      await until('a word', () => warnings.length > 0);
      await sleep(lookEvery * 5);
      assert.match(warnings[0] ?? '', said);
      assert.match(warnings[0] ?? '', /; the earlier certificate and client CAs stay in use$/);
      assert.deepEqual([warnings.length, tls()?.refused, await shows()], [1, true, 'first']);
      await mount(pair(second));
      await until('the second certificate', async () => (await shows()) === 'second');
      assert.equal(tls()?.refused, false);
    });

    it(`${what}: refused at start`, async () => {
      await mount(files());
      await assert.rejects(open(), { message: said });
    });
  }

  it('an expired certificate is refused at start, and is no reason to put the earlier one away', async () => {
    const past = Date.now() / 1000 - 3_600;
    const expired = await certificate('expired', { by: root, to: Math.floor(past), key: second });
    await mount(pair(expired));
    await assert.rejects(open(), { message: /tls\.crt expired .*: put a new one there/ });
    await mount(pair(first));
    await open();
    await mount(pair(expired));
    await until('a word', () => warnings.length > 0);
    assert.match(warnings[0] ?? '', /expired .*stay in use/);
    assert.equal(await shows(), 'first');
  });

  it('says once that the certificate in use has expired', async () => {
    await mount(pair(first));
    await open();
    now = () => Date.now() + 2 * 86_400_000;
    await until('a word', () => warnings.length > 0);
    await sleep(lookEvery * 5);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? '',
      /the certificate in use has expired, and clients refuse it: put a new one into \S+tls\.crt/,
    );
  });

  it('takes a certificate of later as soon as it is valid, without another change', async () => {
    const later = Math.floor(Date.now() / 1000) + 3_600;
    const next = await certificate('next', { by: root, from: later, to: later + 86_400, key: second });
    await mount(pair(first));
    await open();
    await mount(pair(next, second));
    await until('a word', () => warnings.length > 0);
    assert.match(warnings[0] ?? '', /is valid from .* on/);
    now = () => Date.now() + 3_700_000;
    await until('a second word', () => warnings.length > 1);
    assert.match(warnings[1] ?? '', /is in use now/);
  });

  it('clientCa: lets in certificates of it, and cuts off whoever has none or another before a request is read', async () => {
    let requests = 0;
    await mount(withClients());
    await open({ clientCa: file('ca.crt') }, (_req, res) => {
      requests++;
      res.end('ok');
    });
    const socket = await handshake({ cert: client.pem, key: keyOf(client) });
    assert.match(await ask(socket), /^HTTP\/1\.1 200/);
    socket.destroy();
    const stranger = await certificate('stranger', { by: otherCa, key: client });
    const server = await certificate('server', { by: clientCa, key: client, purposes: ['1.3.6.1.5.5.7.3.1'] });
    for (const { pem } of [stranger, server]) {
      await assert.rejects(async () => ask(await handshake({ cert: pem, key: keyOf(client) })));
    }
    await assert.rejects(async () => ask(await handshake()));
    assert.equal(requests, 1);
  });

  for (const [what, files, said] of [
    ['empty', { 'ca.crt': '' }, /clientCa: there is no PEM certificate/],
    [
      'a certificate of nobody',
      { 'ca.crt': 'LEAF' },
      /clientCa: "CN=client" in \S+ca\.crt is no certificate authority/,
    ],
  ] as const) {
    it(`clientCa: a file that is ${what} is refused: it would not let in those who are meant`, async () => {
      const ca = files['ca.crt'] === 'LEAF' ? client.pem : files['ca.crt'];
      await mount({ ...pair(first), 'ca.crt': ca });
      await assert.rejects(open({ clientCa: file('ca.crt') }), { message: said });
    });
  }

  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    it(`SPIRE 1.14.3: a CA removed: a resumed session is refused, and connections of before end (${version})`, async () => {
      await mount(withClients());
      const answers: (() => void)[] = [];
      let isSlow = false;
      await open({ clientCa: file('ca.crt'), minVersion: version }, (_req, res) => {
        if (isSlow) answers.push(() => res.end('ok'));
        else res.end('ok');
      });
      const shown = { cert: client.pem, key: keyOf(client), maxVersion: version };
      const { socket: idle, ticket } = await session(shown);
      const resumed = await handshake({ ...shown, session: ticket });
      assert.equal(resumed.isSessionReused(), true);
      isSlow = true;
      const due = ask(resumed);
      await until('a request', () => answers.length === 1);

      const ended = once(idle, 'close');
      await mount({ ...withClients(), 'ca.crt': otherCa.pem });
      await ended;
      for (const answer of answers) answer();
      assert.match(await due, /^HTTP\/1\.1 200[\s\S]*Connection: close/);
      await once(resumed, 'close');
      await assert.rejects(async () => ask(await handshake({ ...shown, session: ticket })));
      assert.equal(answers.length, 1);
    });
  }

  it('a handshake that was under way when a CA was removed comes to nothing', async () => {
    await mount(withClients());
    const { tls } = await open({ clientCa: file('ca.crt') });
    const { connect: connectTcp } = await import('node:net');
    const port = Number(new URL(listener?.url ?? '').port);
    const tcp = connectTcp(port, '127.0.0.1');
    await once(tcp, 'connect');
    await mount({ ...withClients(), 'ca.crt': otherCa.pem });
    await until('the reload', () => warnings.length > 0);
    assert.equal(tls()?.refused, false);
    const late = connect({ socket: tcp, ca: root.pem, servername: 'sts.test', cert: client.pem, key: keyOf(client) });
    await assert.rejects(ask(late));
  });

  it('a new certificate alone ends no connection of clients', async () => {
    await mount(withClients());
    await open({ clientCa: file('ca.crt') });
    const { socket } = await session({ cert: client.pem, key: keyOf(client) });
    await mount({ ...withClients(), ...pair(second) });
    await until('the reload', () => warnings.length > 0);
    assert.match(await ask(socket), /^HTTP\/1\.1 200/);
    socket.destroy();
  });
});
