import assert from 'node:assert/strict';
import fc from 'fast-check';
import { connectApiServer } from '../../../../attestors/kubernetes/api.js';
import { type Collection, createCollection } from '../../../../attestors/kubernetes/live/collection.js';
import { type Pod, readPod } from '../../../../attestors/kubernetes/live/objects.js';
import { watchResource } from '../../../../attestors/kubernetes/live/watch.js';
import { type ClusterObject, eventLine, expired, type FakeCluster, startFakeCluster } from '../fake-cluster.js';
import { sharedCluster } from '../fixture.js';
import { podObject, until } from './things.js';

const steps = ['put', 'put', 'put', 'remove', 'again', 'cut', 'end', 'twice', 'lost', 'expire', 'garbage'] as const;

interface Step {
  readonly does: (typeof steps)[number];
  /** Which of a few names. */
  readonly name: number;
  readonly label: string;
}

/** Applies steps to a cluster, and knows what is then there. */
function createWorld(cluster: FakeCluster) {
  const there = new Map<string, ClusterObject>();
  let made = 0;
  let last: readonly [type: string, object: ClusterObject] | undefined;
  const remove = (name: string, event: 'seen' | 'lost' = 'seen') => {
    const object = there.get(name);
    if (object === undefined) return;
    there.delete(name);
    cluster.remove('pods', object.metadata.uid, event);
    last = ['DELETED', object];
  };
  const put = (name: string, label: string, event: 'seen' | 'lost' = 'seen') => {
    made += 1;
    const uid = there.get(name)?.metadata.uid ?? `${name}-${made}`;
    const object = podObject(name, { uid, metadata: { labels: { label } } });
    there.set(name, object);
    cluster.put('pods', object, event);
    last = ['MODIFIED', object];
  };
  const step = ({ does, name: number, label }: Step): void => {
    const name = `pod-${number}`;
    if (does === 'put') put(name, label);
    else if (does === 'remove') remove(name);
    else if (does === 'again') {
      remove(name);
      put(name, label);
    } else if (does === 'cut') cluster.cutWatches('pods');
    else if (does === 'end') cluster.endWatches('pods');
    else if (does === 'garbage') cluster.write('pods', '{"type":\n');
    else if (does === 'expire') cluster.write('pods', expired);
    else if (does === 'twice') repeat();
    else {
      // What a watch does not tell is found by the list that the API server asks for.
      remove(name, 'lost');
      put(`pod-${number + 1}`, label, 'lost');
      cluster.forget();
      cluster.cutWatches('pods');
    }
  };
  function repeat(): void {
    if (last === undefined) return;
    const [type, object] = last;
    const metadata = { ...object.metadata, resourceVersion: cluster.version() };
    cluster.write('pods', eventLine(type, { ...object, metadata }));
  }
  return { step, there };
}

const contents = (pods: Collection<Pod>) =>
  [...pods.values()].map(({ uid, key, labels }) => `${uid} ${key} ${labels?.label}`).sort();

async function holds(sequence: readonly Step[]): Promise<void> {
  const cluster = await startFakeCluster(await sharedCluster());
  const server = await connectApiServer(cluster.api.kubeconfig);
  const pods = createCollection(readPod, {});
  const now = () => Date.now() / 1_000;
  const watch = watchResource({ server, resource: 'pods', maxAge: 30, now, follower: pods, warn: () => {} });
  try {
    const { step, there } = createWorld(cluster);
    await watch.attempted;
    for (const each of sequence) {
      step(each);
      // Most of it meets an open watch.
      if (each.label === 'a') await until(() => cluster.openWatches('pods') > 0, 'a watch', 20);
    }
    await until(() => cluster.openWatches('pods') > 0, 'a watch', 20);
    step({ does: 'put', name: 99, label: 'the last' });
    const fresh = createCollection(readPod, {});
    fresh.listed([...there.values()]);
    const expected = contents(fresh);
    await until(
      () => contents(pods).join() === expected.join(),
      () => `${contents(pods).join()} is not ${expected.join()}`,
      20,
    );
    for (const { uid, key } of pods.values()) {
      assert.equal(pods.byKey(key)?.uid, uid);
      assert.ok(!pods.isGone(uid));
    }
  } finally {
    watch.close();
    server.close();
    await cluster.close();
  }
}

describe('kubernetes watched picture', () => {
  it('is in the end what a fresh list is, whatever happened on the way', async function () {
    this.timeout(60_000);
    const step = fc.record({
      does: fc.constantFrom(...steps),
      name: fc.integer({ min: 0, max: 3 }),
      label: fc.constantFrom('a', 'b'),
    });
    // All at once, as each of them waits most of its time.
    const sequences = fc.sample(fc.array(step, { minLength: 4, maxLength: 10 }), 16);
    const outcomes = await Promise.allSettled(sequences.map(holds));
    outcomes.forEach((outcome, index) => {
      if (outcome.status === 'rejected') assert.fail(`${outcome.reason}\n${JSON.stringify(sequences[index])}`);
    });
  });
});
