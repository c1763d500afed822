/** What we ask of a cluster's API server, each with the permission that it takes. */
import type { FollowCall } from '../attestor.js';
import { type Connection, connect, type Operation, objectLimit } from './connection.js';

/** What is listed, watched and read. */
export type Resource = 'pods' | 'nodes' | 'namespaces' | 'serviceaccounts';

export const resources: readonly Resource[] = Object.freeze(['pods', 'nodes', 'namespaces', 'serviceaccounts']);

export interface ListPage {
  /** Objects at most. */
  readonly limit: number;
  /** Where to go on; empty on the last page. */
  readonly continue: string;
}

export interface ObjectName {
  /** Undefined for what is in no namespace. */
  readonly namespace: string | undefined;
  readonly name: string;
}

export interface ApiServer {
  /** The JWK Set that verifies service account tokens, not validated. @throws Unavailable */
  keys(signal: AbortSignal): Promise<unknown>;
  /** The answer to a TokenReview, not validated. @throws Unavailable */
  review(token: string, audience: string, signal: AbortSignal): Promise<unknown>;
  /** One page, not validated; null when `page` has expired. @throws Unavailable */
  list(resource: Resource, page: ListPage, signal: AbortSignal): Promise<unknown>;
  /**
   * Events as lines of JSON; the API server ends it after `seconds`. Null when it does not remember the version.
   * @throws Unavailable, also while it is read
   */
  watch(resource: Resource, from: WatchFrom, signal: AbortSignal): Promise<AsyncIterable<string> | null>;
  /** One object, not validated; null when there is none. @throws Unavailable */
  read(resource: Resource, object: ObjectName, signal: AbortSignal): Promise<unknown>;
  close(): void;
}

export interface WatchFrom {
  readonly resourceVersion: string;
  /** Whole seconds. */
  readonly seconds: number;
}

const readKeys: Operation = {
  method: 'GET',
  path: '/openid/v1/jwks',
  // The API server answers 406 to application/json here.
  accept: 'application/jwk-set+json',
  permission: 'bind the ClusterRole system:service-account-issuer-discovery to the service account of this server',
};

const createReview = (token: string, audience: string): Operation => ({
  method: 'POST',
  path: '/apis/authentication.k8s.io/v1/tokenreviews',
  accept: 'application/json',
  permission:
    'allow the service account of this server to create tokenreviews.authentication.k8s.io (ClusterRole system:auth-delegator)',
  body: {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [audience] },
  },
});

/** Objects on a page: parsing one takes some 4 ms, in which nothing else is answered. */
export const pageSize = 100;
/** Bytes. A page of large objects is asked for again, smaller. */
const pageLimit = 64 * 1_048_576;

/** Of namespaces and service accounts we need no more than the metadata. */
const acceptFor = (resource: Resource, kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList') =>
  resource === 'pods' || resource === 'nodes' ? 'application/json' : `application/json;as=${kind};g=meta.k8s.io;v=v1`;

const permissionFor = (verb: string, resource: Resource) =>
  `allow the service account of this server to ${verb} ${resource} (the ClusterRole in attestors/kubernetes/README.md)`;

function listOperation(resource: Resource, page: ListPage): Operation {
  const { limit, continue: token } = page;
  const query = new URLSearchParams({ limit: `${limit}`, ...(token === '' ? {} : { continue: token }) });
  return {
    method: 'GET',
    path: `/api/v1/${resource}?${query}`,
    accept: acceptFor(resource, 'PartialObjectMetadataList'),
    permission: permissionFor('list', resource),
    orStatus: 410,
    limit: pageLimit,
  };
}

function watchOperation(resource: Resource, { resourceVersion, seconds }: WatchFrom): Operation {
  const query = new URLSearchParams({
    watch: '1',
    allowWatchBookmarks: 'true',
    timeoutSeconds: `${seconds}`,
    resourceVersion,
  });
  return {
    method: 'GET',
    path: `/api/v1/${resource}?${query}`,
    accept: acceptFor(resource, 'PartialObjectMetadata'),
    permission: permissionFor('watch', resource),
    orStatus: 410,
  };
}

const readOperation = (resource: Resource, { namespace, name }: ObjectName): Operation => ({
  method: 'GET',
  path: `/api/v1/${namespace === undefined ? '' : `namespaces/${namespace}/`}${resource}/${name}`,
  accept: acceptFor(resource, 'PartialObjectMetadata'),
  permission: permissionFor('get', resource),
  orAbsent: name,
  limit: objectLimit,
});

/**
 * @param api `in-cluster`, or the absolute path of a kubeconfig file
 * @throws Error with a sentence for the operator
 */
export async function connectApiServer(api: string, follow?: FollowCall): Promise<ApiServer> {
  return createApiServer(await connect(api, follow));
}

export function createApiServer(connection: Connection): ApiServer {
  return Object.freeze<ApiServer>({
    keys: (signal) => connection.ask(readKeys, signal),
    review: (token, audience, signal) => connection.ask(createReview(token, audience), signal),
    list: (resource, page, signal) => connection.ask(listOperation(resource, page), signal),
    watch: (resource, from, signal) => connection.lines(watchOperation(resource, from), signal),
    read: (resource, object, signal) => connection.ask(readOperation(resource, object), signal),
    close: () => connection.close(),
  });
}
