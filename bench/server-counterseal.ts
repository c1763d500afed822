/**
 * (b) The service as an operator would run it: strict file audit, embedded store, 20 rules of one attestor, eight of
 * which are about the target of any one request. `build/src/main.js serve` is started with the configuration from here.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { clusterIssuer, issuer, type Material, type Workload, workloads } from './workload.js';

const attestor = 'prod-eu';

/**
 * @param api of a cluster that is watched; left out: none is
 * @returns the configuration file; the service keeps its state in the same folder
 */
export function writeConfiguration(folder: string, { jwksFile }: Material, api?: string): string {
  const file = join(folder, 'counterseal.yaml');
  const configuration = {
    issuer,
    trustDomain: 'bench.example',
    environment: 'production',
    listen: { host: '127.0.0.1', port: 0 },
    health: { host: '127.0.0.1', port: 0 },
    store: { type: 'embedded', path: join(folder, 'store') },
    audit: { durability: 'strict', sinks: [{ type: 'file', path: join(folder, 'audit.jsonl') }] },
    attestors: {
      [attestor]: {
        type: 'kubernetes',
        issuer: clusterIssuer,
        keys: { jwksFile },
        ...(api ? watching(folder, api) : {}),
      },
    },
    resources: Object.fromEntries(
      workloads.map(({ resource, scope }) => [resource, { scope: [scope, 'admin'], lifetime: '10m' }]),
    ),
    rules: Object.fromEntries([...workloads.flatMap(rulesOf), ...rulesForAll()]),
  };
  writeFileSync(file, stringify(configuration));
  return file;
}

function watching(folder: string, server: string) {
  const kubeconfig = join(folder, 'kubeconfig');
  const [name, user] = ['bench', { token: 'bench' }];
  const contexts = [{ name, context: { cluster: name, user: name } }];
  const clusters = [{ name, cluster: { server } }];
  writeFileSync(kubeconfig, stringify({ 'current-context': name, contexts, clusters, users: [{ name, user }] }));
  return { api: { kubeconfig }, live: {} };
}

/** One that grants what is asked for, and two that are looked at and do not apply. */
function rulesOf({ namespace, serviceAccount, resource, scope }: Workload): [string, object][] {
  const account = [`k8s:ns:${namespace}`, `k8s:sa:${serviceAccount}`];
  const admin = [`k8s:ns:${namespace}`, `k8s:sa:${serviceAccount}-admin`];
  return [
    [
      serviceAccount,
      {
        workload: {
          attestor,
          selectors: account,
          environment: ['production'],
          not: [{ selectors: ['k8s:node:edge-*'] }],
        },
        grant: { resource, scope: [scope], lifetime: '5m' },
      },
    ],
    [
      `${serviceAccount}-admin`,
      { workload: { attestor, selectors: admin }, grant: { resource, scope: [scope, 'admin'] } },
    ],
    [
      `${serviceAccount}-not-in-debug-pods`,
      { workload: { attestor, selectors: [...account, 'k8s:pod:*-debug'] }, deny: { resource } },
    ],
  ];
}

function rulesForAll(): [string, object][] {
  const deny = { resource: '*' };
  return [
    ['quarantined-node', { workload: { attestor, selectors: ['k8s:node:quarantine-*'] }, deny }],
    ['sandbox-namespaces', { workload: { attestor, selectors: ['k8s:ns:sandbox-*'] }, deny }],
    ['default-accounts', { workload: { attestor, selectors: ['k8s:sa:default'] }, deny }],
    ['staging', { workload: { attestor, environment: ['staging'] }, deny }],
    [
      'nodes-of-others',
      { workload: { attestor, not: [{ selectors: ['k8s:node:node-*'] }, { selectors: ['k8s:node:edge-*'] }] }, deny },
    ],
  ];
}
