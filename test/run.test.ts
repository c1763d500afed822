/** How a process that serves is started and stopped, as real processes with real signals. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { enrol, respond } from '../examples/attestor-plugin/client.js';
import { type ClusterIssuer, createClusterIssuer } from '../examples/quickstart/cluster-issuer.js';
import { said, start } from './support/command-line.js';
import { type OneRule, oneRule } from './support/configuration.js';
import { installExample } from './support/plugin-folder.js';
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

  async function configuration({ more = '', ...others }: OneRule = {}): Promise<string> {
    const file = join(folder, 'counterseal.yaml');
    await writeFile(file, oneRule({ ...others, more: `telemetry: { logs: { format: text } }\n${more}` }));
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
      await configuration({ health: healthPort, more: 'drain: { announce: 2s, deadline: 20s }' }),
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
    const run = start('serve', '--config', await configuration({ more: 'drain: { deadline: 2s }' }));
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
    const run = start('serve', '--config', await configuration({ more: 'drain: { announce: 20s, deadline: 30s }' }));
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
    const config = await configuration({ health: healthPort, attestor: `api: { kubeconfig: kubeconfig }${attestor}` });
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
    const run = start('serve', '--config', await configuration({ health: port }));
    assert.equal(await run.ended, 1);
    assert.match(run.stderr, /EADDRINUSE/);
    taken.close();
  });

  describe('--workers', () => {
    interface WorkerReadiness {
      readonly worker: number;
      readonly status: string;
      readonly policy_revision: string;
    }

    async function startTwo() {
      const healthPort = await freePort();
      const run = start('serve', '--workers', '2', '--config', await configuration({ health: healthPort }));
      const health = `http://127.0.0.1:${healthPort}`;
      const url = await said(run, /listening on (\S+), health on /);
      return { run, health, url };
    }

    const workersOf = async (health: string) =>
      (await send(`${health}/readyz`, {})).body.workers as readonly WorkerReadiness[];

    /** Of the children of a process, on Linux. */
    const childrenOf = async (pid = 0) =>
      (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number);

    it('serve one port; each tells its revision, its metrics carry its number; no line of the audit file is torn', async () => {
      const { run, health, url } = await startTwo();
      const agent = new Agent({ keepAlive: true, maxSockets: 16 });
      try {
        await said(run, /(2 workers serve)/);
        const readiness = await send(`${health}/readyz`, {});
        assert.deepEqual([readiness.status, readiness.body.status], [200, 'ready']);
        const [one, two, ...others] = await workersOf(health);
        assert.deepEqual([one?.worker, two?.worker, others.length], [1, 2, 0]);
        assert.ok(one && one.policy_revision === two?.policy_revision);
        const page = await (await fetch(`${health}/metrics`)).text();
        for (const worker of [1, 2]) {
          assert.match(page, new RegExp(`^counterseal_policy_info\\{.*worker="${worker}".*\\} 1$`, 'm'));
        }
        const body = new URLSearchParams(await form()).toString();
        const answers = await Promise.all(Array.from({ length: 600 }, () => post(url, body, agent)));
        assert.deepEqual([...new Set(answers)], [200]);
        run.child.kill('SIGTERM');
        assert.equal(await run.ended, 0, run.stderr);
        const lines = (await readFile(join(folder, 'audit.jsonl'), 'utf8')).trimEnd().split('\n');
        const ids = new Set(lines.map((line) => (JSON.parse(line) as { decision_id: string }).decision_id));
        assert.deepEqual([lines.length, ids.size], [600, 600]);
      } finally {
        agent.destroy();
        run.child.kill('SIGKILL');
      }
    });

    it('one that is killed is started again, and meanwhile the other serves', async () => {
      const { run, health, url } = await startTwo();
      try {
        await said(run, /(2 workers serve)/);
        const [victim = 0] = await childrenOf(run.child.pid);
        process.kill(victim, 'SIGKILL');
        await said(run, /(worker \d ended with SIGKILL: it is started again in \d+ ms)/);
        assert.equal((await postForm(`${url}/token`, await form())).status, 200);
        assert.equal((await send(`${health}/readyz`, {})).status, 200);
        while ((await workersOf(health)).some(({ status }) => status !== 'ready')) await sleep(100);
        assert.ok(!(await childrenOf(run.child.pid)).includes(victim));
        run.child.kill('SIGTERM');
        assert.equal(await run.ended, 0, run.stderr);
      } finally {
        run.child.kill('SIGKILL');
      }
    });

    it('SPIRE 1.14.6: 100 redemptions of one single-use evidence at once, over two workers: one succeeds', async () => {
      await installExample(folder);
      const { publicKey, privateKey } = enrol();
      const file = await configuration();
      const machines = `  machines: { module: counterseal-machine-key, machines: { build-1: { publicKey: ${JSON.stringify(publicKey)}, labels: { team: release } } } }`;
      const rule = `  release:
    workload: { attestor: machines, selectors: ["machine:label:team:release"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`;
      const text = (await readFile(file, 'utf8')).replace('attestors:', `attestors:\n${machines}`);
      await writeFile(file, text.replace('rules:', `rules:\n${rule}`));
      const run = start('serve', '--workers', '2', '--config', file);
      try {
        const url = await said(run, /listening on (\S+), health on /);
        await said(run, /(2 workers serve)/);
        const subject_token_type = 'urn:example:params:token-type:machine-key';
        const { nonce } = (await postForm(`${url}/challenge`, { subject_token_type })).body;
        const subject_token = respond({ audience: issuer, machine: 'build-1', nonce: String(nonce) }, privateKey);
        const evidence = { grant_type: grantType, subject_token_type, subject_token, resource: calendar };
        const answers = await Promise.all(Array.from({ length: 100 }, () => postForm(`${url}/token`, evidence)));
        assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(99).fill(400)]);
      } finally {
        run.child.kill('SIGTERM');
        await run.ended;
      }
    });

    it('that end as soon as they are started are given up: exit 1, and nobody is left behind', async () => {
      const { run } = await startTwo();
      try {
        await said(run, /(2 workers serve)/);
        await rm(join(folder, 'counterseal.yaml'));
        const [victim = 0] = await childrenOf(run.child.pid);
        process.kill(victim, 'SIGKILL');
        assert.equal(await run.ended, 1);
        assert.match(
          run.stderr,
          /worker \d ended with exit code 1, the 5th in a row that did not serve for 5 s: given up/,
        );
      } finally {
        run.child.kill('SIGKILL');
      }
    });

    it('what is wrong with the start is said once: exit 1, and nobody is left behind', async () => {
      const taken = createServer(() => {}).listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      const file = await configuration();
      await writeFile(file, (await readFile(file, 'utf8')).replace('listen: { port: 0 }', `listen: { port: ${port} }`));
      const run = start('serve', '--workers', '2', '--config', file);
      assert.equal(await run.ended, 1);
      assert.equal(run.stderr.match(/EADDRINUSE/g)?.length, 1, run.stderr);
      assert.match(run.stderr, /^counterseal: worker 1 ended with exit code 1$/m);
      taken.close();
    });

    for (const [what, from, to, said] of [
      [
        'a store in memory',
        'store: { type: embedded, path: store }',
        'store: { type: memory }',
        /--workers: store\.type memory/,
      ],
      [
        'records on stdout',
        'audit: { sinks: [{ type: file, path: audit.jsonl }] }',
        'audit: { durability: relaxed, sinks: [{ type: stdout }] }',
        /--workers: several processes tear each other’s lines/,
      ],
    ] as const) {
      it(`are refused with ${what}`, async () => {
        const file = await configuration();
        await writeFile(file, (await readFile(file, 'utf8')).replace(from, to));
        const run = start('serve', '--workers', '2', '--config', file);
        assert.equal(await run.ended, 1);
        assert.match(run.stderr, said);
      });
    }

    for (const count of ['0', '-1', '1.5', 'auto', '1000']) {
      it(`${count} of them are refused`, async () => {
        const run = start('serve', `--workers=${count}`, '--config', 'none.yaml');
        assert.equal(await run.ended, 1);
        assert.match(run.stderr, /^error: option '--workers <count>' .* a whole number from 1 to 999 is expected/);
      });
    }
  });
});
