/**
 * `api: in-cluster` against the real API server: the service runs where a pod's files would be, in a mount namespace of its
 * own, as a service account that may do exactly what the attestor's page says and nothing else.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { calendar, claimsOf, grantType, issuer, jwtType, postForm, send } from '../support/service.js';
import { documentedRole, kubeconfig, noCluster, type TestCluster, useCluster } from './cluster.js';

const skipped =
  kubeconfig === undefined
    ? noCluster
    : process.platform !== 'linux' || process.getuid?.() !== 0
      ? 'skipped: a mount namespace needs root on Linux; run it as root'
      : undefined;

describe(`api: in-cluster${skipped === undefined ? '' : ` (${skipped})`}`, () => {
  let cluster: TestCluster;
  let folder: string;
  let service: ChildProcess;
  let url: string;
  let healthUrl: string;

  before(async function () {
    if (skipped !== undefined || kubeconfig === undefined) return this.skip();
    this.timeout(60_000);
    cluster = await useCluster(kubeconfig);
    for (const name of ['calendar-agent', 'counterseal']) await cluster.createServiceAccount(name);
    await cluster.createPod('agent-0', 'calendar-agent');
    await cluster.allow('counterseal', await documentedRole());
    folder = await mkdtemp(join(tmpdir(), 'counterseal-'));
    await writeFile(join(folder, 'token'), await cluster.token({ serviceAccount: 'counterseal' }));
    await writeFile(join(folder, 'ca.crt'), cluster.ca);
    await writeFile(join(folder, 'counterseal.yaml'), configuration());
    service = startInPod();
    ({ url, healthUrl } = await listening(service));
  });
  after(async () => {
    service?.kill('SIGTERM');
    await cluster?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const configuration = () => `
issuer: ${issuer}
environment: production
listen: { port: 0 }
health: { port: 0 }
store: { type: memory }
audit: { durability: strict, sinks: [{ type: file, path: audit.jsonl }] }
attestors:
  prod-eu: { type: kubernetes, issuer: "${cluster.issuer}", api: in-cluster, review: true, live: { stale: review } }
resources:
  ${calendar}: { scope: [read:calendar] }
rules:
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:${cluster.namespace}", "k8s:sa:calendar-agent"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
`;

  /** /run is an empty file system there, with a pod's token and certificate authority in it. */
  function startInPod(): ChildProcess {
    const { hostname, port } = new URL(cluster.server);
    const script = `
      mount -t tmpfs none /run
      pod=/run/secrets/kubernetes.io/serviceaccount
      mkdir -p $pod && cp "$1/token" "$1/ca.crt" $pod
      exec "$2" --import=tsx src/main.ts serve --config "$1/counterseal.yaml"`;
    return spawn('unshare', ['--mount', 'sh', '-euc', script, 'sh', folder, process.execPath], {
      env: { PATH: process.env.PATH ?? '', KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
  }

  async function listening(child: ChildProcess): Promise<{ url: string; healthUrl: string }> {
    assert.ok(child.stderr);
    const lines: string[] = [];
    for await (const line of createInterface(child.stderr)) {
      lines.push(line);
      const [, listener, health] = /listening on (\S+), health on ([^\s"]+)/.exec(line) ?? [];
      if (listener !== undefined && health !== undefined) return { url: listener, healthUrl: health };
    }
    return assert.fail(`the service did not start: ${lines.join('\n')}`);
  }

  it('loads the keys and reviews tokens with the pod’s own service account', async () => {
    const form = { grant_type: grantType, subject_token_type: jwtType, resource: calendar };
    const token = await cluster.token({ serviceAccount: 'calendar-agent', pod: 'agent-0', audience: issuer });
    const { status, body } = await postForm(`${url}/token`, { ...form, subject_token: token });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal((claimsOf(body.access_token).attestation as { assurance: string }).assurance, 'high');
  });

  it('watches everything that it says, by the role that the attestor’s page has and nothing else', async () => {
    const { body } = await send(`${healthUrl}/readyz`, {});
    const watched = (body.watched as Record<string, { kind: string; known: boolean }[]>)['prod-eu'] ?? [];
    assert.deepEqual(
      watched.filter(({ known }) => known).map(({ kind }) => kind),
      ['pods', 'nodes', 'namespaces', 'serviceaccounts'],
    );
  });
});
