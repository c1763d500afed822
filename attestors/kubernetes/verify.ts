/** From a pod's token to an attestation. */
import { createHash } from 'node:crypto';
import { Rejected } from '../../src/errors.js';
import {
  type Assurance,
  type Attestation,
  type Attestor,
  type AttestorHost,
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
import { reviewToken } from './review.js';

export interface KubernetesParts {
  readonly name: string;
  readonly accepts: readonly Route[];
  readonly expect: JwtExpectations;
  readonly environment: string;
  readonly keys: KeySet;
  /** Asked about every token; undefined: signatures alone are checked. */
  readonly reviewer: ApiServer | undefined;
  readonly host: AttestorHost;
  readonly close: () => void;
}

export const tokenType = 'urn:ietf:params:oauth:token-type:jwt';

export function createKubernetesAttestor(parts: KubernetesParts): Attestor {
  const { name, accepts, expect, keys, reviewer, host } = parts;
  return Object.freeze<Attestor>({
    name,
    accepts,
    async attest(evidence, call) {
      if (evidence.jwt === undefined)
        throw new Rejected('not_a_jwt', 'A service account token is a JWT; this is none.');
      const verified = await host.verifyJwt(evidence.jwt, keys, expect);
      const token = readServiceAccountToken(verified.claims);
      // Before the review: what it says may be older than its arrival, never older than this.
      const observedAt = host.now();
      if (reviewer !== undefined) {
        await reviewToken(reviewer, evidence.token, expect.audience, token, call.signal());
        if (host.now() >= verified.exp) throw new Rejected('jwt_expired', 'The token expired while it was reviewed.');
      }
      return attestation(parts, { token, verified, observedAt, evidenceId: evidenceId(token, evidence.jwt) });
    },
    async close() {
      parts.close();
    },
  });
}

interface Checked {
  readonly token: ServiceAccountToken;
  readonly verified: VerifiedJwt;
  /** Seconds since the epoch. */
  readonly observedAt: number;
  readonly evidenceId: string;
}

function attestation({ name, environment, reviewer, host }: KubernetesParts, checked: Checked): Attestation {
  const { token, verified, observedAt } = checked;
  const { namespace, serviceAccount, pod } = token;
  return Object.freeze<Attestation>({
    attestor: name,
    subject: host.spiffeId(name, 'ns', namespace, 'sa', serviceAccount.name),
    instance: pod === undefined ? `serviceaccount:${serviceAccount.uid}` : `pod:${pod.uid}`,
    environment,
    selectors: selectors(token),
    unknownSelectors: unknownSelectors(token),
    claims: verified.claims,
    facts: Object.freeze({ podless: Object.freeze({ value: pod === undefined, observedAt }) }),
    evidenceId: checked.evidenceId,
    singleUse: false,
    assurance: assurance(token, reviewer),
    attestedAt: observedAt,
    expiresAt: verified.exp,
    vouchesUntil: verified.exp,
  });
}

/** In the order of their kinds, which is sorted. */
function selectors({ namespace, serviceAccount, pod, node }: ServiceAccountToken): readonly string[] {
  const list: string[] = [];
  if (node?.uid !== undefined) list.push(selector('k8s', 'node-uid', node.uid));
  if (node !== undefined) list.push(selector('k8s', 'node', node.name));
  list.push(selector('k8s', 'ns', namespace));
  if (pod !== undefined) list.push(selector('k8s', 'pod-uid', pod.uid), selector('k8s', 'pod', pod.name));
  list.push(selector('k8s', 'sa-uid', serviceAccount.uid), selector('k8s', 'sa', serviceAccount.name));
  return Object.freeze(list);
}

const nothingUnknown = Object.freeze({});
const nodeUnknown: Readonly<Record<string, UnknownCause>> = Object.freeze({
  'k8s:node': 'missing',
  'k8s:node-uid': 'missing',
});
const nodeUidUnknown: Readonly<Record<string, UnknownCause>> = Object.freeze({ 'k8s:node-uid': 'missing' });

/** A pod is on a node even where its token does not say so; a token without a pod vouches for no node. */
function unknownSelectors({ pod, node }: ServiceAccountToken): Readonly<Record<string, UnknownCause>> {
  if (node === undefined) return pod === undefined ? nothingUnknown : nodeUnknown;
  return node.uid === undefined ? nodeUidUnknown : nothingUnknown;
}

function assurance({ pod }: ServiceAccountToken, reviewer: ApiServer | undefined): Assurance {
  if (pod === undefined) return 'low';
  return reviewer === undefined ? 'medium' : 'high';
}

const evidenceId = ({ jti }: ServiceAccountToken, { signingInput }: UnverifiedJwt) =>
  jti ?? `sha256:${createHash('sha256').update(signingInput).digest('base64url')}`;
