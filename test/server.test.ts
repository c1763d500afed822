import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { calendar, grantType, issuer, jwtType, postForm, send, startService } from './support/service.js';

describe('service', () => {
  it('makes its key at first start and keeps it over a restart: an older token still verifies', async () => {
    const first = await startService();
    const { body } = await first.exchange();
    await first.close(true);
    const second = await startService({ folder: first.folder, cluster: first.cluster });
    const keys = createRemoteJWKSet(new URL(`${second.url}/jwks`));
    await jwtVerify(String(body.access_token), keys, {
      issuer,
      audience: calendar,
      typ: 'at+jwt',
      algorithms: ['ES256'],
    });
    await second.close();
  });

  for (const algorithm of ['RS256', 'EdDSA'] as const) {
    it(`signs with ${algorithm} by configuration`, async () => {
      const service = await startService({ more: `signing: { algorithms: [${algorithm}] }` });
      const { body } = await service.exchange();
      const keys = createRemoteJWKSet(new URL(`${service.url}/jwks`));
      const { protectedHeader } = await jwtVerify(String(body.access_token), keys, { issuer, audience: calendar });
      assert.equal(protectedHeader.alg, algorithm);
      await service.close();
    });
  }

  it('starts although clusters do not answer, and waits for all of them together', async function () {
    this.timeout(20_000);
    const mute = createServer(() => {}).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const server = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`;
    const kubeconfig = JSON.stringify({
      'current-context': 'mute',
      clusters: [{ name: 'mute', cluster: { server } }],
      users: [{ name: 'mute', user: { token: 'none' } }],
      contexts: [{ name: 'mute', context: { cluster: 'mute', user: 'mute' } }],
    });
    const block = (name: string) => `
  ${name}: { type: kubernetes, issuer: "https://${name}.example", api: { kubeconfig: kubeconfig }, live: {} }`;
    const began = performance.now();
    const service = await startService({
      attestors: `
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: jwks.json } }${['a', 'b', 'c'].map(block).join('')}`,
      prepare: (folder) => writeFile(join(folder, 'kubeconfig'), kubeconfig),
    });
    const passed = performance.now() - began;
    assert.ok(passed < 8_000, `${passed} ms`);
    assert.equal((await service.exchange()).status, 200);
    const { body } = await send(`${service.healthUrl}/readyz`, {});
    const watched = body.watched as Record<string, { known: boolean }[]>;
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => watched[name]?.some(({ known }) => known)),
      [false, false, false],
    );
    await service.close();
    mute.close();
  });

  it('finishes what is in flight when it is closed, and accepts nothing new', async () => {
    const service = await startService();
    const { hostname, port } = new URL(service.url);
    const form = { grant_type: grantType, subject_token_type: jwtType, subject_token: await service.token() };
    const body = new URLSearchParams({ ...form, resource: calendar }).toString();
    const socket = connect(Number(port), hostname);
    const head = `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.write(head + body.slice(0, 10));
    await sleep(50);
    const closed = service.close();
    await sleep(50);
    await assert.rejects(postForm(`${service.url}/token`, form));
    const answer = new Promise<string>((resolve) => {
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      socket.on('end', () => resolve(text));
    });
    socket.write(body.slice(10));
    assert.match(await answer, /^HTTP\/1\.1 200 [\s\S]*"access_token"/);
    await closed;
  });

  it('cuts off a body that comes too slowly, and serves others meanwhile', async function () {
    this.timeout(25_000);
    const service = await startService();
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n',
    );
    const drip = setInterval(() => socket.write('a'), 500);
    const began = Date.now();
    socket.on('error', () => {});
    const gone = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    assert.equal((await service.exchange()).status, 200);
    await gone;
    clearInterval(drip);
    assert.ok(Date.now() - began < 20_000);
    await service.close();
  });

  it('holds at most 16 MiB of unfinished bodies: beyond it the answer is 503, and it serves again afterwards', async function () {
    this.timeout(30_000);
    const service = await startService();
    const { hostname, port } = new URL(service.url);
    const head =
      'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 64000\r\n\r\n';
    const answers: string[] = [];
    const sockets = Array.from({ length: 300 }, () => {
      const socket = connect(Number(port), hostname, () => socket.write(`${head}a=${'x'.repeat(63_000)}`));
      return socket.on('error', () => {}).on('data', (chunk) => answers.push(String(chunk)));
    });
    while (answers.length === 0) await sleep(50);
    assert.match(answers[0] ?? '', /^HTTP\/1\.1 503 [\s\S]*temporarily_unavailable/);
    for (const socket of sockets) socket.destroy();
    let status = 503;
    while (status === 503) {
      status = (await service.exchange()).status;
      await sleep(50);
    }
    assert.equal(status, 200);
    await service.close();
  });

  it('goes on serving health while nothing is configured to be granted: an empty policy issues nothing', async () => {
    const service = await startService({ rules: '{}' });
    const answer = await service.exchange();
    assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_target']);
    assert.equal((await send(`${service.healthUrl}/readyz`, {})).status, 200);
    await service.close();
  });

  it('says 503, never 4xx, while the keys of an issuer cannot be had, and recovers by itself', async () => {
    const { rename } = await import('node:fs/promises');
    const service = await startService({
      attestors: `
  prod-eu: { type: kubernetes, issuer: "https://kubernetes.default.svc", keys: { jwksFile: missing.json } }`,
    });
    const answer = await service.exchange();
    assert.deepEqual([answer.status, answer.body.error], [503, 'temporarily_unavailable']);
    assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    assert.match(service.warnings.join('\n'), /prod-eu.*missing\.json/);
    await rename(`${service.folder}/jwks.json`, `${service.folder}/missing.json`);
    await sleep(1_100);
    assert.equal((await service.exchange()).status, 200);
    await service.close();
  });
});
