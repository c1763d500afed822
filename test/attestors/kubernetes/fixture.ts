/** A Kubernetes attestor over a stand-in cluster, on a clock that stands still until it is set. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Attestation, Attestor } from '../../../attestors/attestor.js';
import { kubernetes } from '../../../attestors/kubernetes/index.js';
import {
  type Claims,
  type ClusterAlgorithm,
  type ClusterIssuer,
  createClusterIssuer,
  type TokenRequest,
} from '../../../examples/quickstart/cluster-issuer.js';
import { Refusal } from '../../../src/errors.js';
import { callWith, createTestHost, jwtEvidence, ourIssuer, type TestHost } from '../../support/attestor-host.js';

export const clusterUrl = 'https://kubernetes.default.svc';
export const start = 1_795_000_000;

export interface Fixture {
  readonly cluster: ClusterIssuer;
  readonly attestor: Attestor;
  readonly host: TestHost;
  now: number;
  /** A token of agents/calendar-agent for us, unless said otherwise. */
  token(request?: Partial<TokenRequest>): Promise<string>;
  /** The same, its claims changed before they are signed; undefined takes one away. */
  changed(change: (claims: Claims) => Claims, request?: Partial<TokenRequest>): string;
  attest(token: string, signal?: AbortSignal): Promise<Attestation>;
  close(): Promise<void>;
}

const clusters = new Map<ClusterAlgorithm, Promise<ClusterIssuer>>();

/** One key of each kind for all tests: an RSA key takes long to make. Its clock stands at `start`. */
export function sharedCluster(algorithm: ClusterAlgorithm = 'ES256'): Promise<ClusterIssuer> {
  const cluster = clusters.get(algorithm) ?? createClusterIssuer({ issuer: clusterUrl, algorithm, now: () => start });
  clusters.set(algorithm, cluster);
  return cluster;
}

/** @param block beside `issuer`; `keys` are in a file unless it, or `api`, says otherwise */
export async function createFixture(
  block: Readonly<Record<string, unknown>> = {},
  cluster?: ClusterIssuer,
): Promise<Fixture> {
  const issuer = cluster ?? (await sharedCluster());
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-kubernetes-'));
  await writeFile(join(folder, 'jwks.json'), JSON.stringify(issuer.jwks()));
  const host = createTestHost(() => fixture.now, folder);
  const keys = block.api === undefined ? { keys: { jwksFile: 'jwks.json' } } : {};
  const options = kubernetes.options.parse({ issuer: issuer.issuer, ...keys, ...block });
  const request = { namespace: 'agents', serviceAccount: 'calendar-agent', audience: ourIssuer };
  const fixture: { -readonly [Key in keyof Fixture]: Fixture[Key] } = {
    cluster: issuer,
    host,
    now: start,
    attestor: undefined as unknown as Attestor,
    token: (changes) => issuer.mint({ ...request, ...changes }),
    changed: (change, changes) => issuer.sign(change(issuer.claims({ ...request, ...changes }))),
    attest: (token, signal) => fixture.attestor.attest(jwtEvidence(token), callWith(signal)),
    async close() {
      await fixture.attestor.close();
      await host.close();
      await rm(folder, { recursive: true });
    },
  };
  fixture.attestor = await kubernetes.create('prod-eu', options, host.host);
  return fixture;
}

/** @returns the refusal, for more to be said of it */
export async function refused(promise: Promise<unknown>, reason: string): Promise<Refusal> {
  const error = await promise.then(
    () => assert.fail(`accepted; expected ${reason}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Refusal, String(error));
  assert.equal(error.reason, reason, error.message);
  return error;
}
