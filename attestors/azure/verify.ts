/** From Azure's evidence to an attestation. */
import { Rejected } from '../../src/errors.js';
import type { Attestation, Attestor, AttestorHost, Route, UnverifiedJwt } from '../attestor.js';
import { evidenceIdOf, readJti } from '../evidence-id.js';
import { type ManagedIdentity, selectorsOfPrincipal, type VerifiedPrincipal } from './managed-identity.js';
import { kindOf } from './resource.js';

export interface AzureParts {
  readonly name: string;
  readonly accepts: readonly Route[];
  readonly managedIdentity: ManagedIdentity;
  /** @param tenant a configured one */
  readonly environmentOf: (tenant: string) => string;
  readonly host: AttestorHost;
}

export function createAzureAttestor(parts: AzureParts): Attestor {
  const { name, accepts, managedIdentity } = parts;
  return Object.freeze<Attestor>({
    name,
    accepts,
    async attest({ jwt }) {
      if (jwt === undefined) throw new Rejected('not_a_jwt', 'A token of a managed identity is a JWT; this is none.');
      return ofToken(parts, await managedIdentity.verify(jwt), jwt);
    },
    async close() {
      managedIdentity.close();
    },
  });
}

const nothing = Object.freeze({});

function ofToken(parts: AzureParts, principal: VerifiedPrincipal, jwt: UnverifiedJwt): Attestation {
  const { name, host } = parts;
  const { tenant, oid, claims, exp } = principal;
  return Object.freeze<Attestation>({
    attestor: name,
    subject: host.spiffeId(name, 'tenant', tenant, 'principal', oid),
    instance: `principal:${tenant}/${oid}`,
    environment: parts.environmentOf(tenant),
    selectors: Object.freeze([...selectorsOfPrincipal(principal)].sort()),
    unknownSelectors: nothing,
    claims,
    facts: nothing,
    evidenceId: evidenceIdOf(readJti(claims.uti), jwt),
    singleUse: false,
    // Of one machine by itself only where the identity is that machine's own.
    assurance: principal.isSystemAssigned && kindOf(principal.resource) === 'vm' ? 'medium' : 'low',
    attestedAt: host.now(),
    expiresAt: exp,
    vouchesUntil: exp,
  });
}
