/** Kubernetes service account tokens, as the kubelet projects them into pods. The trust model is in README.md. */

import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { AttestorHost, AttestorPlan, AttestorType, KeySource } from '../attestor.js';
import { duration, keysOptions, otherAudiences, printable, text } from '../options.js';
import { type Pins, pinOf } from '../selectors.js';
import { jwtType } from '../token-types.js';
import { type ApiServer, connectApiServer } from './api.js';
import { examine } from './doctor.js';
import { environmentOf, environmentOptions } from './live/environment.js';
import { startLive } from './live/index.js';
import { liveOptions } from './live/options.js';
import { liveKinds } from './live/selectors.js';
import { ownIssuer } from './own-issuer.js';
import { createKubernetesAttestor } from './verify.js';

/** Milliseconds that a start waits for keys and lists. */
const startTime = 3_000;
const legacyIssuer = 'kubernetes/serviceaccount';

/** Audiences of others: whoever holds such a token may have been given it for them, so it proves nothing to us. */
const audiencesOfOthers: readonly string[] = [
  'api',
  'kubernetes',
  'kubernetes.default.svc',
  'https://kubernetes',
  'https://kubernetes.default',
  'https://kubernetes.default.svc',
  'https://kubernetes.default.svc.cluster.local',
  'pods.eks.amazonaws.com',
  'sts.amazonaws.com',
  'api://AzureADTokenExchange',
];

const issuerForm =
  'the issuer of the service account tokens, as an absolute URL, as the cluster has it in --service-account-issuer';

const issuer = z
  .url({
    protocol: /^https?$/,
    error: ({ input }) =>
      input === legacyIssuer
        ? `the issuer of projected tokens, as the cluster's /.well-known/openid-configuration has it: ${legacyIssuer} is that of legacy secret tokens, which never expire and name no audience`
        : issuerForm,
  })
  .regex(printable, { error: issuerForm })
  .describe('The `iss` of the tokens, byte for byte. Default with `api: in-cluster`: that of our own token.');

const keys = keysOptions('api').describe(
  'Where the keys come from that verify the tokens. Default: { from: api } where api is given.',
);

const api = z
  .union([z.literal('in-cluster'), z.strictObject({ kubeconfig: text('the path of a kubeconfig file') })], {
    error: 'in-cluster, or { kubeconfig: FILE }',
  })
  .describe("The cluster's API server. Left out: no review, and keys come from elsewhere.");

const options = z
  .strictObject({
    issuer: issuer.optional(),
    audience: text('the audience that the tokens are projected for')
      .optional()
      .describe('The `aud` of the tokens. Default: our issuer.'),
    api: api.optional(),
    keys: keys.optional(),
    maxLifetime: duration().prefault('25h').describe('Tokens with a longer `exp` − `iat` are refused.'),
    review: z.boolean().default(false).describe('Ask the API server about every token: sees deleted pods.'),
    live: liveOptions.optional(),
    environment: environmentOptions.optional(),
    otherAudiences,
  })
  .superRefine((block, context) => {
    const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (block.issuer === undefined && block.api !== 'in-cluster') refuse('issuer', issuerForm);
    const fault = block.audience === undefined ? undefined : audienceFault(block.audience, block.issuer);
    if (fault !== undefined) refuse('audience', fault);
    const byLabel = typeof block.environment === 'object' && 'namespaceLabel' in block.environment;
    if (byLabel && block.live === undefined) {
      refuse('environment', 'namespaceLabel needs the namespaces to be watched: give live: {}');
    }
    if (block.api !== undefined) return;
    if (block.live !== undefined) refuse('live', 'live needs the API server: give api');
    if (block.review) refuse('review', 'review: true needs the API server: give api');
    if (block.keys === undefined) refuse('keys', 'keys are needed: give keys, or api to load them from the API server');
    else if ('from' in block.keys) refuse('keys', 'keys: { from: api } needs the API server: give api');
  });

export type KubernetesOptions = z.output<typeof options>;

function audienceFault(audience: string, clusterIssuer: string | undefined): string | undefined {
  if (audience !== clusterIssuer && !audiencesOfOthers.includes(audience)) return undefined;
  return `tokens for ${audience} are made for another service, most often the API server, so they are no evidence: choose an audience that is only ours, and project the tokens for it`;
}

const audienceOf = (block: KubernetesOptions, ourIssuer: string) => block.audience ?? ourIssuer;

const issuerOf = (block: KubernetesOptions) => block.issuer ?? ownIssuer();

