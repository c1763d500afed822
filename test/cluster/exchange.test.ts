/** Tokens that a real API server issued. Any cluster will do: `KUBECONFIG=… npm run test:cluster`. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { calendar, claimsOf, issuer, type ServiceOptions, startService, type TestService } from '../support/service.js';
import { kubeconfig, noCluster, type TestCluster, useCluster } from './cluster.js';

describe(kubeconfig === undefined ? `real Kubernetes API server (${noCluster})` : 'real Kubernetes API server', () => {
  let cluster: TestCluster;
  let reviewed: TestService;
  const rulesFor = (namespace: string) => `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:${namespace}", "k8s:sa:calendar-agent"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  batch:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:${namespace}", "k8s:sa:batch"], podless: true }
    grant: { resource: "${calendar}", scope: [read:calendar] }`;
  const start = (keys: string, more: Partial<ServiceOptions> = {}) =>
    startService({
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${cluster.issuer}", ${keys} }`,
      rules: rulesFor(cluster.namespace),
      ...more,
    });
  const podToken = (pod = 'agent-0') => cluster.token({ serviceAccount: 'calendar-agent', pod, audience: issuer });

  before(async function () {
    if (kubeconfig === undefined) return this.skip();
    this.timeout(60_000);
    cluster = await useCluster(kubeconfig);
    for (const name of ['calendar-agent', 'batch', 'other']) await cluster.createServiceAccount(name);
    await cluster.createPod('agent-0', 'calendar-agent');
    await cluster.createPod('agent-1', 'calendar-agent');
    await cluster.createPod('other-0', 'other');
    reviewed = await start(`api: { kubeconfig: "${kubeconfig}" }, review: true`);
  });
  after(async () => {
    await reviewed?.close();
    await cluster?.close();
  });

  it('exchanges a pod-bound token, with keys from the API server and a TokenReview', async () => {
    const { status, body } = await reviewed.exchange({ subject_token: await podToken() });
    assert.equal(status, 200);
    const keys = createRemoteJWKSet(new URL(`${reviewed.url}/jwks`));
    const { payload } = await jwtVerify(String(body.access_token), keys, { issuer, audience: calendar, typ: 'at+jwt' });
    assert.equal(payload.sub, `spiffe://example.com/prod-eu/ns/${cluster.namespace}/sa/calendar-agent`);
    assert.equal((payload.attestation as { assurance: string }).assurance, 'high');
  });

  it('records every selector of the pod and its node', async () => {
    await reviewed.exchange({ subject_token: await podToken() });
    const { selectors, instance } = await reviewed.lastRecord();
    const kinds = (selectors ?? []).map((selector) => selector.split(':').slice(0, 2).join(':'));
    assert.deepEqual(kinds.sort(), [
      'k8s:node',
      'k8s:node-uid',
      'k8s:ns',
      'k8s:pod',
      'k8s:pod-uid',
      'k8s:sa',
      'k8s:sa-uid',
    ]);
    assert.ok(selectors?.includes(`k8s:node:${cluster.node}`) && selectors.includes('k8s:pod:agent-0'));
    assert.match(String(instance), /^pod:[0-9a-f-]{36}$/);
  });

  it('refuses a token for the API server itself, and one for somebody else', async () => {
    for (const audience of [undefined, 'https://other.example']) {
      const options = { serviceAccount: 'calendar-agent', pod: 'agent-0' };
      const token = await cluster.token(audience === undefined ? options : { ...options, audience });
      const { status, body } = await reviewed.exchange({ subject_token: token });
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
      assert.equal((await reviewed.lastRecord()).reason, 'audience_not_ours');
    }
  });

  it('refuses another service account, and a token without a pod unless the rule says podless', async () => {
    const other = await cluster.token({ serviceAccount: 'other', pod: 'other-0', audience: issuer });
    const podless = await cluster.token({ serviceAccount: 'calendar-agent', audience: issuer });
    for (const token of [other, podless]) {
      const { status, body } = await reviewed.exchange({ subject_token: token });
      assert.deepEqual([status, body.error], [400, 'invalid_target']);
    }
    const batch = await cluster.token({ serviceAccount: 'batch', audience: issuer });
    assert.equal((await reviewed.exchange({ subject_token: batch })).status, 200);
  });

  it('refuses a token that was issued for a year', async () => {
    const token = await cluster.token({
      serviceAccount: 'calendar-agent',
      pod: 'agent-0',
      audience: issuer,
      seconds: 31_536_000,
    });
    assert.equal((await reviewed.exchange({ subject_token: token })).status, 400);
    assert.equal((await reviewed.lastRecord()).reason, 'jwt_lifetime');
  });

  it('refuses a token whose signature was touched', async () => {
    const [header = '', payload = '', signature = ''] = (await podToken()).split('.');
    const claims = { ...claimsOf(`.${payload}.`), sub: 'system:serviceaccount:kube-system:default' };
    const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
    assert.equal((await reviewed.exchange({ subject_token: forged })).status, 400);
    assert.equal((await reviewed.lastRecord()).reason, 'jwt_signature');
  });

  it('takes the keys from jwksUri, over TLS with the cluster’s own CA', async () => {
    const service = await start(`keys: { jwksUri: "${cluster.server}/openid/v1/jwks" }`, {
      more: 'outbound: { ca: { file: ca.crt } }',
      prepare: (folder) => writeFile(join(folder, 'ca.crt'), cluster.ca),
    });
    const { status, body } = await service.exchange({ subject_token: await podToken() });
    assert.equal(status, 200, JSON.stringify(await service.lastRecord()));
    assert.equal((claimsOf(body.access_token).attestation as { assurance: string }).assurance, 'medium');
    await service.close();
  });

  it('takes the keys from the API server without a review', async () => {
    const service = await start(`api: { kubeconfig: "${kubeconfig}" }`);
    assert.equal((await service.exchange({ subject_token: await podToken() })).status, 200);
    await service.close();
  });

  it('refuses the same token within 15 s of a zero-grace deletion of the pod', async function () {
    this.timeout(40_000);
    const token = await podToken('agent-1');
    assert.equal((await reviewed.exchange({ subject_token: token })).status, 200);
    await cluster.deletePod('agent-1');
    const deleted = performance.now();
    let status = 200;
    while (status === 200 && performance.now() - deleted < 30_000) {
      status = (await reviewed.exchange({ subject_token: token })).status;
      if (status === 200) await sleep(100);
    }
    const seconds = (performance.now() - deleted) / 1000;
    assert.equal(status, 400);
    assert.equal((await reviewed.lastRecord()).reason, 'review_refused');
    assert.ok(seconds < 15, `${seconds} s`);
    process.stdout.write(`      refused ${seconds.toFixed(1)} s after the deletion\n`);
  });
});
