import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectApiServer } from '../../../attestors/kubernetes/api.js';
import { type FakeApi, ownToken, send, startFakeApi } from './fake-api.js';
import { createFixture, refused, sharedCluster } from './fixture.js';

const { signal } = new AbortController();

describe('kubernetes API server', () => {
  let api: FakeApi;
  beforeEach(async () => {
    api = await startFakeApi(await sharedCluster(), '/k8s/clusters/c-1');
  });
  afterEach(() => api.close());

  it('gives its keys, below the path of its address', async () => {
    const server = await connectApiServer(api.kubeconfig);
    assert.deepEqual(await server.keys(signal), (await sharedCluster()).jwks());
    assert.deepEqual(api.requests, ['GET /k8s/clusters/c-1/openid/v1/jwks']);
    server.close();
  });

  it('is asked again and again over one connection', async () => {
    const server = await connectApiServer(api.kubeconfig);
    for (let calls = 0; calls < 20; calls += 1) await server.keys(signal);
    assert.equal(api.connections(), 1);
    server.close();
  });

  it('is asked over 64 connections at most', async () => {
    const server = await connectApiServer(api.kubeconfig);
    await Promise.all(Array.from({ length: 200 }, () => server.keys(signal)));
    assert.ok(api.connections() <= 64, String(api.connections()));
    server.close();
  });

  it('is not asked when the deadline has passed', async () => {
    const server = await connectApiServer(api.kubeconfig);
    await refused(server.keys(AbortSignal.abort()), 'api_deadline');
    assert.deepEqual(api.requests, []);
    server.close();
  });

  it('that may not be asked for keys says which role is missing', async () => {
    const server = await connectApiServer(api.kubeconfig);
    api.answer((response) => send(response, 403, {}));
    assert.match((await refused(server.keys(signal), 'api_forbidden')).detail, /service-account-issuer-discovery/);
    server.close();
  });

  it('that cannot give keys at start makes the attestor warn, and be unavailable, until it can', async () => {
    let broken = true;
    const keys = (await sharedCluster()).jwks();
    api.answer((response) => (broken ? send(response, 500, { echo: ownToken }) : send(response, 200, keys)));
    const fixture = await createFixture({ api: { kubeconfig: api.kubeconfig } });
    assert.match(fixture.host.warnings.join(), /answered 500/);
    assert.ok(!fixture.host.warnings.join().includes(ownToken));
    await refused(fixture.attest(await fixture.token()), 'keys_unavailable');
    broken = false;
    fixture.now += 60;
    assert.equal((await fixture.attest(await fixture.token())).assurance, 'medium');
    await fixture.close();
  });

  it('is asked once more, over a new connection, when a kept one turns out to be closed', async () => {
    const server = await connectApiServer(api.kubeconfig);
    const used = new Set<unknown>();
    api.answer((response, { socket }) => {
      if (used.has(socket)) socket.destroy();
      else send(response, 200, { keys: [] });
      used.add(socket);
    });
    for (let calls = 0; calls < 3; calls += 1) await server.keys(signal);
    assert.ok(api.requests.length > 3);
    server.close();
  });

  it('that breaks a kept connection within an answer is unreachable, and asked no more', async () => {
    const asked: Socket[] = [];
    const keys = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"keys":[]}';
    const breaking = createServer((socket) =>
      socket
        .on('error', () => {})
        .on('data', () => {
          if (asked.push(socket) === 1) socket.write(keys);
          else
            socket.write('HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"ke', () =>
              setTimeout(() => socket.resetAndDestroy(), 20),
            );
        }),
    );
    await new Promise<void>((resolve) => breaking.listen(0, '127.0.0.1', resolve));
    const { port } = breaking.address() as AddressInfo;
    await writeFile(api.kubeconfig, (await readFile(api.kubeconfig, 'utf8')).replace(/:[0-9]+\/k8s/, `:${port}/k8s`));
    const server = await connectApiServer(api.kubeconfig);
    assert.deepEqual(await server.keys(signal), { keys: [] });
    await refused(server.keys(signal), 'api_unreachable');
    // What would be a second attempt has its time.
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(asked.length, 2);
    assert.equal(asked[0], asked[1]);
    server.close();
    await new Promise((resolve) => breaking.close(resolve));
  });

  it('is not asked a third time', async () => {
    const server = await connectApiServer(api.kubeconfig);
    await server.keys(signal);
    api.answer((response) => response.destroy());
    await refused(server.keys(signal), 'api_unreachable');
    assert.equal(api.requests.length, 3);
    server.close();
  });

  describe('configuration', () => {
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'counterseal-kubeconfig-'));
    });
    afterEach(() => rm(folder, { recursive: true }));
    const connect = async (text: string) => {
      const file = join(folder, 'kubeconfig');
      await writeFile(file, text);
      return connectApiServer(file);
    };

    it('refuses a kubeconfig that is missing, and names it', () =>
      assert.rejects(connectApiServer(join(folder, 'none')), /none cannot be read as a kubeconfig file \(ENOENT\)/));

    it('refuses a kubeconfig that is not one, without quoting it', async () => {
      for (const text of ['', '[', `users: "${ownToken}`, `{ users: [{ name: ${ownToken} }] }`, 'just text']) {
        await assert.rejects(connect(text), (error: Error) => !error.message.includes(ownToken), text);
      }
    });

    it('refuses a context that names no cluster', () =>
      assert.rejects(connect('{ clusters: [], users: [], contexts: [], current-context: x }'), /no current context/));

    it('refuses a server address with http off loopback, over which our credentials would go', async () => {
      const text = (server: string) =>
        `{ clusters: [{ name: c, cluster: { server: "${server}" } }], users: [], contexts: [{ name: x, context: { cluster: c, user: u } }], current-context: x }`;
      for (const server of ['http://k8s.example', 'http://10.0.0.1:6443', 'http://127.0.0.1.example.com']) {
        await assert.rejects(
          connect(text(server)),
          /kubeconfig has a server address with http, .*: write it with https/,
        );
      }
      for (const server of ['https://k8s.example', 'http://127.0.0.1:6443', 'http://[::1]:6443']) {
        (await connect(text(server))).close();
      }
    });

    it('refuses in-cluster outside a cluster', function () {
      if (process.env.KUBERNETES_SERVICE_HOST !== undefined) this.skip();
      return assert.rejects(connectApiServer('in-cluster'), /KUBERNETES_SERVICE_HOST/);
    });

    it('names the attestor whose api cannot be used', () =>
      assert.rejects(
        createFixture({ api: { kubeconfig: join(folder, 'none') } }),
        /attestors\.prod-eu\.api: .*cannot be read/,
      ));
  });
});