function plan(block: KubernetesOptions, ourIssuer: string): AttestorPlan {
  const kubeconfig = typeof block.api === 'object' ? [block.api.kubeconfig] : [];
  const files = kubeconfig.map((file) => ({ path: ['api', 'kubeconfig'], file }));
  try {
    const audience = audienceOf(block, ourIssuer);
    const clusterIssuer = issuerOf(block);
    const fault = audienceFault(audience, clusterIssuer);
    const route = Object.freeze({ tokenType: jwtType, issuer: clusterIssuer, audience });
    return {
      accepts: Object.freeze([route]),
      faults: fault === undefined ? [] : [{ path: ['audience'], message: fault }],
      files,
    };
  } catch (error) {
    return { accepts: [], faults: [{ path: ['issuer'], message: (error as Error).message }], files };
  }
}

async function create(attestorName: string, block: KubernetesOptions, host: AttestorHost) {
  const { accepts } = plan(block, host.issuer);
  const server = await connect(attestorName, block, host);
  const limits = { maxStale: (block.keys ?? keys.parse({ from: 'api' })).maxStale };
  const keySet = host.keySet(keySource(attestorName, block, server), limits);
  const live = block.live && server && startLive(block.live, server, host);
  await atMost(startTime, Promise.all([keySet.ready(), live?.attempted]));
  return createKubernetesAttestor({
    name: attestorName,
    accepts,
    expect: {
      issuer: issuerOf(block),
      audience: audienceOf(block, host.issuer),
      otherAudiences: block.otherAudiences,
      maxLifetime: block.maxLifetime,
    },
    environment: environmentOf(block.environment ?? host.environment),
    keys: keySet,
    server,
    review: block.review,
    live,
    host,
    close: () => {
      keySet.close();
      live?.close();
      server?.close();
    },
  });
}

/** A cluster that does not answer must not keep the others waiting: what is not known yet is answered with 503. */
async function atMost(milliseconds: number, done: Promise<unknown>): Promise<void> {
  const enough = new AbortController();
  await Promise.race([done, sleep(milliseconds, undefined, { signal: enough.signal }).catch(() => {})]);
  enough.abort();
}

async function connect(attestorName: string, block: KubernetesOptions, host: AttestorHost) {
  if (block.api === undefined) return undefined;
  try {
    const api = block.api === 'in-cluster' ? block.api : host.path(block.api.kubeconfig);
    return await connectApiServer(api, host.follow);
  } catch (error) {
    throw new Error(`attestors.${attestorName}.api: ${error instanceof Error ? error.message : 'failed'}`);
  }
}

function keySource(attestorName: string, block: KubernetesOptions, server: ApiServer | undefined): KeySource {
  const source = block.keys;
  if (source !== undefined && 'jwksUri' in source) return { uri: source.jwksUri };
  if (source !== undefined && 'jwksFile' in source) return { file: source.jwksFile };
  if (server === undefined) throw new Error(`attestors.${attestorName}.keys: keys from the API server need api`);
  return { name: 'the API server', load: server.keys };
}

/** Only `live` supplies them. */
const facts = Object.freeze([
  'posture.kubelet',
  'posture.kernel',
  'posture.osImage',
  'posture.runtime',
  'posture.ready',
  'posture.memoryPressure',
  'posture.diskPressure',
  'posture.pidPressure',
  'posture.networkUnavailable',
  'posture.nodeBootedAt',
  'posture.podStartedAt',
  'posture.restarts',
  'posture.privileged',
  'posture.hostNamespaces',
  'posture.runsAsRoot',
  'posture.readOnlyRoot',
  'posture.images',
]);

/** A pod of a service account that is made again is the same workload: its name is pinned by that too. */
const pins: Pins = {
  'k8s:sa': ['k8s:sa-uid', 'k8s:pod-uid'],
  'k8s:pod': ['k8s:sa-uid', 'k8s:pod-uid'],
  'k8s:node': ['k8s:node-uid', 'k8s:sa-uid', 'k8s:pod-uid'],
};

/** Of what the token says, each once. */
const tokenKinds = ['k8s:ns', 'k8s:sa', 'k8s:sa-uid', 'k8s:pod', 'k8s:pod-uid', 'k8s:node', 'k8s:node-uid'];

export const kubernetes = Object.freeze<AttestorType<KubernetesOptions>>({
  type: 'kubernetes',
  selectorKinds: Object.freeze([...tokenKinds, ...liveKinds]),
  nodeKind: 'k8s:node',
  singleKinds: Object.freeze([...tokenKinds, 'k8s:runtime-class']),
  pinFor: (selectors) => pinOf(selectors, pins),
  facts,
  suppliedFacts: ({ live }) => (live === undefined ? [] : facts),
  highestAssurance: ({ review, live }) => (review || live !== undefined ? 'high' : 'medium'),
  options,
  plan,
  create,
  examine: (attestorName, block, host) =>
    examine({
      options: { ...block, issuer: issuerOf(block) },
      audience: audienceOf(block, host.issuer),
      keySource: (server) => keySource(attestorName, block, server),
      host,
    }),
});
