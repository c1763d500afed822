/** From a client's assertion (RFC 7523 §2.2, rfc7523bis) or secret to an attestation. */
import { Rejected } from '../../src/errors.js';
import {
  type Attestation,
  type Attestor,
  type AttestorHost,
  type KeySet,
  type Route,
  selector,
  type UnverifiedJwt,
  type VerificationAlgorithm,
} from '../attestor.js';
import { readJti } from '../evidence-id.js';
import type { ShownSecret } from './form.js';
import type { ClientSecret } from './secret.js';

/** Seconds. What a client shows says who asks now, and not for how long. */
const vouchesFor = 15 * 60;

/** Characters: with a client_id before it, it is no longer than an id of evidence may be. */
const longestJti = 192;

/** What a client has to show. */
export type Credential =
  | { readonly keys: KeySet; readonly algorithms: readonly VerificationAlgorithm[] }
  | { readonly secret: ClientSecret };

export interface KnownClient {
  readonly credential: Credential;
  readonly grantTypes: readonly string[];
}

export interface ClientParts {
  readonly name: string;
  readonly accepts: readonly Route[];
  /** By client_id. */
  readonly clients: ReadonlyMap<string, KnownClient>;
  /** Seconds, of an assertion. */
  readonly maxLifetime: number;
  readonly environment: string;
  readonly host: AttestorHost;
}

export function createClientAttestor(parts: ClientParts): Attestor {
  const { name, accepts, clients } = parts;
  return Object.freeze<Attestor>({
    name,
    accepts,
    attest: ({ jwt, content }) =>
      jwt === undefined ? bySecret(parts, content as ShownSecret | undefined) : byAssertion(parts, jwt),
    async close() {
      for (const { credential } of clients.values()) if ('keys' in credential) credential.keys.close();
    },
  });
}

async function bySecret(parts: ClientParts, shown: ShownSecret | undefined): Promise<Attestation> {
  if (shown === undefined) throw new Rejected('client_secret_form', 'Neither an assertion nor a secret was shown.');
  const { id, readings } = shown;
  const { credential, grantTypes } = known(parts, id);
  if (!('secret' in credential) || !(await credential.secret.isOneOf(readings))) {
    throw new Rejected('client_secret', `The secret is not that of the client ${id}.`);
  }
  const attestedAt = parts.host.now();
  return attestationOf(parts, id, grantTypes, {
    claims: nothing,
    evidenceId: `secret:${id}`,
    singleUse: false,
    issuedAt: attestedAt,
    attestedAt,
    expiresAt: attestedAt + vouchesFor,
  });
}

async function byAssertion(parts: ClientParts, jwt: UnverifiedJwt): Promise<Attestation> {
  const { host, maxLifetime } = parts;
  const id = String(jwt.claims.iss);
  const { credential, grantTypes } = known(parts, id);
  if (!('keys' in credential)) throw new Rejected('client_method', `The client ${id} has no keys.`);
  const { keys, algorithms } = credential;
  const expect = { issuer: id, audience: host.issuer, otherAudiences: 'refuse', maxLifetime, algorithms } as const;
  const { claims, exp } = await host.verifyJwt(jwt, keys, { ...expect, kind: 'client assertion' });
  if (claims.sub !== id) throw new Rejected('client_subject', `sub: expected ${id}, as iss has it.`);
  const jti = readJti(claims.jti);
  if (jti === undefined || jti.length > longestJti) {
    throw new Rejected('jwt_jti', `jti: expected a text of 1 to ${longestJti} characters.`);
  }
  const attestedAt = host.now();
  if (attestedAt >= exp) throw new Rejected('jwt_expired', 'The assertion expired while the keys were loaded.');
  // No client_id has a colon: two clients cannot use up the ids of each other.
  const evidenceId = `${id}:${jti}`;
  return attestationOf(parts, id, grantTypes, { claims, evidenceId, singleUse: true, attestedAt, expiresAt: exp });
}

const nothing = Object.freeze({});

function known({ clients }: ClientParts, id: string): KnownClient {
  const client = clients.get(id);
  if (client === undefined) throw new Rejected('client_unknown', 'No client has this client_id.');
  return client;
}

type Shown = Pick<Attestation, 'claims' | 'evidenceId' | 'singleUse' | 'issuedAt' | 'attestedAt' | 'expiresAt'>;

function attestationOf(
  { name, environment, host }: ClientParts,
  id: string,
  grantTypes: readonly string[],
  shown: Shown,
): Attestation {
  return Object.freeze<Attestation>({
    attestor: name,
    subject: host.spiffeId(name, 'client', id),
    clientId: id,
    grantTypes,
    instance: `client:${id}`,
    environment,
    selectors: Object.freeze([selector('client', 'id', id)]),
    unknownSelectors: nothing,
    facts: nothing,
    // Whoever has the key or the secret is the client, wherever it runs.
    assurance: 'low',
    ...shown,
    vouchesUntil: shown.attestedAt + vouchesFor,
  });
}
