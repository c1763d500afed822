/**
 * Finds the pod, node, namespace and service account of a token: in the watched picture, at no cost; by a direct read what the
 * watch has not seen yet; and all by direct reads while the picture is too old, if the configuration says so.
 */
import { Unavailable } from '../../../src/errors.js';
import type { ApiServer } from '../api.js';
import type { ServiceAccountToken } from '../claims.js';
import type { ClusterState } from './cluster-state.js';
import type { Collection, Known } from './collection.js';
import type { Namespace, Node, Pod } from './objects.js';
import { checkAgreement, ended, fault, type Observation, type StandingRules } from './observation.js';
import {
  createReader,
  namespaceOf,
  nodeNamed,
  nodeOf,
  podOf,
  type Readable,
  serviceAccountOf,
  type Wanted,
} from './wanted.js';

export interface ObserverOptions {
  readonly server: ApiServer;
  readonly state: ClusterState;
  readonly rules: StandingRules;
  /** What decides while the picture is too old. */
  readonly stale: 'deny' | 'review';
  /** What is done about a uid that the watch has not seen. */
  readonly unseen: 'read' | 'deny';
  /** Seconds since the epoch. */
  readonly now: () => number;
}

export interface Observer {
  /**
   * @param review asks the API server about the token; called when the picture does not decide
   * @throws Rejected when the pod, its service account or its node is gone, is not to be served, or disagrees with the token
   * @throws Unavailable when that cannot be found out
   */
  observe(token: ServiceAccountToken, review: () => Promise<void>): Promise<Observation>;
}

interface Found {
  readonly pod: Pod | undefined;
  readonly node: Node | undefined;
  readonly namespace: Namespace | undefined;
  readonly observedAt: number;
}

/** Milliseconds that a direct read may take. */
const readTime = 500;

export function createObserver(options: ObserverOptions): Observer {
  const { state, rules, now } = options;
  const read = createReader(options.server, readTime);

  async function find<T extends Known>(wanted: Wanted<T>): Promise<T> {
    const { collection, uid } = wanted;
    if (collection.isGone(uid)) throw ended(wanted.deleted);
    const known = collection.byUid(uid);
    if (known !== undefined && wanted.isCurrent(known)) return known;
    if (options.unseen === 'deny') throw unseen(wanted.what);
    return readNow(wanted);
  }

  async function readNow<T extends Known>(wanted: Wanted<T>): Promise<T> {
    const { collection, uid } = wanted;
    if (collection.isGone(uid)) throw ended(wanted.deleted);
    const found = await read(wanted);
    if (found?.uid !== uid) {
      collection.gone(uid);
      throw ended(wanted.deleted);
    }
    // Should it go before the watch has seen it, the next list tells.
    collection.expect(uid);
    return found;
  }

  /** What the token gives no uid of: where it is not there either, nothing is known of it. */
  async function findNamed<T extends Known>(collection: Collection<T>, readable: Readable<T>): Promise<T | undefined> {
    const known = collection.byKey(readable.object.name);
    if (known !== undefined || options.unseen === 'deny') return known;
    return (await read(readable)) ?? undefined;
  }

  /** All of it, where the picture has all of it, as it nearly always has; then nobody waits. */
  function atOnce(token: ServiceAccountToken, observedAt: number): Found | null {
    const { pods, nodes, namespaces, serviceAccounts } = state;
    const pod = token.pod && pods.byUid(token.pod.uid);
    if (token.pod !== undefined && pod?.node === undefined) return null;
    const uid = token.node?.uid;
    const node = uid === undefined ? nodes.byKey(pod?.node ?? '') : nodes.byUid(uid);
    const namespace = namespaces.byKey(token.namespace);
    const hasServiceAccount = serviceAccounts.byUid(token.serviceAccount.uid) !== undefined;
    return hasServiceAccount && node && namespace ? { pod, node, namespace, observedAt } : null;
  }

  /** What has to be read is read at once; only a node that the token does not name waits for its pod. */
  async function inPicture(token: ServiceAccountToken, observedAt: number): Promise<Found> {
    const named = nodeOf(state, token);
    const [pod, node, namespace] = await Promise.all([
      token.pod && find(podOf(state, token, token.pod)),
      named && find(named),
      findNamed(state.namespaces, namespaceOf(token)),
      find(serviceAccountOf(state, token)),
    ]);
    const name = pod?.node ?? token.node?.name;
    if (node !== undefined || name === undefined) return { pod, node, namespace, observedAt };
    const unnamed = await findNamed(state.nodes, nodeNamed(name));
    if (unnamed === undefined && options.unseen === 'deny') throw unseen('node');
    return { pod, node: unnamed, namespace, observedAt };
  }

  /** The review may be an older answer of the API server's: everything is read. */
  async function byReads(token: ServiceAccountToken): Promise<Found> {
    // A read that was under way is shared.
    const observedAt = now() - readTime / 1_000;
    const named = nodeOf(state, token);
    const [pod, node, namespace] = await Promise.all([
      token.pod && readNow(podOf(state, token, token.pod)),
      named && readNow(named),
      read(namespaceOf(token)),
      readNow(serviceAccountOf(state, token)),
    ]);
    const name = pod?.node ?? token.node?.name;
    const found = node ?? (name === undefined ? undefined : await read(nodeNamed(name)));
    return { pod, node: found ?? undefined, namespace: namespace ?? undefined, observedAt };
  }

  return Object.freeze<Observer>({
    async observe(token, review) {
      const completeAt = state.completeAt();
      if (completeAt === null) {
        if (options.stale === 'deny') throw tooOld();
        await review();
      }
      const found =
        completeAt === null
          ? await byReads(token)
          : (atOnce(token, completeAt) ?? (await inPicture(token, completeAt)));
      const nodeBootedAt = found.node && state.bootedAt(found.node);
      const observation = Object.freeze<Observation>({ ...found, nodeBootedAt });
      checkAgreement(token, observation);
      const reason = fault(observation, rules);
      if (reason !== null) throw ended(reason);
      return observation;
    },
  });
}

const unseen = (what: string) =>
  new Unavailable('facts_unseen', `The watch has not seen the ${what} yet, and live.unseen is deny.`);

const tooOld = () =>
  new Unavailable(
    'facts_stale',
    'What is known of the cluster is older than live.maxAge, as its API server cannot be watched: see /readyz, and run counterseal doctor kubernetes.',
  );
