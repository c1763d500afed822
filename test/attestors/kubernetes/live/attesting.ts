/** A Kubernetes attestor that watches a fake cluster, in which the objects of one token are. */
import type { Claims, TokenRequest } from '../../../../examples/quickstart/cluster-issuer.js';
import { ourIssuer } from '../../../support/attestor-host.js';
import { type FakeCluster, startFakeCluster, status } from '../fake-cluster.js';
import { createFixture, type Fixture, sharedCluster } from '../fixture.js';
import { objectsOf, putAll, until } from './things.js';

export interface Attesting {
  readonly fixture: Fixture;
  readonly cluster: FakeCluster;
  /** As the cluster would sign them for agents/calendar-agent, unless said otherwise. */
  claims(request?: Partial<TokenRequest>): Claims;
  /** The objects of those claims. */
  objects(request?: Partial<TokenRequest>): ReturnType<typeof objectsOf>;
  /** Until as many objects of the kind are known. */
  known(kind: string, objects: number): Promise<void>;
  reviews(): number;
  /** Nothing can be listed or watched, and the picture is older than it may be. */
  becomeStale(): Promise<void>;
  recover(): Promise<void>;
  close(): Promise<void>;
}

const kinds = ['pods', 'nodes', 'namespaces', 'serviceaccounts'] as const;

export async function startAttesting(
  live: Readonly<Record<string, unknown>> = {},
  block: Readonly<Record<string, unknown>> = {},
  prepare: (cluster: FakeCluster, claims: Claims) => void = putAll,
): Promise<Attesting> {
  const issuer = await sharedCluster();
  const cluster = await startFakeCluster(issuer);
  const claims = (request: Partial<TokenRequest> = {}) =>
    issuer.claims({ namespace: 'agents', serviceAccount: 'calendar-agent', audience: ourIssuer, ...request });
  prepare(cluster, claims());
  const fixture = await createFixture({ api: { kubeconfig: cluster.api.kubeconfig }, live, ...block }, issuer);
  const watched = () => fixture.attestor.watched?.() ?? [];
  return {
    fixture,
    cluster,
    claims,
    objects: (request) => objectsOf(claims(request)),
    known: (kind, objects) =>
      until(
        () => watched().find((each) => each.kind === kind)?.objects === objects,
        () => JSON.stringify(watched()),
      ),
    reviews: () => cluster.api.requests.filter((each) => each.includes('tokenreviews')).length,
    async becomeStale() {
      for (const kind of kinds) {
        cluster.fault('list', kind, status(500));
        cluster.fault('watch', kind, status(500));
        cluster.cutWatches(kind);
      }
      await until(() => kinds.every((kind) => cluster.openWatches(kind) === 0), 'watches are closed');
      fixture.now += 31;
    },
    async recover() {
      for (const kind of kinds) {
        cluster.fault('list', kind, undefined);
        cluster.fault('watch', kind, undefined);
      }
      await until(() => kinds.every((kind) => cluster.openWatches(kind) > 0), 'watches are open');
      for (const kind of kinds) cluster.bookmark(kind);
      await until(
        () => watched().every(({ known }) => known),
        () => JSON.stringify(watched()),
      );
    },
    async close() {
      await fixture.close();
      await cluster.close();
    },
  };
}
