/** Azure's managed identities and virtual machines. The trust model is in README.md. */
import type { AttestorHost, AttestorType } from '../attestor.js';
import { pinOf } from '../selectors.js';
import { examineAzure } from './doctor.js';
import { documentForm } from './document/form.js';
import { createDocumentVerifier } from './document/index.js';
import { loadRoots } from './document/roots.js';
import { openManagedIdentity } from './managed-identity.js';
import { type AzureOptions, options, placesOf, plan } from './options.js';
import { resourceManagersOf } from './resource-manager.js';
import { createAzureAttestor } from './verify.js';

async function create(name: string, block: AzureOptions, host: AttestorHost) {
  return createAzureAttestor({
    name,
    accepts: plan(block, host.issuer).accepts,
    verifyDocument: await openDocuments(block, host),
    managedIdentity: await openManagedIdentity(block, host),
    places: placesOf(block, host.environment),
    resourceManagers: resourceManagersOf(block, host),
    host,
  });
}

/** @throws Error when the roots cannot be used */
async function openDocuments({ attestedDocument }: AzureOptions, host: AttestorHost) {
  if (attestedDocument === undefined) return undefined;
  const { roots } = attestedDocument;
  return createDocumentVerifier(await loadRoots(roots === undefined ? undefined : host.path(roots)), host);
}

const kinds = ['tenant', 'oid', 'client', 'subscription', 'resource-group', 'resource', 'kind', 'vm-id', 'sku'];

export const azure = Object.freeze<AttestorType<AzureOptions>>({
  type: 'azure',
  selectorKinds: Object.freeze(kinds.map((kind) => `azure:${kind}`)),
  nodeKind: 'azure:vm-id',
  // A document has a subscription too.
  singleKinds: Object.freeze(kinds.filter((kind) => kind !== 'subscription').map((kind) => `azure:${kind}`)),
  // A resource that is made again under its name has other ids; one that was given an identity has that one's.
  pinFor: (selectors) => pinOf(selectors, { 'azure:resource': ['azure:oid', 'azure:client', 'azure:vm-id'] }),
  selectorFault: (written) =>
    written === written.toLowerCase() || written.startsWith('azure:sku:')
      ? null
      : `values of Azure's ids are in lower case: write ${written.toLowerCase()}`,
  forms: Object.freeze([documentForm]),
  facts: Object.freeze([]),
  highestAssurance: ({ tenants }) =>
    Object.values(tenants).some(({ resourceManager }) => resourceManager !== undefined) ? 'high' : 'medium',
  options,
  plan,
  create,
  examine: (_, block, host) => examineAzure(block, host),
});
