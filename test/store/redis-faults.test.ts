/** What goes wrong with Redis, on real servers: nothing is accepted that is not known, and it works again by itself. */
import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Unavailable } from '../../src/errors.js';
import { claimOnce } from '../../src/store/claim-once.js';
import { openRedisStore } from '../../src/store/redis.js';
import type { RedisOptions } from '../../src/store/redis-options.js';
import { ClaimsUnknown, type Store } from '../../src/store/store.js';
import { createFolder } from '../support/folder.js';
import { needRedis, type RedisServer, type Servers, startPair, startRedis, until } from '../support/redis.js';
import { startService } from '../support/service.js';
import { freePort, makeCertificate } from '../support/upstream.js';

/** Milliseconds in which every answer comes, whatever is wrong. */
const answered = 1_000;

describe('Redis that fails', () => {
  let running: Servers;
  let server: RedisServer;
  const stores: Store[] = [];
  const warnings: string[] = [];

  before(function () {
    needRedis(this);
  });
  afterEach(async () => {
    for (const each of running?.servers ?? []) each.signal('SIGCONT');
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await running?.stop();
    warnings.splice(0);
  });

  async function start(...options: string[]): Promise<void> {
    running = await startRedis(options);
    server = running.servers[0] as RedisServer;
  }

  async function open(more: Partial<RedisOptions> = {}, now: () => number = Date.now): Promise<Store> {
    const options: RedisOptions = { type: 'redis', mode: 'single', prefix: 'counterseal', url: server.url, ...more };
    const store = await openRedisStore(options, { now, warn: (line) => warnings.push(line) });
    stores.push(store);
    return store;
  }

  const rejectsInTime = async (work: Promise<unknown>, expected: RegExp): Promise<void> => {
    const began = performance.now();
    await assert.rejects(work, expected);
    assert.ok(performance.now() - began < answered, `it took ${performance.now() - began} ms`);
  };

  it('a server that is stopped (SIGSTOP) is 503 within a second, and works again when it goes on', async () => {
    await start();
    const service = await startService({
      store: `{ type: redis, url: "${server.url}" }`,
      more: 'signing: { masterKey: { file: master.key } }',
      prepare: (folder) => writeFile(join(folder, 'master.key'), randomBytes(32).toString('base64')),
    });
    try {
      assert.equal((await service.exchange()).status, 200);
      server.signal('SIGSTOP');
      let slowest = 0;
      for (let count = 0; count < 5; count++) {
        const began = performance.now();
        // Of a workload that the log does not know yet, so that the store is asked.
        const { status, body } = await service.exchange({ subject_token: await service.token({ pod: `p${count}` }) });
        slowest = Math.max(slowest, performance.now() - began);
        assert.deepEqual([status, body.error], [503, 'temporarily_unavailable']);
      }
      assert.ok(slowest < answered, `the slowest answer took ${slowest} ms`);
      server.signal('SIGCONT');
      const began = performance.now();
      await until(
        async () => (await service.exchange({ subject_token: await service.token({ pod: 'after' }) })).status === 200,
      );
      console.log(
        `      slowest 503 ${Math.round(slowest)} ms; works again after ${Math.round(performance.now() - began)} ms`,
      );
      assert.ok(service.warnings.some((line) => /store: Redis at .* did not answer within 700 ms/.test(line)));
      await until(() => service.warnings.includes('store: Redis answers again'));
    } finally {
      server.signal('SIGCONT');
      await service.close();
    }
  });

  it('FLUSHALL under a running store: what could have been used before is refused, also by others; what is newer is good', async () => {
    await start();
    let now = Date.now();
    const [one, other] = [await open({}, () => now), await open({}, () => now)];
    now += 60_000;
    const made = now / 1000;
    const claim = (store: Store, requestId: string, from = made) =>
      claimOnce(store, { key: ['evidence', 'a'], requestId, from, end: made + 300, what: 'It', reason: 'replayed' });
    await claim(one, 'first');
    await assert.rejects(claim(other, 'second'), /replayed: It was used before, by request first/);
    now += 1_000;
    await server.cli('flushall');
    for (const store of [other, one]) {
      await assert.rejects(claim(store, 'third'), (error) => {
        assert.ok(error instanceof Unavailable);
        assert.equal(error.reason, 'claims_unknown');
        assert.equal(error.retryAfter, 3);
        return true;
      });
    }
    await claim(other, 'fourth', made + 3.001);
    await assert.rejects(claim(one, 'fifth', made + 3.001), /replayed/);
    await until(() => warnings.some((line) => /Redis was emptied/.test(line)));
    assert.ok((one.status?.().since ?? 0) >= now);
  });

  it('a restart that loses data is noticed by the very next claim, a restart that keeps it as well', async () => {
    await start('--appendonly', 'yes', '--appendfsync', 'always');
    let now = Date.now();
    const store = await open({}, () => now);
    now += 10_000;
    const from = now;
    await store.claim(['jti', 'a'], 'first', now + 60_000, from);
    await server.kill();
    await rejectsInTime(store.claim(['jti', 'b'], 'x', now + 60_000, from), /Redis at 127\.0\.0\.1:\d+: /);
    await server.start();
    // What it says of itself may be of before it was killed.
    await until(() => store.get(['jti', 'a']).then(Boolean, () => false));
    assert.equal(await store.claim(['jti', 'a'], 'second', now + 60_000, from), 'first');
    await assert.rejects(store.claim(['jti', 'b'], 'x', now + 60_000, from), ClaimsUnknown);
  });

  it('a claim is not told before a replica has it; then it is nobody else’s, and what reads goes on', async () => {
    running = await startPair();
    server = running.servers[0] as RedisServer;
    const replica = running.servers[1] as RedisServer;
    const store = await open();
    // A replica that has just come acknowledges nothing yet.
    await until(() => store.put(['pin', 'a'], 'value').catch(() => false));
    replica.signal('SIGSTOP');
    await rejectsInTime(store.claim(['jti', 'a'], 'first'), /no replica acknowledged the write within 500 ms/);
    await rejectsInTime(store.put(['pin', 'b'], 'value'), /no replica acknowledged/);
    await rejectsInTime(store.log('events').append('a', Date.now() + 60_000), /no replica acknowledged/);
    await rejectsInTime(store.claim(['jti', 'a'], 'first'), /no replica acknowledged/);
    assert.equal(await store.claim(['jti', 'a'], 'second'), 'first');
    assert.equal((await store.get(['pin', 'a']))?.value, 'value');
    assert.equal(await store.increment(['count'], 1, Date.now() + 60_000), 1);
    replica.signal('SIGCONT');
    assert.equal(await store.claim(['jti', 'a'], 'first'), 'first');
    assert.equal(await store.claim(['jti', 'c'], 'third'), 'third');
  });

  it('a full server rejects and says so, and what is there can be read', async () => {
    await start('--maxmemory', '3mb');
    const store = await open();
    await store.put(['pin', 'a'], 'value');
    const full = async () => {
      for (let count = 0; ; count++) await store.put(['filler', String(count)], 'v'.repeat(60_000));
    };
    await assert.rejects(full(), /Redis at 127\.0\.0\.1:\d+: it is full \(OOM\): raise its maxmemory/);
    assert.equal((await store.get(['pin', 'a']))?.value, 'value');
  });

  it('deletes what has expired, by itself, and expired lines of logs with new ones', async () => {
    await start();
    let now = Date.now();
    const store = await open({}, () => now);
    await store.claim(['jti', 'a'], 'x', now + 5_000);
    await store.put(['pin', 'a'], 'x', { expiresAt: now + 5_000 });
    await store.increment(['count'], 1, now + 5_000);
    await store.increment(['count'], 1, now + 50_000);
    const keys = (await server.cli('keys', '*entry*')).split('\n');
    assert.equal(keys.length, 3);
    for (const key of keys) {
      const left = Number(await server.cli('pttl', key));
      assert.ok(left > 60_000 && left <= 65_000, `${key} is kept for ${left} ms`);
    }
    for (let line = 0; line < 8; line++) await store.log('events').append(String(line), now + 10);
    now += 10;
    for (let line = 0; line < 3; line++) await store.log('events').append('new', now + 60_000);
    for (const kind of ['log', 'log-expiries']) {
      const [key = ''] = (await server.cli('keys', `*:${kind}:*`)).split('\n');
      assert.equal(await server.cli('zcard', key), '3', kind);
    }
  });

  it('a log goes on behind every cursor that it gave out, though Redis was emptied, and is read from the start then', async () => {
    await start();
    const log = (await open()).log('events');
    const before = await log.append('a', Date.now() + 60_000);
    await server.cli('flushall');
    assert.deepEqual(await log.read(before), []);
    const after = await log.append('b', Date.now() + 60_000);
    assert.ok(after > before);
    assert.deepEqual(await log.read(before), [{ cursor: after, entry: 'b' }]);
    assert.deepEqual(await log.read('9'.repeat(16)), [{ cursor: after, entry: 'b' }]);
  });

  describe('at the start', () => {
    for (const [what, options, more, expected] of [
      [
        'that evicts keys',
        ['--maxmemory-policy', 'allkeys-lru'],
        {},
        /its maxmemory-policy is allkeys-lru, .* set it to noeviction/,
      ],
      ['that needs a password', ['--requirepass', 'x'], {}, /it needs a password \(NOAUTH\): set store\.password/],
      ['that refuses the user', [], { username: 'nobody' }, /it refuses the username or password \(WRONGPASS\)/],
    ] as const) {
      it(`a server ${what} is refused, with what to do`, async () => {
        await start(...options);
        await writeFile(join(running.folder, 'password'), 'wrong\n');
        const password = 'username' in more ? { password: { file: join(running.folder, 'password') } } : {};
        await assert.rejects(open({ ...more, ...password }), expected);
      });
    }

    it('a server that is not there yet is waited for, and told about; or the start is given up', async () => {
      await start();
      await server.kill();
      const given = new AbortController();
      const options: RedisOptions = { type: 'redis', mode: 'single', prefix: 'counterseal', url: server.url };
      const room = { now: Date.now, warn: (line: string) => warnings.push(line), signal: given.signal };
      const first = assert.rejects(openRedisStore(options, room), /abort/);
      const opening = open();
      await until(() => warnings.length > 0);
      assert.match(
        warnings[0] ?? '',
        /^store: Redis at 127\.0\.0\.1:\d+: it cannot be reached \(ECONNREFUSED\); it is tried again/,
      );
      given.abort();
      await first;
      await server.start();
      assert.equal(await (await opening).claim(['jti', 'a'], 'x'), 'x');
    });

    it('what speaks another protocol is told as such, and what says nothing too', async () => {
      await start();
      const sockets = createServer((socket) =>
        socket.on('error', () => {}).on('data', () => socket.write('HTTP/1.1 400 Bad\r\n\r\n')),
      );
      const silent = createServer((socket) => socket.on('error', () => {}));
      for (const [listener, expected] of [
        [sockets, /what it sends is not the protocol of Redis/],
        [silent, /did not answer within 700 ms/],
      ] as const) {
        const given = new AbortController();
        const url = `redis://127.0.0.1:${await listenOn(listener)}`;
        const room = { now: Date.now, warn: (line: string) => warnings.push(line), signal: given.signal };
        const opening = assert.rejects(openRedisStore({ type: 'redis', mode: 'single', prefix: 'c', url }, room));
        await until(() => warnings.some((line) => expected.test(line)));
        given.abort();
        await opening;
        listener.close();
      }
    });
  });

  it('an ACL user with the rights of docs/redis.md, and no other, can do all, over TLS with a client certificate', async () => {
    const certificate = makeCertificate() ?? assert.fail('openssl is missing');
    const folder = await createFolder();
    try {
      const password = 'p@ss/w:rd';
      await folder.write({ 'key.pem': certificate.key, 'cert.pem': certificate.cert, password: `${password}\n` });
      const file = (name: string) => ({ file: join(folder.path, name) });
      const [ca, cert, key] = [file('cert.pem'), file('cert.pem'), file('key.pem')];
      const port = await freePort();
      const files = ['--tls-cert-file', cert.file, '--tls-key-file', key.file, '--tls-ca-cert-file', ca.file];
      await start('--tls-port', String(port), ...files);
      await server.cli('acl', 'setuser', ...aclOf(password));
      await server.cli('acl', 'setuser', 'default', 'off');
      const url = `rediss://127.0.0.1:${port}`;
      const user = { username: 'counterseal', password: file('password') };
      const store = await open({ url, ...user, tls: { ca, cert, key } });
      assert.equal(await store.claim(['jti', 'a'], 'x', Date.now() + 60_000, Date.now() + 10_000), 'x');
      assert.equal(await store.put(['pin', 'a'], 'x', { ifVersion: null }), true);
      assert.equal((await store.get(['pin', 'a']))?.value, 'x');
      assert.equal(await store.increment(['count'], 1, Date.now() + 60_000), 1);
      const cursor = await store.log('events').append('a', Date.now() + 60_000);
      await store.log('events').append('expired', 1);
      await store.log('events').append('b', Date.now() + 60_000);
      assert.deepEqual(
        (await store.log('events').read(cursor)).map(({ entry }) => entry),
        ['b'],
      );
      await folder.write({ url: `rediss://counterseal:${encodeURIComponent(password)}@127.0.0.1:${port}\n` });
      const named = await open({ url: file('url'), tls: { ca, cert, key } });
      assert.equal((await named.get(['pin', 'a']))?.value, 'x');
      await assert.rejects(
        open({ url, ...user, prefix: 'other', tls: { ca, cert, key } }),
        /ACL does not let this user/,
      );
      // The well-known roots do not vouch for it.
      const given = new AbortController();
      const room = { now: Date.now, warn: (line: string) => warnings.push(line), signal: given.signal };
      const options: RedisOptions = { type: 'redis', mode: 'single', prefix: 'counterseal', url, ...user };
      const opening = assert.rejects(openRedisStore(options, room));
      await until(() => warnings.some((line) => /it cannot be reached \(DEPTH_ZERO_SELF_SIGNED_CERT\)/.test(line)));
      given.abort();
      await opening;
    } finally {
      await folder.remove();
    }
  });
});

/** As docs/redis.md has it. */
function aclOf(password: string): string[] {
  const page = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
  const [, rules = ''] = /^ACL SETUSER counterseal on >PASSWORD (.*)$/m.exec(page) ?? [];
  assert.notEqual(rules, '');
  return ['counterseal', 'on', `>${password}`, ...rules.split(' ')];
}

async function listenOn(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
