/** How a process that serves is started and stopped, as real processes with real signals. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterIssuer, createClusterIssuer } from '../examples/quickstart/cluster-issuer.js';
import { said, start } from './support/command-line.js';
import { calendar, clusterUrl, grantType, issuer, jwtType, postForm, send } from './support/service.js';
import { freePort } from './support/upstream.js';

describe('counterseal serve as a process', function () {
  this.timeout(60_000);
  let folder = '';
  let cluster: ClusterIssuer;
  before(async () => {
    cluster = await createClusterIssuer({ issuer: clusterUrl });
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-run-'));
    await writeFile(join(folder, 'jwks.json'), JSON.stringify(cluster.jwks()));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** @param more further lines @param attestor its block */
  async function configuration(more = '', attestor = 'keys: { jwksFile: jwks.json }'): Promise<string> {
    const file = join(folder, 'counterseal.yaml');
    await writeFile(
      file,
      `issuer: ${issuer}
trustDomain: example.com
environment: production
listen: { port: 0 }
store: { type: embedded, path: store }
audit: { sinks: [{ type: file, path: audit.jsonl }] }
attestors:
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", ${attestor} }
resources:
  ${calendar}: { scope: [read:calendar] }
rules:
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
${more}
`,
    );
    return file;
  }

  async function form() {
    const subject_token = await cluster.mint({
      namespace: 'agents',
      serviceAccount: 'calendar-agent',
      audience: issuer,
    });
    return { grant_type: grantType, subject_token_type: jwtType, subject_token, resource: calendar };
  }

  const records = async () => (await readFile(join(folder, 'audit.jsonl'), 'utf8')).split('\n').length - 1;

  /** POSTs with kept-alive connections; a connection whose answer said `close` is not used again. */
  function post(url: string, body: string, agent: Agent): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const sent = request(`${url}/token`, { method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      });
      sent.on('error', reject).end(body);
    });
  }

  it('stops under load without one failed request: ready goes off first, answers end their connections, records are kept', async () => {
    const healthPort = await freePort();
    const run = start(
      'serve',
      '--config',
      await configuration(`health: { port: ${healthPort} }\ndrain: { announce: 2s, deadline: 20s }`),
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    try {
      const url = await said(run, /listening on (\S+), health on /);
      const body = new URLSearchParams(await form()).toString();
      let [granted, isTold] = [0, false];
      const failures: unknown[] = [];
      // As whoever distributes connections does: until a while after the service has said that it is not ready.
      const load = async () => {
        while (!isTold) {
          const status = await post(url, body, agent).catch((error: unknown) => error);
          if (status === 200) granted++;
          else failures.push(status);
        }
      };
      const loads = Array.from({ length: 8 }, load);
      await sleep(500);
      run.child.kill('SIGTERM');
      const ready = async () => send(`http://127.0.0.1:${healthPort}/readyz`, {});
      let readiness = await ready();
      while (readiness.status === 200) readiness = await ready();
      assert.deepEqual([readiness.status, readiness.body], [503, { status: 'stopping' }]);
      assert.equal((await send(`http://127.0.0.1:${healthPort}/healthz`, {})).status, 200);
      const last = await postForm(`${url}/token`, await form());
      assert.deepEqual([last.status, last.headers.get('connection')], [200, 'close']);
      await sleep(500);
      isTold = true;
      await Promise.all(loads);
      assert.equal(await run.ended, 0, run.stderr);
      assert.deepEqual(failures, []);
      assert.ok(granted > 20, `${granted}`);
      assert.equal(await records(), granted + 1);
    } finally {
      agent.destroy();
      run.child.kill('SIGKILL');
    }
  });

  it('cuts off what takes longer than its deadline, says so, and exits with 1, with the records of before on disk', async () => {
    const run = start('serve', '--config', await configuration('health: { port: 0 }\ndrain: { deadline: 2s }'));
    try {
      const url = await said(run, /listening on (\S+), health on /);
      assert.equal((await postForm(`${url}/token`, await form())).status, 200);
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.write('POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\na=');
      await sleep(100);
      const began = performance.now();
      run.child.kill('SIGTERM');
      assert.equal(await run.ended, 1);
      const passed = performance.now() - began;
      assert.ok(passed < 3_500, `${passed} ms`);
      assert.match(run.stderr, /^counterseal: requests that took longer than 1\.5 s were cut off: 1$/m);
      assert.equal(await records(), 1);
    } finally {
      run.child.kill('SIGKILL');
    }
  });

  it('a second signal ends it at once: exit 1', async () => {
    const drain = 'drain: { announce: 20s, deadline: 30s }';
    const run = start('serve', '--config', await configuration(`health: { port: 0 }\n${drain}`));
    try {
      await said(run, /(listening on )/);
      run.child.kill('SIGTERM');
      await said(run, /(stopping \(SIGTERM\))/);
      run.child.kill('SIGINT');
      assert.equal(await run.ended, 1);
      assert.match(run.stderr, /^counterseal: SIGINT again: ended at once/m);
    } finally {
      run.child.kill('SIGKILL');
    }
  });

  /** An API server, whose port is known before it listens. */
  async function awaited(attestor = ', live: {}') {
    const port = await freePort();
    const kubeconfig = JSON.stringify({
      'current-context': 'late',
      clusters: [{ name: 'late', cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: 'late', user: { token: 'none' } }],
      contexts: [{ name: 'late', context: { cluster: 'late', user: 'late' } }],
    });
    await writeFile(join(folder, 'kubeconfig'), kubeconfig);
    const healthPort = await freePort();
    const config = await configuration(`health: { port: ${healthPort} }`, `api: { kubeconfig: kubeconfig }${attestor}`);
    return { port, config, health: (path: string) => send(`http://127.0.0.1:${healthPort}${path}`, {}) };
  }

  const answering = async (ask: () => ReturnType<typeof send>) => {
    for (;;) {
      const answer = await ask().catch(() => undefined);
      if (answer !== undefined) return answer;
      await sleep(20);
    }
  };

  it('SIGTERM while the start waits for an API server that says nothing: exit 0 at once, alive and not ready until then', async () => {
    const { port, config, health } = await awaited();
    const mute = createServer(() => {}).listen(port, '127.0.0.1');
    await once(mute, 'listening');
    const run = start('serve', '--config', config);
    try {
      const readiness = await answering(() => health('/readyz'));
      assert.deepEqual([readiness.status, readiness.body], [503, { status: 'starting' }]);
      assert.equal((await health('/healthz')).status, 200);
      assert.equal((await health('/metrics')).status, 503);
      const began = performance.now();
      run.child.kill('SIGTERM');
      assert.equal(await run.ended, 0, run.stderr);
      assert.ok(performance.now() - began < 1_500);
      assert.match(run.stderr, /^counterseal: stopped before the start was done$/m);
    } finally {
      run.child.kill('SIGKILL');
      mute.close();
    }
  });

  it('starts before its API server, answers 503 until that is there, and 200 after it, by itself', async () => {
    const { port, config } = await awaited('');
    const run = start('serve', '--config', config);
    const { createServer: createHttpServer } = await import('node:http');
    const api = createHttpServer((_req, res) => {
      res.setHeader('Content-Type', 'application/jwk-set+json').end(JSON.stringify(cluster.jwks()));
    });
    try {
      const url = await said(run, /listening on (\S+), health on /);
      assert.equal((await postForm(`${url}/token`, await form())).status, 503);
      await once(api.listen(port, '127.0.0.1'), 'listening');
      let status = 503;
      for (let look = 0; status === 503 && look < 100; look++) {
        await sleep(200);
        ({ status } = await postForm(`${url}/token`, await form()));
      }
      assert.equal(status, 200);
      run.child.kill('SIGTERM');
      assert.equal(await run.ended, 0);
    } finally {
      run.child.kill('SIGKILL');
      api.closeAllConnections();
      api.close();
    }
  });

  it('a port that is taken: exit 1 with the reason, the health listener closed again', async () => {
    const taken = createServer(() => {}).listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const run = start('serve', '--config', await configuration(`health: { port: ${port} }`));
    assert.equal(await run.ended, 1);
    assert.match(run.stderr, /EADDRINUSE/);
    taken.close();
  });
});
