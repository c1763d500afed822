/** A watch of pods over a fake cluster, on a clock that tests can move on, with a picture of uids. */
import { type ApiServer, connectApiServer } from '../../../../attestors/kubernetes/api.js';
import { type ResourceWatch, watchResource } from '../../../../attestors/kubernetes/live/watch.js';
import { type FakeCluster, startFakeCluster } from '../fake-cluster.js';
import { sharedCluster } from '../fixture.js';
import { until } from './things.js';

export interface Watching {
  readonly cluster: FakeCluster;
  readonly watch: ResourceWatch;
  /** Uids of what is there, as told. */
  readonly picture: ReadonlySet<string>;
  /** Everything that was told. */
  readonly told: readonly string[];
  readonly warnings: readonly string[];
  readonly clock: { /** Seconds. */ ahead: number };
  now(): number;
  /** Seconds since the picture was complete. */
  age(): number;
  /** Until a watch is open, and the picture what the cluster has. */
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

const uidOf = (object: unknown) => (object as { readonly metadata: { readonly uid: string } }).metadata.uid;

/** @param prepare before the first request */
export async function startWatching(
  maxAge: number,
  prepare: (cluster: FakeCluster) => void = () => {},
): Promise<Watching> {
  const cluster = await startFakeCluster(await sharedCluster());
  prepare(cluster);
  const server: ApiServer = await connectApiServer(cluster.api.kubeconfig);
  const picture = new Set<string>();
  const told: string[] = [];
  let pages: unknown[] = [];
  const warnings: string[] = [];
  const clock = { ahead: 0 };
  const now = () => Date.now() / 1_000 + clock.ahead;
  const tell = (what: string, object: unknown) => told.push(`${what} ${uidOf(object)}`);
  const watch = watchResource({
    server,
    resource: 'pods',
    maxAge,
    now,
    warn: (message) => warnings.push(message),
    follower: {
      listing() {
        told.push('listing');
        pages = [];
      },
      page(objects) {
        pages = pages.concat(objects);
      },
      listed(objects) {
        pages = pages.concat(objects);
        told.push(`listed ${pages.length}`);
        picture.clear();
        for (const object of pages) picture.add(uidOf(object));
      },
      present(object) {
        tell('present', object);
        picture.add(uidOf(object));
      },
      deleted(object) {
        tell('deleted', object);
        picture.delete(uidOf(object));
      },
    },
  });
  return {
    cluster,
    watch,
    picture,
    told,
    warnings,
    clock,
    now,
    age: () => now() - (watch.completeAt() ?? Number.NEGATIVE_INFINITY),
    caughtUp: () => until(() => cluster.openWatches('pods') > 0, 'no watch is open'),
    async close() {
      watch.close();
      server.close();
      await cluster.close();
    },
  };
}
