/** Two clusters with one issuer URL, as self-managed ones have it: they differ by audience. */
import assert from 'node:assert/strict';
import { calendar, startService, type TestService } from '../support/service.js';
import { type TestCluster, useCluster } from './cluster.js';
import { noOwnCluster, type OwnCluster, startOwnCluster } from './own-cluster.js';

const clusterIssuer = 'https://kubernetes.default.svc';
const names = ['east', 'west'] as const;

describe(
  noOwnCluster === undefined ? 'two clusters with one issuer' : `two clusters with one issuer (${noOwnCluster})`,
  () => {
    const own: OwnCluster[] = [];
    const clusters = new Map<string, TestCluster>();
    let service: TestService;
    const token = (cluster: string, audience: string) =>
      clusters
        .get(cluster)
        ?.token({ serviceAccount: 'agent', pod: 'agent-0', audience: `https://sts.example/${audience}` });

    before(async function () {
      if (noOwnCluster !== undefined) return this.skip();
      this.timeout(120_000);
      const blocks: string[] = [];
      for (const name of names) {
        const started = await startOwnCluster(clusterIssuer);
        own.push(started);
        const cluster = await useCluster(started.kubeconfig);
        clusters.set(name, cluster);
        assert.equal(cluster.issuer, clusterIssuer);
        await cluster.createServiceAccount('agent');
        await cluster.createPod('agent-0', 'agent');
        blocks.push(`
  ${name}:
    type: kubernetes
    issuer: ${clusterIssuer}
    audience: https://sts.example/${name}
    api: { kubeconfig: "${started.kubeconfig}" }
    live: {}`);
      }
      service = await startService({
        attestors: blocks.join(''),
        rules: `
  agent:
    workload: { attestor: west, selectors: ["k8s:sa:agent"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
      });
    });
    after(async () => {
      await service?.close();
      for (const each of own) await each.close();
    });

    it('each token goes to its own cluster, and rules of one are not those of the other', async () => {
      const west = await service.exchange({ subject_token: await token('west', 'west') });
      assert.equal(west.status, 200, (await service.lastRecord()).reason);
      assert.match(String((await service.lastRecord()).subject), /^spiffe:\/\/example.com\/west\//);
      const east = await service.exchange({ subject_token: await token('east', 'east') });
      assert.deepEqual([east.status, east.body.error], [400, 'invalid_target']);
      assert.equal((await service.lastRecord()).attestor, 'east');
    });

    it('a token of one cluster for the audience of the other is refused by its keys', async () => {
      const { status } = await service.exchange({ subject_token: await token('east', 'west') });
      assert.equal(status, 400);
      assert.match((await service.lastRecord()).reason, /^jwt_(unknown_key|signature)$/);
    });
  },
);
