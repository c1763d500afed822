/** A fake API server that has objects too: lists in pages, watches and reads of them, with any fault that a test wants. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Resource } from '../../../attestors/kubernetes/api.js';
import type { ClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { type FakeApi, send, startFakeApi } from './fake-api.js';

export type Json = Readonly<Record<string, unknown>>;

/** An object as a test makes it: the cluster gives it its version. */
export interface ClusterObject extends Json {
  readonly metadata: Json & { readonly uid: string; readonly name: string; readonly namespace?: string };
}

export type Verb = 'list' | 'watch' | 'read';
/** @param serve answers as if nothing were wrong */
export type Fault = (response: ServerResponse, serve: () => void, query: URLSearchParams) => void;

export interface FakeCluster {
  readonly api: FakeApi;
  /** Makes it, or changes what has its uid. Lost events reach lists and reads, but no watch. */
  put(resource: Resource, object: ClusterObject, event?: 'seen' | 'lost'): void;
  remove(resource: Resource, uid: string, event?: 'seen' | 'lost'): void;
  bookmark(resource: Resource): void;
  /** To all open watches, as it stands. */
  write(resource: Resource, text: string): void;
  cutWatches(resource: Resource): void;
  endWatches(resource: Resource): void;
  openWatches(resource: Resource): number;
  /** Versions until now are not remembered any more, nor are lists half-way. */
  forget(): void;
  /** Undefined: none, from now on. */
  fault(verb: Verb, resource: Resource, fault: Fault | undefined): void;
  /** Requests so far. */
  asked(verb: Verb, resource?: Resource): number;
  /** The versions that watches asked for, in their order. */
  readonly watchedFrom: readonly string[];
  /** Objects on a page at most; the client may ask for fewer. */
  pageSize: number;
  version(): string;
  close(): Promise<void>;
}

/** As an API server says it. */
const absent = (name = '') => ({ kind: 'Status', code: 404, reason: 'NotFound', details: { name } });

const head = { 'content-type': 'application/json' };

export const hang: Fault = () => {};
export const stall: Fault = (response) => response.writeHead(200, head).flushHeaders();
export const cut: Fault = (response) => response.writeHead(200, head).write('', () => response.destroy());
export const endAtOnce: Fault = (response) => void response.writeHead(200, head).end();
export const status =
  (code: number): Fault =>
  (response) =>
    send(response, code, { kind: 'Status', code, message: 'it says no' });
export const answers =
  (body: unknown): Fault =>
  (response) =>
    send(response, 200, body);
/** Then the connection stays open. */
export const says =
  (text: string): Fault =>
  (response) =>
    void response.writeHead(200, head).write(text);
export const saysAndEnds =
  (text: string): Fault =>
  (response) =>
    void response.writeHead(200, head).end(text);
export const slow =
  (milliseconds: number): Fault =>
  (_response, serve) =>
    void setTimeout(serve, milliseconds);

interface Change {
  readonly resource: Resource;
  readonly version: number;
  readonly line: string;
}

interface Listing {
  readonly version: number;
  readonly items: readonly Json[];
}

interface Asked {
  readonly verb: Verb;
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly query: URLSearchParams;
}

function readRequest(request: IncomingMessage): Asked | null {
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://api');
  const [, namespace, resource, name] =
    /^\/api\/v1\/(?:namespaces\/([^/]+)\/)?(pods|nodes|namespaces|serviceaccounts)(?:\/([^/]+))?$/.exec(pathname) ?? [];
  if (resource === undefined) return null;
  const verb = name !== undefined ? 'read' : query.has('watch') ? 'watch' : 'list';
  return { verb, resource: resource as Resource, namespace, name, query };
}

