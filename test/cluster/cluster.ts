/** What the cluster tests make in a real cluster, any that `KUBECONFIG` names, and take away again. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, type RequestOptions, request } from 'node:https';
import {
  CoreV1Api,
  KubeConfig,
  NodeV1Api,
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  type V1ObjectMeta,
  type V1PodSpec,
  type V1PolicyRule,
} from '@kubernetes/client-node';
import { parse } from 'yaml';

/** Any cluster will do. */
export const kubeconfig = process.env.KUBECONFIG;
export const noCluster = 'skipped: KUBECONFIG is not set; `kind create cluster` makes a cluster and sets one up';

/** For patches: the library would send a list of operations. */
export const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
export const strategic = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);

export interface TestCluster {
  readonly issuer: string;
  readonly server: string;
  readonly namespace: string;
  /** The pod's node. */
  readonly node: string;
  /** A token from the TokenRequest API. @param audience left out: the API server's own */
  token(options: { serviceAccount: string; pod?: string; audience?: string; seconds?: number }): Promise<string>;
  createServiceAccount(name: string): Promise<void>;
  /** @returns its name, which pods may then ask for */
  createRuntimeClass(): Promise<string>;
  /** Binds a cluster role of exactly these rules. */
  allow(serviceAccount: string, rules: readonly V1PolicyRule[]): Promise<void>;
  /** @param more of its specification; @returns the pod's uid */
  createPod(name: string, serviceAccount: string, more?: PodParts): Promise<string>;
  /** `agent-0` and so on, fast. */
  createPods(count: number, serviceAccount: string): Promise<void>;
  /** With no grace period: it is gone when this resolves. */
  deletePod(name: string): Promise<void>;
  /** For what a test wants to change. */
  readonly core: CoreV1Api;
  /** PEM. */
  readonly ca: string;
  close(): Promise<void>;
}

/** The role that the attestor's page has: a service account of ours needs exactly this. */
export async function documentedRole(): Promise<V1PolicyRule[]> {
  const page = await readFile('attestors/kubernetes/README.md', 'utf8');
  const block = /^```yaml\n(apiVersion: rbac[\s\S]*?)^```/m.exec(page)?.[1] ?? '';
  return (parse(block) as { rules: V1PolicyRule[] }).rules;
}

export interface PodParts {
  readonly metadata?: V1ObjectMeta;
  readonly spec?: Partial<V1PodSpec>;
}

export async function useCluster(kubeconfig: string): Promise<TestCluster> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const rbac = config.makeApiClient(RbacAuthorizationV1Api);
  const nodes = config.makeApiClient(NodeV1Api);
  const suffix = randomBytes(4).toString('hex');
  const namespace = `counterseal-test-${suffix}`;
  const undo: (() => Promise<unknown>)[] = [];
  const labels = { 'app.kubernetes.io/part-of': 'counterseal-test' };
  await core.createNamespace({ body: { metadata: { name: namespace, labels } } });

  // A node as if a kubelet had registered it: on one that is real, the kubelet would have a say in what tests do to pods.
  const node = `counterseal-node-${suffix}`;
  await core.createNode({ body: { metadata: { name: node, labels } } });

  // The keys are public, but only some clusters show them to everybody.
  await rbac.createClusterRoleBinding({
    body: {
      metadata: { name: namespace, labels },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'system:service-account-issuer-discovery',
      },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' }],
    },
  });

  const token: TestCluster['token'] = async ({ serviceAccount, pod, audience, seconds = 600 }) => {
    const boundObjectRef = pod === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod } };
    const audiences = audience === undefined ? [] : [audience];
    const { status } = await core.createNamespacedServiceAccountToken({
      name: serviceAccount,
      namespace,
      body: { spec: { audiences, expirationSeconds: seconds, ...boundObjectRef } },
    });
    return status?.token ?? '';
  };
  const createServiceAccount: TestCluster['createServiceAccount'] = async (name) => {
    await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } });
  };
  await createServiceAccount('probe');
  const probe = await token({ serviceAccount: 'probe' });
  const cluster = config.getCurrentCluster();
  return {
    issuer: JSON.parse(Buffer.from(probe.split('.')[1] ?? '', 'base64url').toString()).iss,
    server: cluster?.server ?? '',
    ca:
      cluster?.caFile === undefined
        ? Buffer.from(cluster?.caData ?? '', 'base64').toString()
        : await readFile(cluster.caFile, 'utf8'),
    namespace,
    node,
    core,
    token,
    createServiceAccount,
    async allow(serviceAccount, rules) {
      const role = `${namespace}-${serviceAccount}`;
      await rbac.createClusterRole({ body: { metadata: { name: role, labels }, rules: [...rules] } });
      await rbac.createClusterRoleBinding({
        body: {
          metadata: { name: role, labels },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
          subjects: [{ kind: 'ServiceAccount', name: serviceAccount, namespace }],
        },
      });
      undo.push(
        () => rbac.deleteClusterRoleBinding({ name: role }),
        () => rbac.deleteClusterRole({ name: role }),
      );
    },
    async createRuntimeClass() {
      await nodes.createRuntimeClass({ body: { metadata: { name: namespace, labels }, handler: 'runc' } });
      undo.push(() => nodes.deleteRuntimeClass({ name: namespace }));
      return namespace;
    },
    async createPod(name, serviceAccountName, more = {}) {
      const containers = [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }];
      const spec = {
        serviceAccountName,
        nodeName: node,
        containers,
        automountServiceAccountToken: false,
        ...more.spec,
      };
      const metadata = { name, ...more.metadata, labels: { ...labels, ...more.metadata?.labels } };
      const { metadata: made } = await core.createNamespacedPod({ namespace, body: { metadata, spec } });
      return made?.uid ?? '';
    },
    async createPods(count, serviceAccountName) {
      const connection = await connect(config);
      const containers = [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }];
      const spec = { serviceAccountName, nodeName: node, containers, automountServiceAccountToken: false };
      let next = 0;
      const one = async () => {
        for (let index = next++; index < count; index = next++) {
          const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `agent-${index}`, labels }, spec };
          await connection.post(`/api/v1/namespaces/${namespace}/pods`, body);
        }
      };
      await Promise.all(Array.from({ length: 16 }, one));
      connection.close();
    },
    async deletePod(name) {
      await core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 });
    },
    async close() {
      for (const step of undo) await step();
      await rbac.deleteClusterRoleBinding({ name: namespace });
      await core.deleteNode({ name: node });
      await core.deleteNamespace({ name: namespace });
    },
  };
}

/** The library's client opens a connection for each call. */
async function connect(config: KubeConfig) {
  const agent = new Agent({ keepAlive: true });
  const options: RequestOptions = { method: 'POST', headers: { 'content-type': 'application/json' } };
  await config.applyToHTTPSOptions(options);
  return {
    post: (path: string, body: unknown) =>
      new Promise<void>((resolve, reject) => {
        const url = new URL(path, config.getCurrentCluster()?.server);
        request(url, { ...options, agent }, (response) => {
          response.resume().on('end', resolve);
          if (response.statusCode !== 201) reject(new Error(`${path}: ${response.statusCode}`));
        })
          .on('error', reject)
          .end(JSON.stringify(body));
      }),
    close: () => agent.destroy(),
  };
}
