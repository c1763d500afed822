/** A service that starts before what keeps its keys. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { keyId, kmsError, startKms } from '../support/kms.js';
import { needRedis, startRedis, until } from '../support/redis.js';
import { type ServiceOptions, send, startService, type TestService } from '../support/service.js';
import { freePort } from '../support/upstream.js';
import { startVault } from '../support/vault.js';

describe('a start before what it needs', () => {
  let healthPort: number;
  let stop: AbortController;
  const before: Record<string, string | undefined> = {};

  beforeEach(async () => {
    healthPort = await freePort();
    stop = new AbortController();
    for (const [name, value] of [
      ['AWS_ACCESS_KEY_ID', 'test'],
      ['AWS_SECRET_ACCESS_KEY', 'test'],
    ] as const) {
      before[name] = process.env[name];
      process.env[name] = value;
    }
  });
  afterEach(() => {
    stop.abort();
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  const starting = (options: ServiceOptions) => startService({ ...options, healthPort, signal: stop.signal });
  const readiness = () => send(`http://127.0.0.1:${healthPort}/readyz`, {}).catch(() => undefined);

  async function waitsFor(expected: RegExp): Promise<void> {
    await until(async () => {
      const { status, body } = (await readiness()) ?? {};
      return status === 503 && body?.status === 'starting' && expected.test(String(body.waits_for));
    });
  }

  async function exchanges(service: TestService): Promise<void> {
    assert.equal((await service.exchange()).status, 200);
    assert.equal((await readiness())?.status, 200);
    await service.close();
  }

  it('a Vault that is there later is waited for, and /readyz names it', async () => {
    const vault = await startVault();
    vault.rotate('tokens');
    const port = await freePort();
    const signing = `signing: { type: vault, url: "http://127.0.0.1:${port}", auth: { tokenFile: vault.token }, keys: [{ name: tokens }] }`;
    const prepare = (folder: string) => writeFile(join(folder, 'vault.token'), 'hvs.canary-vault-token');
    const service = starting({ more: signing, prepare });
    await waitsFor(/The key transit\/keys\/tokens of Vault at .* cannot be used/);
    const late = createServer((socket) => {
      const onward = connect(Number(new URL(vault.url).port), '127.0.0.1');
      for (const each of [socket, onward]) each.on('error', () => {});
      socket.pipe(onward).pipe(socket);
    }).listen(port, '127.0.0.1');
    try {
      await exchanges(await service);
    } finally {
      late.close();
      await vault.close();
    }
  });

  it('a KMS that answers 500 is waited for; one that denies the key ends the start, with what to do', async () => {
    const kms = await startKms();
    kms.instead = () => kmsError('KMSInternalException', 500);
    const more = `signing: { type: aws-kms, region: eu-central-1, endpoint: "${kms.url}", keys: [{ id: ${keyId} }] }`;
    try {
      const service = starting({ more });
      await waitsFor(new RegExp(`the key ${keyId} of AWS KMS in eu-central-1 cannot be used: it fails with`));
      kms.instead = () => undefined;
      await exchanges(await service);
      kms.instead = () => kmsError('AccessDeniedException');
      await assert.rejects(starting({ more }), /allow kms:GetPublicKey and kms:Sign/);
    } finally {
      await kms.close();
    }
  });

  it('a Redis that is gone between the first connection and the first look at the ring is waited for', async function () {
    needRedis(this);
    const redis = await startRedis([]);
    const way = await openWay(redis.servers[0]?.port ?? 0, 'signing-key');
    const masterKey = randomBytes(32).toString('base64');
    const options = {
      store: `{ type: redis, url: "redis://127.0.0.1:${way.port}" }`,
      more: 'signing: { masterKey: { file: master.key } }',
      prepare: (folder: string) => writeFile(join(folder, 'master.key'), masterKey),
    };
    try {
      const service = starting(options);
      await until(way.hasCut);
      await waitsFor(/Redis at 127\.0\.0\.1:\d+: /);
      way.mend();
      await exchanges(await service);
      const other = (folder: string) => writeFile(join(folder, 'master.key'), randomBytes(32).toString('base64'));
      await assert.rejects(starting({ ...options, prepare: other }), /master key/i);
    } finally {
      way.close();
      await redis.stop();
    }
  });
});

/** To a server, until a word is sent there: then every connection is cut, until it is mended. */
async function openWay(to: number, word: string) {
  const sockets = new Set<Socket>();
  let state: 'open' | 'cut' | 'mended' = 'open';
  const server: Server = createServer((socket) => {
    if (state === 'cut') return void socket.destroy();
    const onward = connect(to, '127.0.0.1');
    for (const each of [socket, onward]) {
      sockets.add(each.on('error', () => {}));
      each.on('close', () => {
        socket.destroy();
        onward.destroy();
      });
    }
    socket.on('data', (bytes) => {
      if (state === 'open' && bytes.includes(word)) state = 'cut';
      if (state === 'cut') for (const each of sockets) each.destroy();
      else onward.write(bytes);
    });
    onward.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    hasCut: () => state === 'cut',
    mend() {
      state = 'mended';
    },
    close() {
      for (const each of sockets) each.destroy();
      server.close();
    },
  };
}
