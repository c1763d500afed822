/** What a token names, as something to be found in the watched picture or read from the API server. */
import { Unavailable } from '../../../src/errors.js';
import type { ApiServer, ObjectName, Resource } from '../api.js';
import type { ServiceAccountToken } from '../claims.js';
import type { ClusterState } from './cluster-state.js';
import type { Collection, Known } from './collection.js';
import {
  type Namespace,
  type Node,
  type Pod,
  readNamespace,
  readNode,
  readPod,
  readServiceAccount,
} from './objects.js';
import type { EndReason } from './observation.js';

export interface Readable<T> {
  readonly resource: Resource;
  readonly object: ObjectName;
  /** Given when only the object of that uid is meant, which was there before it was asked for. */
  readonly uid?: string;
  readonly project: (object: unknown) => T | null;
}

export interface Wanted<T extends Known> extends Readable<T> {
  readonly what: string;
  readonly uid: string;
  readonly collection: Collection<T>;
  /** What it means when it is not there any more. */
  readonly deleted: EndReason;
  /** Whether what was seen of it is as new as the token. */
  readonly isCurrent: (known: T) => boolean;
}

const always = () => true;

export const podOf = (
  { pods }: ClusterState,
  { namespace, node }: ServiceAccountToken,
  { name, uid }: NonNullable<ServiceAccountToken['pod']>,
): Wanted<Pod> => ({
  what: 'pod',
  uid,
  collection: pods,
  deleted: 'pod_deleted',
  // A pod may get its node, and with it its first token, before the watch has told so.
  isCurrent: (pod) => pod.node !== undefined || node === undefined,
  resource: 'pods',
  object: { namespace, name },
  project: readPod,
});

export const serviceAccountOf = (
  { serviceAccounts }: ClusterState,
  { namespace, serviceAccount }: ServiceAccountToken,
): Wanted<Known> => ({
  what: 'service account',
  uid: serviceAccount.uid,
  collection: serviceAccounts,
  deleted: 'service_account_deleted',
  isCurrent: always,
  resource: 'serviceaccounts',
  object: { namespace, name: serviceAccount.name },
  project: readServiceAccount,
});

/** Undefined where the token does not say which node it was. */
export function nodeOf({ nodes }: ClusterState, { node }: ServiceAccountToken): Wanted<Node> | undefined {
  if (node?.uid === undefined) return undefined;
  return {
    what: 'node',
    uid: node.uid,
    collection: nodes,
    deleted: 'node_deleted',
    isCurrent: always,
    ...nodeNamed(node.name),
  };
}

export const nodeNamed = (name: string): Readable<Node> => ({
  resource: 'nodes',
  object: { namespace: undefined, name },
  project: readNode,
});

export const namespaceOf = ({ namespace }: ServiceAccountToken): Readable<Namespace> => ({
  resource: 'namespaces',
  object: { namespace: undefined, name: namespace },
  project: readNamespace,
});

/** Null: there is no such object. @throws Unavailable */
export type Reader = <T>(readable: Readable<T>) => Promise<T | null>;

/**
 * Who asks for the same object at the same time shares one read; for another uid under the same name, the read may have begun
 * too early.
 * @param time milliseconds that a read may take
 */
export function createReader(server: ApiServer, time: number): Reader {
  const flights = new Map<string, Promise<unknown>>();
  return async <T>({ resource, object, uid = '', project }: Readable<T>) => {
    const key = `${resource} ${object.namespace ?? ''}/${object.name} ${uid}`;
    let flight = flights.get(key);
    if (flight === undefined) {
      flight = server.read(resource, object, AbortSignal.timeout(time)).finally(() => flights.delete(key));
      flights.set(key, flight);
    }
    const found = await flight;
    if (found === null) return null;
    const read = project(found);
    // Of what cannot be read it is not known that it is gone.
    if (read === null) throw new Unavailable('api_unreadable', `the API server's answer is none of ${resource}`);
    return read;
  };
}
