/** From a pod's token to an attestation. */
import { Rejected } from '../../src/errors.js';
import type {
  Assurance,
  Attestation,
  AttestCall,
  Attestor,
  AttestorHost,
  Evidence,
  JwtExpectations,
  KeySet,
  Route,
  VerifiedJwt,
} from '../attestor.js';
import { evidenceIdOf } from '../evidence-id.js';
import type { ApiServer } from './api.js';
import { readServiceAccountToken, type ServiceAccountToken } from './claims.js';
import type { EnvironmentOf } from './live/environment.js';
import type { Live } from './live/index.js';
import { instanceOf } from './live/instances.js';
import type { Observation } from './live/observation.js';
import { liveFacts } from './live/posture.js';
import { reviewToken } from './review.js';
import { selectors, unknownSelectors } from './selectors.js';

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
      if (token.isBoundToSecret && !parts.review) throw boundToSecret();
      const review = reviewOnce(parts, { evidence, token, audience: verified.audience }, call);
      if (parts.review) await review();
      const observation = await live?.observer.observe(token, review);
      if (host.now() >= verified.exp) throw new Rejected('jwt_expired', 'The token expired while it was looked into.');
      return attestation(parts, {
        token,
        verified,
        attestedAt,
        observation,
        evidenceId: evidenceIdOf(token.jti, evidence.jwt),
      });
    },
    ...(live === undefined ? {} : { watched: live.watched }),
    async close() {
      parts.close();
    },
  });
}

const boundToSecret = () =>
  new Rejected(
    'secret_bound',
    'The token is bound to a Secret, and whether that still exists is seen by review: true only: use a pod’s projected token.',
  );

interface Reviewed {
  readonly evidence: Evidence;
  readonly token: ServiceAccountToken;
  /** As the token has it. */
  readonly audience: string;
}

/** However many ask for it, one token is reviewed once an exchange. */
function reviewOnce(
  { server }: KubernetesParts,
  { evidence, token, audience }: Reviewed,
  call: AttestCall,
): () => Promise<void> {
  let review: Promise<void> | undefined;
  return async () => {
    if (server === undefined) throw new Error('a review needs an API server');
    review ??= reviewToken(server, evidence.token, audience, token, call.signal());
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
  return Object.freeze<Attestation>({
    attestor: name,
    subject: host.spiffeId(name, 'ns', namespace, 'sa', serviceAccount.name),
    instance: instanceOf(token),
    environment: parts.environment(namespace, observation?.namespace),
    selectors: selectors(token, observation),
    unknownSelectors: unknownSelectors(token, observation),
    claims: verified.claims,
    facts: observation === undefined ? podlessAlone(pod === undefined, attestedAt) : liveFacts(observation),
    evidenceId: checked.evidenceId,
    singleUse: false,
    assurance: assurance(parts, token),
    attestedAt,
    expiresAt: verified.exp,
    vouchesUntil: verified.exp,
  });
}

const podlessAlone = (value: boolean, observedAt: number) =>
  Object.freeze({ podless: Object.freeze({ value, observedAt }) });

/** How far it is known that the pod is there: the review and the watch say so, a signature does not. */
function assurance({ review, live }: KubernetesParts, { pod }: ServiceAccountToken): Assurance {
  if (pod === undefined) return 'low';
  return review || live !== undefined ? 'high' : 'medium';
}
