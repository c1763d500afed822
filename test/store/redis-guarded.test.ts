/** Redis behind Sentinels that want passwords, each with the least rights of docs/redis.md; and a Redis that is too old. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { openRedisStore } from '../../src/store/redis.js';
import type { RedisOptions } from '../../src/store/redis-options.js';
import { needRedis, type SentinelServers, startSentinels, until } from '../support/redis.js';

const page = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
const warnings: string[] = [];
const room = { now: Date.now, warn: (line: string) => warnings.push(line) };

describe('Redis behind Sentinel, with passwords', () => {
  let sentinels: SentinelServers;
  const password = 'of/data nodes';
  const sentinelPassword = 'of@sentinels';

  before(async function () {
    needRedis(this);
    const [, rights = ''] = /`sentinelUsername` needs `([^`]+)`/.exec(page) ?? [];
    sentinels = await startSentinels(1, {
      options: ['--requirepass', 'admin', '--masterauth', 'admin'],
      sentinelPassword: 'sentinel-admin',
      sentinel: `sentinel auth-pass main admin
sentinel sentinel-pass sentinel-admin
user looker on >${sentinelPassword} resetchannels -@all ${rights}
`,
    });
    const [, rules = ''] = /^ACL SETUSER counterseal on >PASSWORD (.*)$/m.exec(page) ?? [];
    for (const { cli } of sentinels.servers) {
      await cli('acl', 'setuser', 'counterseal', 'on', `>${password}`, ...rules.split(' '));
    }
    for (const [name, text] of Object.entries({ data: password, sentinel: sentinelPassword, wrong: 'wrong' })) {
      await writeFile(join(sentinels.folder, name), `${text}\n`);
    }
  });
  after(() => sentinels?.stop());

  const open = (data: string, sentinel: string, signal?: AbortSignal) => {
    const options: RedisOptions = {
      ...{ type: 'redis', mode: 'sentinel', prefix: 'counterseal', nodes: sentinels.nodes, master: 'main' },
      ...{ username: 'counterseal', password: { file: join(sentinels.folder, data) } },
      ...{ sentinelUsername: 'looker', sentinelPassword: { file: join(sentinels.folder, sentinel) } },
    };
    return openRedisStore(options, { ...room, signal });
  };

  it('is used by users with no more rights than docs/redis.md has', async () => {
    const store = await open('data', 'sentinel');
    await until(() => store.put(['pin', 'a'], 'value').catch(() => false));
    assert.equal(await store.claim(['jti', 'a'], 'first', Date.now() + 60_000, Date.now() + 10_000), 'first');
    assert.equal((await store.get(['pin', 'a']))?.value, 'value');
    const limiter = store.limiter?.({ requests: 5, per: 60 });
    assert.equal(await limiter?.take(['workload', 'a']), 0);
    await limiter?.putBack(['workload', 'a']);
    await store.close();
  });

  it('refuses the start where the password of the data nodes is wrong', async () => {
    await assert.rejects(open('wrong', 'sentinel'), /Redis behind Sentinel: it refuses the username or password/);
  });

  it('is never reached with a wrong password of the Sentinels, and no password is told', async () => {
    const given = new AbortController();
    const opening = open('data', 'wrong', given.signal).then(
      () => assert.fail('it was opened'),
      () => {},
    );
    await Promise.race([
      opening,
      until(() => warnings.some((line) => line.startsWith('store: Redis behind Sentinel'))),
    ]);
    given.abort();
    await opening;
    assert.ok(!warnings.some((line) => /wrong|of@sentinels|of\/data/.test(line)), warnings.join('\n'));
  });
});

describe('a Redis that is too old', () => {
  it('is refused at the start, with its version and what is expected', async () => {
    const info = 'redis_version:5.0.14\r\nloading:0\r\nmaxmemory_policy:noeviction\r\n';
    const server = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', (bytes) => {
          for (const [, command = ''] of bytes.toString().matchAll(/\*\d+\r\n\$\d+\r\n([a-z]+)\r\n/gi)) {
            socket.write(/^info$/i.test(command) ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
          }
        });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const opening = openRedisStore({ type: 'redis', mode: 'single', prefix: 'counterseal', url }, room);
      await assert.rejects(opening, /its version is 5\.0\.14; expected 6\.2 or later/);
    } finally {
      server.close();
    }
  });
});
