/** The cluster's signing key changes under us: no exchange fails, with tokens of either key. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { calendar, issuer, startService, type TestService } from '../support/service.js';
import { type TestCluster, useCluster } from './cluster.js';
import { noOwnCluster, type OwnCluster, startOwnCluster } from './own-cluster.js';

describe(noOwnCluster === undefined ? 'rotation of signing keys' : `rotation of signing keys (${noOwnCluster})`, () => {
  let own: OwnCluster;
  let cluster: TestCluster;
  let service: TestService;
  const token = () => cluster.token({ serviceAccount: 'calendar-agent', pod: 'agent-0', audience: issuer });

  before(async function () {
    if (noOwnCluster !== undefined) return this.skip();
    this.timeout(120_000);
    own = await startOwnCluster();
    cluster = await useCluster(own.kubeconfig);
    await cluster.createServiceAccount('calendar-agent');
    await cluster.createPod('agent-0', 'calendar-agent');
    service = await startService({
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${cluster.issuer}", api: { kubeconfig: "${own.kubeconfig}" }, live: {} }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:${cluster.namespace}"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
  });
  after(async () => {
    await service?.close();
    await own?.close();
  });

  it('fails no exchange', async function () {
    this.timeout(120_000);
    const first = await token();
    const failures: string[] = [];
    let rotating = true;
    let exchanges = 0;
    const load = (async () => {
      while (rotating) {
        const { status } = await service.exchange({ subject_token: first });
        if (status !== 200) failures.push((await service.lastRecord()).reason);
        exchanges += 1;
        await sleep(20);
      }
    })();
    await own.rotateKeys();
    const second = await token();
    assert.notEqual(decodeProtectedHeader(second).kid, decodeProtectedHeader(first).kid);
    const { status } = await service.exchange({ subject_token: second });
    assert.equal(status, 200, (await service.lastRecord()).reason);
    assert.equal((await service.exchange({ subject_token: first })).status, 200);
    rotating = false;
    await load;
    assert.deepEqual(failures, []);
    assert.ok(exchanges > 20, `${exchanges} exchanges`);
  });
});
