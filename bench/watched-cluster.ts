/**
 * A stand-in for an API server that is watched: the pods of the workload's tokens and as many others as were asked for, of
 * which some change all the time. In a process of its own, beside the load generator. Arguments: the exchanges, pods, changes a second.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readExchanges } from './workload.js';

interface KubernetesObject {
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string; readonly uid: string };
}

interface Event {
  readonly version: number;
  readonly line: string;
}

const [exchangesFile = '', podCount = '5000', changesPerSecond = '50'] = process.argv.slice(2);
/** Events that a watch may be behind. */
const remembered = 10_000;
let version = 1_000;
const events: Event[] = [];
const watchers = new Map<string, Set<ServerResponse>>();

interface PodClaims {
  readonly namespace: string;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly serviceaccount: { readonly name: string; readonly uid: string };
  readonly node: { readonly name: string; readonly uid: string };
}

const claims = readExchanges(exchangesFile).map(
  ({ token }) =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())['kubernetes.io'] as PodClaims,
);
const others = Array.from({ length: Number(podCount) - claims.length }, (_, index): PodClaims => {
  const like = claims[index % claims.length] as PodClaims;
  return { ...like, pod: { name: `other-${index}`, uid: `00000000-0000-4000-8000-${`${index}`.padStart(12, '0')}` } };
});

/** As large as a pod of a Deployment is, with what its controllers and managers wrote. */
function podObject({ namespace, pod, serviceaccount, node }: PodClaims, change = 0): KubernetesObject {
  const env = Array.from({ length: 12 }, (_, index) => ({
    name: `SETTING_${index}`,
    value: `value of setting ${index}`,
  }));
  const image = `registry.example/${namespace}/${serviceaccount.name}:1.4.2`;
  const managedFields = Array.from({ length: 3 }, (_, index) => ({
    manager: `manager-${index}`,
    operation: 'Update',
    apiVersion: 'v1',
    time: '2026-11-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: Object.fromEntries(env.map(({ name }) => [`f:${name}`, { '.': {}, 'f:name': {}, 'f:value': {} }])),
  }));
  return {
    metadata: {
      ...pod,
      namespace,
      resourceVersion: `${version}`,
      labels: {
        'app.kubernetes.io/name': serviceaccount.name,
        'app.kubernetes.io/part-of': namespace,
        'pod-template-hash': '5d4f8c7b9',
        tier: 'backend',
      },
      annotations: { 'example.com/change': `${change}` },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${serviceaccount.name}-5d4f8c7b9`,
          uid: 'r',
          controller: true,
        },
      ],
      managedFields,
    },
    spec: {
      serviceAccountName: serviceaccount.name,
      nodeName: node.name,
      securityContext: { runAsNonRoot: true },
      containers: [
        { name: 'main', image, env, securityContext: { readOnlyRootFilesystem: true } },
        { name: 'proxy', image: 'registry.example/mesh/proxy:2.1.0', env },
      ],
    },
    status: {
      phase: 'Running',
      startTime: '2026-11-01T00:00:00Z',
      containerStatuses: ['main', 'proxy'].map((name) => ({
        name,
        image,
        imageID: `registry.example/x@sha256:${'ab'.repeat(32)}`,
        restartCount: change,
        state: { running: { startedAt: '2026-11-01T00:00:00Z' } },
      })),
    },
  } as KubernetesObject;
}

const unique = <T extends { readonly uid: string }>(all: readonly T[]): T[] => [
  ...new Map(all.map((one) => [one.uid, one])).values(),
];
const named = (metadata: KubernetesObject['metadata']): KubernetesObject => ({
  metadata: { ...metadata, resourceVersion: '1' },
});

const objects: Readonly<Record<string, () => KubernetesObject[]>> = {
  pods: () => [...claims, ...others].map((one) => podObject(one)),
  nodes: () =>
    unique(claims.map(({ node }) => node)).map((node) => ({
      ...named({ ...node, labels: { 'kubernetes.io/hostname': node.name, 'kubernetes.io/arch': 'amd64' } }),
      status: {
        nodeInfo: { kubeletVersion: 'v1.36.3', kernelVersion: '6.1.0', bootID: 'b-1' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    })),
  namespaces: () =>
    [...new Set(claims.map(({ namespace }) => namespace))].map((name) =>
      named({ name, uid: `n-${name}`, labels: { team: name } }),
    ),
  serviceaccounts: () =>
    unique(claims.map(({ namespace, serviceaccount }) => ({ ...serviceaccount, namespace }))).map((one) => named(one)),
};

/** As text: made once, as an API server does not parse either. */
const listed = new Map<string, readonly string[]>();

function itemsOf(kind: string): readonly string[] {
  const items = listed.get(kind) ?? objects[kind]?.().map((object) => JSON.stringify(object)) ?? [];
  listed.set(kind, items);
  return items;
}

function list(response: ServerResponse, kind: string, query: URLSearchParams): void {
  const all = itemsOf(kind);
  const from = Number(query.get('continue') ?? 0);
  const to = from + Number(query.get('limit') ?? all.length);
  const metadata = { resourceVersion: `${version}`, ...(to < all.length ? { continue: `${to}` } : {}) };
  response.end(`{"metadata":${JSON.stringify(metadata)},"items":[${all.slice(from, to).join(',')}]}`);
}

function watch(response: ServerResponse, kind: string, query: URLSearchParams): void {
  const open = watchers.get(kind) ?? new Set<ServerResponse>();
  watchers.set(kind, open.add(response));
  response.flushHeaders();
  const after = Number(query.get('resourceVersion'));
  if (kind === 'pods') for (const { version: at, line } of events) if (at > after) response.write(line);
  const bookmark = () => {
    response.write(eventLine('BOOKMARK', { metadata: { resourceVersion: `${version}` } }));
    response.end();
  };
  const timer = setTimeout(bookmark, Number(query.get('timeoutSeconds')) * 1_000);
  response.on('close', () => {
    clearTimeout(timer);
    open.delete(response);
  });
}

const eventLine = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;

let changes = 0;
function change(): void {
  version += 1;
  changes += 1;
  const line = eventLine('MODIFIED', podObject(others[changes % others.length] as PodClaims, changes));
  events.push({ version, line });
  if (events.length > remembered) events.shift();
  for (const response of watchers.get('pods') ?? []) response.write(line);
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const kind = url.pathname.split('/').at(-1) ?? '';
  response.setHeader('content-type', 'application/json');
  if (url.searchParams.has('watch')) watch(response, kind, url.searchParams);
  else list(response, kind, url.searchParams);
});
for (const kind of Object.keys(objects)) itemsOf(kind);
server.listen(0, '127.0.0.1', () => {
  process.stderr.write(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
  if (Number(changesPerSecond) > 0) setInterval(change, 1_000 / Number(changesPerSecond));
});
