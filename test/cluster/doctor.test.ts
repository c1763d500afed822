/** `doctor` and `cluster add` against a real API server, as service accounts with exactly the role, and with none. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Finding } from '../../attestors/attestor.js';
import { examine } from '../../attestors/kubernetes/doctor.js';
import { kubernetes } from '../../attestors/kubernetes/index.js';
import { permissionName, permissions } from '../../attestors/kubernetes/permissions.js';
import { addCluster } from '../../src/doctor/cluster-add.js';
import { createTestHost, ourIssuer } from '../support/attestor-host.js';
import { documentedRole, kubeconfig, noCluster, type TestCluster, useCluster } from './cluster.js';

const everything = { api: 'in-cluster', review: true, live: { stale: 'review' } } as const;
const needed = permissions(everything).map(permissionName);

describe(kubeconfig === undefined ? `doctor (${noCluster})` : 'doctor, on a real API server', function () {
  this.timeout(30_000);
  let cluster: TestCluster;
  let folder: string;
  const tokens: string[] = [];

  before(async function () {
    if (kubeconfig === undefined) return this.skip();
    folder = await mkdtemp(join(tmpdir(), 'counterseal-doctor-'));
    cluster = await useCluster(kubeconfig);
    for (const name of ['doctor', 'nobody']) await cluster.createServiceAccount(name);
    await writeFile(join(folder, 'ca.crt'), cluster.ca);
    await cluster.allow('doctor', await documentedRole());
  });
  after(async () => {
    if (kubeconfig === undefined) return;
    await cluster.close();
    await rm(folder, { recursive: true });
  });

  async function kubeconfigOf(serviceAccount: string, authority = 'ca.crt'): Promise<string> {
    const token = await cluster.token({ serviceAccount });
    tokens.push(token);
    const file = join(folder, serviceAccount);
    await writeFile(
      file,
      `{ clusters: [{ name: c, cluster: { server: "${cluster.server}"${authority && `, certificate-authority: ${authority}`} } }], users: [{ name: u, user: { token: ${token} } }], contexts: [{ name: x, context: { cluster: c, user: u } }], current-context: x }`,
    );
    return file;
  }

  /** With everything turned on. */
  async function findings(file: string): Promise<readonly Finding[]> {
    const { host, close } = createTestHost(() => Date.now() / 1000);
    const options = kubernetes.options.parse({
      issuer: cluster.issuer,
      api: { kubeconfig: file },
      review: true,
      live: {},
    });
    const found: Finding[] = [];
    const examined = examine({
      options: { ...options, issuer: cluster.issuer },
      audience: ourIssuer,
      keySource: (server) => ({ name: 'the API server', load: async (signal) => server?.keys(signal) }),
      host,
    });
    for await (const finding of examined) found.push(finding);
    await close();
    for (const token of tokens) assert.ok(!JSON.stringify(found).includes(token), 'a finding has a token');
    return found;
  }

  it('finds nothing wrong for a service account with exactly the role', async () => {
    const found = await findings(await kubeconfigOf('doctor'));
    assert.deepEqual(
      found.filter(({ outcome }) => outcome !== 'ok'),
      [],
    );
    assert.equal(found.length, 3 + needed.length + 3);
    const us = `system:serviceaccount:${cluster.namespace}:doctor`;
    assert.ok(found[0]?.message.endsWith(`knows us as ${us}`));
  });

  it('names each verb that a service account without a role may not, and who must get it', async () => {
    const found = await findings(await kubeconfigOf('nobody'));
    const failed = found.flatMap((finding) => (finding.outcome === 'failed' ? [finding] : []));
    assert.deepEqual(
      failed.map(({ step }) => step),
      // A cluster lets every service account read its keys.
      needed.filter((name) => !name.endsWith('/jwks')).map((name) => `permission to ${name}`),
    );
    for (const { step, fix } of failed) {
      const [verb = '', resource = ''] = step.replace('permission to ', '').split(/[ .]/);
      assert.match(fix, new RegExp(`resources: \\[${resource}\\], verbs: \\[${verb}\\] }`));
      assert.ok(fix.endsWith(`bound to system:serviceaccount:${cluster.namespace}:nobody`));
    }
    assert.deepEqual(
      found.flatMap(({ step, outcome, message }) => (outcome === 'skipped' ? [[step, message]] : [])),
      [
        ['TokenReview', 'we may not create tokenreviews.authentication.k8s.io'],
        ['watch', 'we may not list pods, nor watch pods'],
      ],
    );
  });

  it('tells a certificate that it cannot verify', async () => {
    const [connection] = await findings(await kubeconfigOf('doctor', ''));
    assert.ok(connection?.outcome === 'failed');
    assert.match(connection.message, /certificate cannot be verified/);
    assert.match(connection.fix, /certificate-authority/);
  });

  it('adds the cluster by its kubeconfig', async () => {
    const told: string[] = [];
    const file = await kubeconfigOf('doctor');
    const printed = await addCluster('east', { kubeconfig: file }, undefined, (line) => told.push(line));
    assert.deepEqual(parse(printed), {
      east: { type: 'kubernetes', issuer: cluster.issuer, api: { kubeconfig: file }, live: {} },
    });
    assert.ok(told.some((line) => line.startsWith('ok       watch: ')));
    for (const token of tokens) assert.ok(!`${printed}${told.join()}`.includes(token));
  });

  it('does not add it for who may not watch the cluster', async () => {
    const told: string[] = [];
    const file = await kubeconfigOf('nobody');
    await assert.rejects(
      addCluster('east', { kubeconfig: file }, undefined, (line) => told.push(line)),
      /east would not work yet/,
    );
    assert.ok(told.some((line) => line.startsWith('FAILED   permission to watch pods')));
  });
});
