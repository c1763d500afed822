import assert from 'node:assert/strict';
import type { Claims } from '../../../../examples/quickstart/cluster-issuer.js';
import { Rejected, Unavailable } from '../../../../src/errors.js';
import { send } from '../fake-api.js';
import { answers, type FakeCluster, type Fault, slow, status } from '../fake-cluster.js';
import { refused } from '../fixture.js';
import { type Attesting, startAttesting } from './attesting.js';
import { nodeObject, objectsOf, podObject, putAll } from './things.js';

describe('kubernetes attestor that watches', () => {
  let attesting: Attesting | undefined;
  const start = async (...args: Parameters<typeof startAttesting>) => {
    attesting = await startAttesting(...args);
    return attesting;
  };
  afterEach(async () => {
    await attesting?.close();
    attesting = undefined;
  });
  /** Everything but the pod, which is there, but the watch is not told. */
  const startUnseen = async (live: Readonly<Record<string, unknown>> = {}) => {
    const started = await start(live, {}, (cluster, claims) => putAll(cluster, { ...claims, ...withoutPod(claims) }));
    const { pod } = started.objects();
    assert.ok(pod);
    return { ...started, pod };
  };
  const withoutPod = (claims: Readonly<Record<string, unknown>>) => ({
    'kubernetes.io': { ...Object(claims['kubernetes.io']), pod: undefined },
  });

  it('asks nobody about what is in the picture', async () => {
    const { fixture, cluster, reviews } = await start();
    const token = await fixture.token();
    for (let times = 0; times < 1_000; times += 1) await fixture.attest(token);
    assert.deepEqual([cluster.asked('read'), reviews(), cluster.asked('list')], [0, 0, 4]);
    assert.equal((await fixture.attest(token)).assurance, 'high');
  });

  it('refuses what is deleted, and asks nobody', async () => {
    const { fixture, cluster, objects, known } = await start();
    cluster.remove('pods', String(objects().pod?.metadata.uid));
    await known('pods', 0);
    assert.ok((await refused(fixture.attest(await fixture.token()), 'pod_deleted')) instanceof Rejected);
    assert.equal(cluster.asked('read'), 0);
  });

  describe('about a pod that it has not seen', () => {
    it('asks once for a hundred who come at once', async () => {
      const { fixture, cluster, pod } = await startUnseen();
      cluster.put('pods', pod, 'lost');
      const token = await fixture.token();
      await Promise.all(Array.from({ length: 100 }, () => fixture.attest(token)));
      assert.deepEqual([cluster.asked('read', 'pods'), cluster.asked('read')], [1, 1]);
    });

    it('waits half a second for the answer', async () => {
      const { fixture, cluster, pod } = await startUnseen();
      cluster.put('pods', pod, 'lost');
      cluster.fault('read', 'pods', slow(4_000));
      const token = await fixture.token();
      const began = performance.now();
      assert.ok((await refused(fixture.attest(token), 'api_deadline')) instanceof Unavailable);
      const milliseconds = performance.now() - began;
      assert.ok(milliseconds > 450 && milliseconds < 2_500, `${milliseconds} ms`);
      cluster.fault('read', 'pods', undefined);
      await fixture.attest(token);
    });

    it('refuses it when there is none, and asks no second time', async () => {
      const { fixture, cluster } = await startUnseen();
      const token = await fixture.token();
      for (let times = 0; times < 3; times += 1) await refused(fixture.attest(token), 'pod_deleted');
      assert.equal(cluster.asked('read'), 1);
    });

    it('refuses it when another has its name, and asks no second time', async () => {
      const { fixture, cluster, pod } = await startUnseen();
      cluster.put('pods', podObject(pod.metadata.name, { uid: 'another' }), 'lost');
      const token = await fixture.token();
      for (let times = 0; times < 3; times += 1) await refused(fixture.attest(token), 'pod_deleted');
      assert.equal(cluster.asked('read'), 1);
    });

    const failures: Readonly<Record<string, readonly [reason: string, fault: Fault]>> = {
      'an answer that is no pod': ['api_unreadable', answers({ kind: 'Status' })],
      'an answer that is a list': ['api_unreadable', answers([])],
      'status 500': ['api_failed', status(500)],
      'status 403': ['api_forbidden', status(403)],
      'a connection that is cut': ['api_unreachable', (response) => response.destroy()],
    };
    for (const [what, [reason, fault]] of Object.entries(failures)) {
      it(`knows no more by ${what}, and serves it once it knows`, async () => {
        const { fixture, cluster, pod } = await startUnseen();
        cluster.put('pods', pod, 'lost');
        cluster.fault('read', 'pods', fault);
        const token = await fixture.token();
        assert.ok((await refused(fixture.attest(token), reason)) instanceof Unavailable);
        cluster.fault('read', 'pods', undefined);
        await fixture.attest(token);
      });
    }

    it('learns nothing from a 404 that is not of the API server, or not of that name', async () => {
      const { fixture, cluster, pod, known } = await startUnseen();
      const token = await fixture.token();
      const notFound = { kind: 'Status', reason: 'NotFound', details: { name: 'another' } };
      for (const body of ['<html>no backend</html>', {}, notFound, { ...notFound, details: undefined }]) {
        cluster.fault('read', 'pods', (response) => send(response, 404, body));
        assert.ok((await refused(fixture.attest(token), 'api_failed')) instanceof Unavailable);
      }
      cluster.put('pods', pod);
      await known('pods', 1);
      await fixture.attest(token);
    });

    it('waits for all that it has not seen together, not for one after the other', async () => {
      const lost = (made: FakeCluster, claims: Claims) => {
        putAll(made, claims);
        const { pod, node, serviceAccount, namespace } = objectsOf(claims);
        for (const [kind, object] of [
          ['pods', pod],
          ['nodes', node],
          ['serviceaccounts', serviceAccount],
          ['namespaces', namespace],
        ] as const) {
          assert.ok(object);
          made.remove(kind, object.metadata.uid, 'lost');
        }
      };
      const { fixture, cluster, objects } = await start({}, {}, lost);
      const { pod, node, serviceAccount, namespace } = objects();
      assert.ok(pod && node);
      cluster.put('pods', pod, 'lost');
      cluster.put('nodes', node, 'lost');
      cluster.put('serviceaccounts', serviceAccount, 'lost');
      cluster.put('namespaces', namespace, 'lost');
      for (const kind of ['pods', 'nodes', 'serviceaccounts', 'namespaces'] as const) {
        cluster.fault('read', kind, slow(300));
      }
      const began = performance.now();
      await fixture.attest(await fixture.token());
      const passed = performance.now() - began;
      assert.ok(passed < 900, `${passed} ms for four reads of 300 ms`);
      assert.equal(cluster.asked('read'), 4);
    });

    it('asks nobody with unseen: deny', async () => {
      const { fixture, cluster, pod, known } = await startUnseen({ unseen: 'deny' });
      cluster.put('pods', pod, 'lost');
      const token = await fixture.token();
      assert.ok((await refused(fixture.attest(token), 'facts_unseen')) instanceof Unavailable);
      assert.equal(cluster.asked('read'), 0);
      cluster.put('pods', pod);
      await known('pods', 1);
      await fixture.attest(token);
    });
  });

  it('asks about a pod that it has seen before it had its node, when the token names one', async () => {
    const { fixture, cluster, objects } = await start({}, {}, (made, claims) => {
      putAll(made, claims);
    });
    const { pod } = objects({ pod: 'late-0' });
    assert.ok(pod);
    cluster.put('pods', { ...pod, spec: { ...pod.spec, nodeName: undefined } });
    await attesting?.known('pods', 2);
    const token = await fixture.token({ pod: 'late-0' });
    await refused(fixture.attest(token), 'cluster_disagrees');
    cluster.put('pods', pod, 'lost');
    assert.ok((await fixture.attest(token)).selectors.includes('k8s:node:node-1'));
    assert.equal(cluster.asked('read', 'pods'), 2);
  });

  it('asks for a namespace, and for a node without a uid, that it has not seen', async () => {
    const environment = { namespaceLabel: 'stage' };
    for (const [unseen, expected] of [
      ['read', 'staging'],
      ['deny', null],
    ]) {
      const { fixture, cluster, objects } = await start({ unseen }, { environment }, (made, claims) => {
        putAll(made, claims);
        const { node, namespace } = attestedObjects(claims);
        made.remove('nodes', node, 'lost');
        made.remove('namespaces', namespace, 'lost');
      });
      const { namespace, node } = objects();
      assert.ok(node);
      cluster.put('namespaces', { metadata: { ...namespace.metadata, labels: { stage: 'staging' } } }, 'lost');
      cluster.put('nodes', node, 'lost');
      const attested = fixture.attest(await fixture.token({ node: null }));
      if (expected === null) await refused(attested, 'facts_unseen');
      else assert.equal((await attested).environment, expected);
      assert.equal(cluster.asked('read'), unseen === 'deny' ? 0 : 2);
      await attesting?.close();
      attesting = undefined;
    }
  });
  const attestedObjects = (claims: Readonly<Record<string, unknown>>) => ({
    node: String(Object(claims['kubernetes.io']).node.uid),
    namespace: 'namespace-agents',
  });

  describe('when its picture is too old', () => {
    it('answers 503 with stale: deny, asks nobody, and serves again when it is recent', async () => {
      const { fixture, cluster, becomeStale, recover, reviews } = await start();
      const token = await fixture.token();
      await becomeStale();
      assert.ok((await refused(fixture.attest(token), 'facts_stale')) instanceof Unavailable);
      assert.deepEqual([reviews(), cluster.asked('read')], [0, 0]);
      assert.ok(fixture.attestor.watched?.().every(({ known, age }) => !known && age === 31));
      await recover();
      assert.equal((await fixture.attest(token)).assurance, 'high');
    });

    it('with stale: review, asks for one review and reads the rest', async () => {
      const { fixture, cluster, becomeStale, recover, reviews } = await start({ stale: 'review' }, { review: true });
      const token = await fixture.token();
      await becomeStale();
      const attestation = await fixture.attest(token);
      assert.deepEqual(
        [reviews(), cluster.asked('read', 'pods'), cluster.asked('read', 'nodes'), cluster.asked('read', 'namespaces')],
        [1, 1, 1, 1],
      );
      const { observedAt } = attestation.facts['posture.privileged'] ?? {};
      assert.ok(observedAt !== undefined && observedAt > fixture.now - 1 && observedAt <= fixture.now);
      await recover();
      await fixture.attest(token);
      assert.equal(cluster.asked('read', 'pods'), 1);
    });

    it('refuses what the review refuses, and what the reads refuse', async () => {
      const { fixture, cluster, becomeStale, objects } = await start({ stale: 'review' });
      const { pod } = objects();
      assert.ok(pod);
      const token = await fixture.token();
      await becomeStale();
      cluster.api.review(() => ({ authenticated: false }));
      await refused(fixture.attest(token), 'review_refused');
      assert.equal(cluster.asked('read'), 0);
      cluster.api.review((honest) => honest);
      cluster.put('pods', { ...pod, status: { phase: 'Failed' } }, 'lost');
      await refused(fixture.attest(token), 'pod_ended');
      cluster.put('pods', { ...pod, spec: { ...pod.spec, serviceAccountName: 'other' } }, 'lost');
      await refused(fixture.attest(token), 'cluster_disagrees');
      cluster.remove('pods', pod.metadata.uid, 'lost');
      await refused(fixture.attest(token), 'pod_deleted');
    });

    it('knows nothing when the review does not answer', async () => {
      const { fixture, cluster, becomeStale } = await start({ stale: 'review' });
      const token = await fixture.token();
      await becomeStale();
      cluster.api.answer((response) => response.destroy());
      await refused(fixture.attest(token), 'api_unreachable');
    });

    it('is so when only one kind cannot be watched', async () => {
      const { fixture, cluster } = await start({}, {}, (made, claims) => {
        putAll(made, claims);
        made.fault('list', 'serviceaccounts', status(403));
      });
      await refused(fixture.attest(await fixture.token()), 'facts_stale');
      assert.deepEqual(
        fixture.attestor.watched?.().map(({ kind, known, objects }) => [kind, known, objects]),
        [
          ['pods', true, 1],
          ['nodes', true, 1],
          ['namespaces', true, 1],
          ['serviceaccounts', false, 0],
        ],
      );
      assert.equal(cluster.asked('read'), 0);
    });
  });

  it('refuses a token that names another node, or another service account, than its pod has', async () => {
    const { fixture, cluster, objects } = await start();
    const { pod } = objects();
    assert.ok(pod);
    const token = await fixture.token();
    cluster.put('nodes', nodeObject('node-2'));
    for (const spec of [{ nodeName: 'node-2' }, { serviceAccountName: 'other' }]) {
      cluster.put('pods', { ...pod, spec: { ...pod.spec, ...spec } });
      await attesting?.known('pods', 1);
      const error = await eventuallyRefused(() => fixture.attest(token));
      assert.equal(error.reason, 'cluster_disagrees');
      assert.ok(error instanceof Rejected);
      cluster.put('pods', pod);
      await eventuallyAccepted(() => fixture.attest(token));
    }
  });

  it('refuses a token whose node was made again', async () => {
    const { fixture, cluster, objects, known } = await start();
    const { node } = objects();
    assert.ok(node);
    cluster.remove('nodes', node.metadata.uid);
    await known('nodes', 0);
    cluster.put('nodes', nodeObject('node-1', { uid: 'again' }));
    await known('nodes', 1);
    await refused(fixture.attest(await fixture.token()), 'node_deleted');
  });

  it('serves a token without a pod while its service account is there', async () => {
    const { fixture, cluster, objects, known } = await start();
    const token = await fixture.token({ pod: null });
    const attestation = await fixture.attest(token);
    assert.equal(attestation.assurance, 'low');
    assert.equal(attestation.facts['posture.privileged'], undefined);
    assert.deepEqual(Object.keys(attestation.unknownSelectors), []);
    cluster.remove('serviceaccounts', objects().serviceAccount.metadata.uid);
    await known('serviceaccounts', 0);
    await refused(fixture.attest(token), 'service_account_deleted');
    assert.equal(cluster.asked('read'), 0);
  });

  it('serves a token of a node while it is there', async () => {
    const { fixture, cluster, objects, known } = await start();
    const { node } = objects();
    assert.ok(node);
    const { uid, name } = node.metadata;
    cluster.put('nodes', { ...node, metadata: { ...node.metadata, labels: { pool: 'gold' } } });
    const token = fixture.changed((claims) => ({
      ...claims,
      'kubernetes.io': { ...Object(claims['kubernetes.io']), pod: undefined, node: { name, uid } },
    }));
    await eventuallyAccepted(async () =>
      assert.ok((await fixture.attest(token)).selectors.includes('k8s:node-label:pool:gold')),
    );
    cluster.remove('nodes', uid);
    await known('nodes', 0);
    await refused(fixture.attest(token), 'node_deleted');
  });

  it('serves a pod on a trusted node alone', async () => {
    const { fixture, cluster, objects } = await start({ trustedNodes: { ready: true } });
    const { node } = objects();
    assert.ok(node);
    const token = await fixture.token();
    await fixture.attest(token);
    cluster.put('nodes', { ...node, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } });
    assert.equal((await eventuallyRefused(() => fixture.attest(token))).reason, 'node_untrusted');
    cluster.put('nodes', node);
    await eventuallyAccepted(() => fixture.attest(token));
  });

  it('asks the same of the node of a token that is bound to a node alone', async () => {
    const { fixture, objects } = await start({ trustedNodes: { labels: { pool: 'gold' } } });
    const { uid, name } = objects().node?.metadata ?? assert.fail('no node');
    const token = fixture.changed((claims) => ({
      ...claims,
      'kubernetes.io': { ...Object(claims['kubernetes.io']), pod: undefined, node: { name, uid } },
    }));
    await refused(fixture.attest(token), 'node_untrusted');
  });

  it('refuses a pod whose node is gone, of which its token says nothing', async () => {
    const { fixture, cluster, objects, known } = await start();
    const token = fixture.changed((claims) => ({
      ...claims,
      'kubernetes.io': { ...Object(claims['kubernetes.io']), node: undefined },
    }));
    await fixture.attest(token);
    cluster.remove('nodes', String(objects().node?.metadata.uid));
    await known('nodes', 0);
    await refused(fixture.attest(token), 'node_deleted');
  });

  it('refuses a pod whose deletion has begun with terminating: refuse', async () => {
    for (const terminating of ['allow', 'refuse']) {
      const { fixture, objects } = await start({ terminating }, {}, (made, claims) => {
        putAll(made, claims);
        const { pod } = Object(claims['kubernetes.io']);
        const metadata = { deletionTimestamp: '2026-11-21T00:00:00Z' };
        made.put('pods', podObject(pod.name, { uid: pod.uid, metadata }));
      });
      assert.ok(objects().pod);
      const token = await fixture.token();
      if (terminating === 'allow') await fixture.attest(token);
      else await refused(fixture.attest(token), 'pod_terminating');
      await attesting?.close();
      attesting = undefined;
    }
  });
});

/** As soon as the watch has told it. */
async function eventuallyRefused(attempt: () => Promise<unknown>) {
  for (let times = 0; times < 1_000; times += 1) {
    const error = await attempt().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error instanceof Rejected || error instanceof Unavailable) return error;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return assert.fail('was never refused');
}

async function eventuallyAccepted(attempt: () => Promise<unknown>): Promise<void> {
  let last: unknown;
  for (let times = 0; times < 1_000; times += 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      last = error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  throw last;
}
