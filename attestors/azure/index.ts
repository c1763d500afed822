/** Azure's managed identities. The trust model is in README.md. */
import type { AttestorHost, AttestorType } from '../attestor.js';
import { openManagedIdentity } from './managed-identity.js';
import { type AzureOptions, options, plan } from './options.js';
import { createAzureAttestor } from './verify.js';

async function create(name: string, block: AzureOptions, host: AttestorHost) {
  return createAzureAttestor({
    name,
    accepts: plan(block, host.issuer).accepts,
    managedIdentity: await openManagedIdentity(block, host),
    environmentOf: (tenant) => block.tenants[tenant]?.environment ?? host.environment,
    host,
  });
}

export const azure = Object.freeze<AttestorType<AzureOptions>>({
  type: 'azure',
  selectorKinds: Object.freeze(
    ['tenant', 'oid', 'client', 'subscription', 'resource-group', 'resource', 'kind'].map((kind) => `azure:${kind}`),
  ),
  facts: Object.freeze([]),
  options,
  plan,
  create,
});
