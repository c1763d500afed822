/** From a pod's token to an attestation. */
import { createHash } from 'node:crypto';
import { Rejected } from '../../src/errors.js';
import {
  type Assurance,
  type Attestation,
  type AttestCall,
  type Attestor,
  type AttestorHost,
  type Evidence,
  type JwtExpectations,
  type KeySet,
  type Route,
  selector,
  type UnknownCause,
  type UnverifiedJwt,
  type VerifiedJwt,
} from '../attestor.js';
import type { ApiServer } from './api.js';
import { readServiceAccountToken, type ServiceAccountToken } from './claims.js';
import { podInstance, serviceAccountInstance } from './live/endings.js';
import type { EnvironmentOf } from './live/environment.js';
import type { Live } from './live/index.js';
import type { Observation } from './live/observation.js';
import { postureFacts } from './live/posture.js';
import { liveSelectors, unknownLiveSelectors } from './live/selectors.js';
import { reviewToken } from './review.js';

export interface KubernetesParts {
  readonly name: string;
  readonly accepts: readonly Route[];
  readonly expect: JwtExpectations;
  readonly environment: EnvironmentOf;
  readonly keys: KeySet;
  /** Undefined: the API server cannot be asked. */
  readonly server: ApiServer | undefined;
  /** Every token is reviewed. */
  readonly review: boolean;
  /** Undefined: the cluster is not watched. */
  readonly live: Live | undefined;
  readonly host: AttestorHost;
  readonly close: () => void;
}

export const tokenType = 'urn:ietf:params:oauth:token-type:jwt';

export function createKubernetesAttestor(parts: KubernetesParts): Attestor {
  const { name, accepts, expect, keys, live, host } = parts;
  return Object.freeze<Attestor>({
    name,
    accepts,
    async attest(evidence, call) {
      if (evidence.jwt === undefined)
        throw new Rejected('not_a_jwt', 'A service account token is a JWT; this is none.');
      const verified = await host.verifyJwt(evidence.jwt, keys, expect);
      const token = readServiceAccountToken(verified.claims);
      // Before anybody is asked: what is said may be older than its arrival, never older than this.
      const attestedAt = host.now();
      const review = reviewOnce(parts, evidence, token, call);
      if (parts.review) await review();
      const observation = await live?.observer.observe(token, review);
      if (host.now() >= verified.exp) throw new Rejected('jwt_expired', 'The token expired while it was looked into.');
      return attestation(parts, {
        token,
        verified,
        attestedAt,
        observation,
        evidenceId: evidenceId(token, evidence.jwt),
      });
    },
    ...(live === undefined ? {} : { watched: live.watched }),
    async close() {
      parts.close();
    },
  });
}

/** However many ask for it, one token is reviewed once an exchange. */
function reviewOnce(
  { server, expect }: KubernetesParts,
  evidence: Evidence,
  token: ServiceAccountToken,
  call: AttestCall,
): () => Promise<void> {
  let review: Promise<void> | undefined;
  return async () => {
    if (server === undefined) throw new Error('a review needs an API server');
    review ??= reviewToken(server, evidence.token, expect.audience, token, call.signal());
    return review;
  };
}

interface Checked {
  readonly token: ServiceAccountToken;
  readonly verified: VerifiedJwt;
  /** Seconds since the epoch. */
  readonly attestedAt: number;
  readonly observation: Observation | undefined;
  readonly evidenceId: string;
}

function attestation(parts: KubernetesParts, checked: Checked): Attestation {
  const { name, host } = parts;
  const { token, verified, attestedAt, observation } = checked;
  const { namespace, serviceAccount, pod } = token;
  const podless = Object.freeze({ value: pod === undefined, observedAt: attestedAt });
  return Object.freeze<Attestation>({
    attestor: name,
    subject: host.spiffeId(name, 'ns', namespace, 'sa', serviceAccount.name),
    instance: pod === undefined ? serviceAccountInstance(serviceAccount.uid) : podInstance(pod.uid),
    environment: parts.environment(namespace, observation?.namespace),
    selectors: selectors(token, observation),
    unknownSelectors: unknownSelectors(token, observation),
    claims: verified.claims,
    facts: Object.freeze(observation === undefined ? { podless } : { podless, ...postureFacts(observation) }),
    evidenceId: checked.evidenceId,
    singleUse: false,
    assurance: assurance(parts, token),
    attestedAt,
    expiresAt: verified.exp,
    vouchesUntil: verified.exp,
  });
}

/** The token's own, in the order of their kinds, which is sorted; and those of the cluster as it is now. */
function selectors(token: ServiceAccountToken, observation: Observation | undefined): readonly string[] {
  const { namespace, serviceAccount, pod } = token;
  const { name, uid } = nodeOf(token, observation);
  const list: string[] = [];
  if (uid !== undefined) list.push(selector('k8s', 'node-uid', uid));
  if (name !== undefined) list.push(selector('k8s', 'node', name));
  list.push(selector('k8s', 'ns', namespace));
  if (pod !== undefined) list.push(selector('k8s', 'pod-uid', pod.uid), selector('k8s', 'pod', pod.name));
  list.push(selector('k8s', 'sa-uid', serviceAccount.uid), selector('k8s', 'sa', serviceAccount.name));
  if (observation === undefined) return Object.freeze(list);
  return Object.freeze([...new Set([...list, ...liveSelectors(observation)])].sort());
}

/** A token may leave out its node, or the node's uid; the cluster knows them. */
function nodeOf({ node }: ServiceAccountToken, observation: Observation | undefined) {
  return {
    name: node?.name ?? observation?.node?.name,
    uid: node?.uid ?? observation?.node?.uid,
  };
}

const nodeUnknown: Readonly<Record<string, UnknownCause>> = Object.freeze({
  'k8s:node': 'missing',
  'k8s:node-uid': 'missing',
});
const nodeUidUnknown: Readonly<Record<string, UnknownCause>> = Object.freeze({ 'k8s:node-uid': 'missing' });

/** A pod is on a node even where its token does not say so; a token without a pod vouches for no node. */
function unknownSelectors(
  token: ServiceAccountToken,
  observation: Observation | undefined,
): Readonly<Record<string, UnknownCause>> {
  const live = unknownLiveSelectors(token, observation);
  const { name, uid } = nodeOf(token, observation);
  if (name === undefined) return token.pod === undefined ? live : { ...live, ...nodeUnknown };
  return uid === undefined ? { ...live, ...nodeUidUnknown } : live;
}

/** How far it is known that the pod is there: the review and the watch say so, a signature does not. */
function assurance({ review, live }: KubernetesParts, { pod }: ServiceAccountToken): Assurance {
  if (pod === undefined) return 'low';
  return review || live !== undefined ? 'high' : 'medium';
}

const evidenceId = ({ jti }: ServiceAccountToken, { signingInput }: UnverifiedJwt) =>
  jti ?? `sha256:${createHash('sha256').update(signingInput).digest('base64url')}`;