export async function startFakeCluster(issuer: ClusterIssuer): Promise<FakeCluster> {
  const objects: Record<Resource, Map<string, ClusterObject>> = {
    pods: new Map(),
    nodes: new Map(),
    namespaces: new Map(),
    serviceaccounts: new Map(),
  };
  const changes: Change[] = [];
  const listings = new Map<string, Listing>();
  const watches = new Map<ServerResponse, Resource>();
  const faults = new Map<string, Fault>();
  const requests: Asked[] = [];
  const watchedFrom: string[] = [];
  let version = 1_000;
  let oldest = 0;

  const watchesOf = (resource: Resource) =>
    [...watches]
      .filter(([each, of]) => of === resource && !each.writableEnded && !each.destroyed)
      .map(([each]) => each);
  const write = (resource: Resource, text: string) => {
    for (const response of watchesOf(resource)) response.write(text);
  };

  function change(type: string, resource: Resource, object: ClusterObject, event: 'seen' | 'lost'): ClusterObject {
    version += 1;
    const versioned = { ...object, metadata: { ...object.metadata, resourceVersion: `${version}` } };
    if (event === 'lost') return versioned;
    const line = eventLine(type, versioned);
    changes.push({ resource, version, line });
    write(resource, line);
    return versioned;
  }

  function list(response: ServerResponse, { resource, query }: Asked): void {
    const [id = '', from = '0'] = (query.get('continue') ?? `${resource}${version}`).split('/');
    if (query.has('continue') && !listings.has(id)) {
      send(response, 410, {});
      return;
    }
    const listing = listings.get(id) ?? { version, items: [...objects[resource].values()] };
    listings.set(id, listing);
    const end = Number(from) + Math.min(cluster.pageSize, Number(query.get('limit')));
    const more = end < listing.items.length ? { continue: `${id}/${end}` } : {};
    send(response, 200, {
      kind: 'List',
      metadata: { resourceVersion: `${listing.version}`, ...more },
      items: listing.items.slice(Number(from), end),
    });
  }

  function watch(response: ServerResponse, { resource, query }: Asked): void {
    const from = Number(query.get('resourceVersion'));
    if (from < oldest) {
      send(response, 410, {});
      return;
    }
    response.writeHead(200, head).flushHeaders();
    for (const each of changes) if (each.resource === resource && each.version > from) response.write(each.line);
    watches.set(response, resource);
    const timer = setTimeout(() => response.end(), Number(query.get('timeoutSeconds')) * 1_000);
    response.on('close', () => {
      clearTimeout(timer);
      watches.delete(response);
    });
  }

  function read(response: ServerResponse, { resource, namespace, name }: Asked): void {
    const found = [...objects[resource].values()].find(
      ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
    );
    send(response, found === undefined ? 404 : 200, found ?? absent(name));
  }

  const serve = { list, watch, read };
  const api = await startFakeApi(issuer, '', (response, request) => {
    const asked = readRequest(request);
    if (asked === null) return false;
    requests.push(asked);
    if (asked.verb === 'watch') watchedFrom.push(asked.query.get('resourceVersion') ?? '');
    const honest = () => serve[asked.verb](response, asked);
    const fault = faults.get(`${asked.verb} ${asked.resource}`);
    if (fault === undefined) honest();
    else fault(response, honest, asked.query);
    return true;
  });

  const cluster: FakeCluster = {
    api,
    watchedFrom,
    pageSize: Number.POSITIVE_INFINITY,
    write,
    version: () => `${version}`,
    put(resource, object, event = 'seen') {
      const { uid } = object.metadata;
      const type = objects[resource].has(uid) ? 'MODIFIED' : 'ADDED';
      objects[resource].set(uid, change(type, resource, object, event));
    },
    remove(resource, uid, event = 'seen') {
      const object = objects[resource].get(uid);
      if (object === undefined) throw new Error(`there is no ${uid}`);
      objects[resource].delete(uid);
      change('DELETED', resource, object, event);
    },
    bookmark(resource) {
      write(resource, bookmarkLine(version));
    },
    cutWatches(resource) {
      for (const response of watchesOf(resource)) response.destroy();
    },
    endWatches(resource) {
      for (const response of watchesOf(resource)) response.end();
    },
    openWatches: (resource) => watchesOf(resource).length,
    forget() {
      version += 1;
      oldest = version;
      listings.clear();
    },
    fault(verb, resource, fault) {
      if (fault === undefined) faults.delete(`${verb} ${resource}`);
      else faults.set(`${verb} ${resource}`, fault);
    },
    asked: (verb, resource) =>
      requests.filter((each) => each.verb === verb && (resource === undefined || each.resource === resource)).length,
    close: api.close,
  };
  return cluster;
}

export const eventLine = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;

export const bookmarkLine = (version: number | string): string =>
  eventLine('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: `${version}` } });

/** That a version is too old, as it is said within a watch. */
export const expired = eventLine('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
