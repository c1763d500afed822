/** From Azure's evidence to an attestation. */
import { createHash } from 'node:crypto';
import { Rejected } from '../../src/errors.js';
import type {
  Assurance,
  Attestation,
  AttestCall,
  Attestor,
  AttestorHost,
  Evidence,
  Route,
  UnverifiedJwt,
} from '../attestor.js';
import { evidenceIdOf, readJti } from '../evidence-id.js';
import { inOrder, untold } from '../selectors.js';
import { selectorsOfMachine } from './document/content.js';
import { type DocumentContent, documentType } from './document/form.js';
import type { VerifiedMachine, VerifyDocument } from './document/index.js';
import { type ManagedIdentity, selectorsOfPrincipal, type VerifiedPrincipal } from './managed-identity.js';
import type { Places } from './options.js';
import { kindOf } from './resource.js';
import type { ResourceManager } from './resource-manager.js';

export interface AzureParts {
  readonly name: string;
  readonly accepts: readonly Route[];
  readonly managedIdentity: ManagedIdentity;
  /** Undefined: no documents are accepted. */
  readonly verifyDocument: VerifyDocument | undefined;
  readonly places: Places;
  /** By tenant; of one without it, that token and document are of one machine is not known. */
  readonly resourceManagers: ReadonlyMap<string, ResourceManager>;
  readonly host: AttestorHost;
}

/** Seconds that what is issued on a document alone may live: it says that the machine runs now, and no more. */
const vouchesFor = 15 * 60;

export function createAzureAttestor(parts: AzureParts): Attestor {
  const { name, accepts, managedIdentity } = parts;
  return Object.freeze<Attestor>({
    name,
    accepts,
    attest: (evidence, call) =>
      evidence.tokenType === documentType ? attestDocument(parts, evidence, call) : attestToken(parts, evidence),
    async close() {
      managedIdentity.close();
    },
  });
}

async function attestToken(parts: AzureParts, { jwt }: Evidence): Promise<Attestation> {
  if (jwt === undefined) throw new Rejected('not_a_jwt', 'A token of a managed identity is a JWT; this is none.');
  return ofToken(parts, await parts.managedIdentity.verify(jwt), jwt);
}

async function attestDocument(parts: AzureParts, { content }: Evidence, call: AttestCall): Promise<Attestation> {
  if (content === undefined || parts.verifyDocument === undefined) {
    throw new Rejected('evidence_form', 'No attested document is accepted here, or this is none.');
  }
  const { jwt, ...document } = content as DocumentContent;
  if (jwt === undefined) return ofMachine(parts, await parts.verifyDocument({ ...document, jwt }));
  // The token first: it costs no request of an unknown signer's choosing.
  const principal = await parts.managedIdentity.verify(jwt);
  const machine = await parts.verifyDocument({ ...document, jwt });
  const assurance = await checkMachine(parts, principal, machine, call);
  return ofBoth(ofToken(parts, principal, jwt), machine, assurance);
}

/**
 * That what both say of where they are agrees; and, where Azure can be asked, that it is one machine.
 * @throws Rejected `machine_mismatch`, Unavailable
 */
async function checkMachine(
  { resourceManagers }: AzureParts,
  { tenant, resource }: VerifiedPrincipal,
  { subscription, vmId }: VerifiedMachine,
  call: AttestCall,
): Promise<Assurance> {
  const kind = kindOf(resource);
  if (resource.subscription !== subscription || (kind !== 'vm' && kind !== 'vmss')) {
    throw mismatch('The token was not asked on a virtual machine of the subscription that the document names.');
  }
  const resourceManager = resourceManagers.get(tenant);
  if (resourceManager === undefined) return 'medium';
  if (await resourceManager.isMachine(resource, vmId, call.signal())) return 'high';
  throw mismatch(`The document is of ${vmId}, which is not the virtual machine that the token was asked on.`);
}

const mismatch = (detail: string) => new Rejected('machine_mismatch', detail);

const nothing = Object.freeze({});
const untoldByToken = untold('azure:vm-id', 'azure:sku');
const untoldByDocument = untold(
  ...['tenant', 'oid', 'client', 'resource-group', 'resource', 'kind'].map((kind) => `azure:${kind}`),
);

function ofToken(parts: AzureParts, principal: VerifiedPrincipal, jwt: UnverifiedJwt): Attestation {
  const { name, host, places } = parts;
  const { tenant, oid, claims, exp, resource } = principal;
  return Object.freeze<Attestation>({
    attestor: name,
    subject: host.spiffeId(name, 'tenant', tenant, 'principal', oid),
    instance: `principal:${tenant}/${oid}`,
    environment: admitted(places.ofToken(tenant, resource.subscription), resource.subscription),
    selectors: inOrder(selectorsOfPrincipal(principal)),
    unknownSelectors: untoldByToken,
    claims,
    facts: nothing,
    evidenceId: evidenceIdOf(readJti(claims.uti), jwt),
    singleUse: false,
    // Of one machine by itself only where the identity is that machine's own.
    assurance: principal.isSystemAssigned && kindOf(resource) === 'vm' ? 'medium' : 'low',
    attestedAt: host.now(),
    expiresAt: exp,
    vouchesUntil: exp,
  });
}

function admitted(environment: string | undefined, subscription: string): string {
  if (environment !== undefined) return environment;
  throw new Rejected(
    'subscription_not_listed',
    `The subscription ${subscription} is not one of those that tenants lists.`,
  );
}

function ofMachine({ name, host, places }: AzureParts, machine: VerifiedMachine): Attestation {
  const { subscription, vmId, createdOn, expiresOn, claims, nonce, signed } = machine;
  const now = host.now();
  return Object.freeze<Attestation>({
    attestor: name,
    subject: host.spiffeId(name, 'subscription', subscription, 'vm', vmId),
    instance: `vm:${vmId}`,
    environment: admitted(places.ofDocument(subscription), subscription),
    selectors: inOrder(selectorsOfMachine(machine)),
    unknownSelectors: untoldByDocument,
    claims,
    facts: nothing,
    evidenceId: `sha256:${createHash('sha256').update(signed).digest('base64url')}`,
    singleUse: false,
    nonce,
    assurance: 'low',
    issuedAt: createdOn,
    attestedAt: now,
    expiresAt: expiresOn,
    vouchesUntil: Math.min(expiresOn, now + vouchesFor),
  });
}

/** The identity, on the machine. */
function ofBoth(token: Attestation, machine: VerifiedMachine, assurance: Assurance): Attestation {
  const expiresAt = Math.min(token.expiresAt, machine.expiresOn);
  return Object.freeze<Attestation>({
    ...token,
    instance: `vm:${machine.vmId}`,
    selectors: inOrder([...token.selectors, ...selectorsOfMachine(machine)]),
    unknownSelectors: nothing,
    claims: Object.freeze({ ...token.claims, attested_document: machine.claims }),
    nonce: machine.nonce,
    assurance,
    // The nonce says that it was made for this exchange; the token may have been kept for a day.
    issuedAt: machine.createdOn,
    expiresAt,
    vouchesUntil: expiresAt,
  });
}
