/** The block of `type: azure`. */

import { z } from 'zod';
import type { AttestorPlan, Route } from '../attestor.js';
import { keysOptions, name, text } from '../options.js';
import { jwtType } from '../token-types.js';
import { documentIssuer, documentType } from './document/form.js';
import { versions } from './principal.js';
import { guid } from './resource.js';

/** Of Azure's own services: whoever is shown such a token may show it here, so it proves nothing to us. */
const audiencesOfOthers: readonly string[] = [
  'api://azureadtokenexchange',
  'https://graph.microsoft.com',
  'https://management.azure.com',
  'https://management.core.windows.net',
  'https://storage.azure.com',
  'https://vault.azure.net',
];

const audience = text('the audience that the tokens are asked for')
  .refine((value) => !audiencesOfOthers.includes(value.toLowerCase().replace(/\/$/, '')), {
    error:
      'tokens for this audience are made for another service, so they are no evidence: register an application of your own',
  })
  .optional()
  .describe('The `aud` of the tokens. Default: our issuer.');

const anId = (what: string, where: string) =>
  z.string().regex(guid, { error: `the id of a ${what}, a GUID in lower case (${where}); names are none` });

const environment = (of: string) =>
  name('the name of an environment').optional().describe(`Of the workloads. Default: ${of}.`);

const subscriptions = z
  .record(
    anId('subscription', 'az account show --query id'),
    z.strictObject({ environment: environment("the tenant's") }),
  )
  .refine(isNotEmpty, { error: 'a map of at least one subscription' })
  .optional()
  .describe(
    'With it, workloads of other subscriptions are refused. Without it, no document is accepted that comes alone.',
  );

const resourceManager = z
  .strictObject({
    client: anId('managed identity or application', 'its clientId').describe('Its application id.'),
    assertion: z
      .strictObject({ file: text('the path of a token') })
      .describe('The token that it trusts: of our own platform, for the audience api://AzureADTokenExchange.'),
  })
  .optional()
  .describe('An identity that may read virtual machines: with it, it is looked up that token and document are of one.');

const tenants = z
  .record(
    anId('tenant', 'az account show --query tenantId'),
    z.strictObject({ environment: environment("this deployment's"), subscriptions, resourceManager }),
  )
  .refine(isNotEmpty, { error: 'a map of at least one tenant' })
  .describe('Microsoft Entra tenants whose managed identities are accepted, by id.');

function isNotEmpty(map: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(map).length > 0;
}

const block = z.strictObject({
  tenants,
  audience,
  managedIdentity: z
    .strictObject({
      keys: keysOptions('discovery')
        .prefault({ from: 'discovery' })
        .describe("Where the keys come from that verify the tokens. discovery: each issuer's own document names them."),
    })
    .prefault({})
    .describe('Tokens of managed identities.'),
  attestedDocument: z
    .strictObject({
      roots: text('the path of PEM certificates')
        .optional()
        .describe('Certificate authorities, instead of the public ones that Azure documents.'),
    })
    .optional()
    .describe('Attested documents of the metadata service. Left out: none is accepted.'),
});

/** A document names a subscription and no tenant: its subscription has to say of which it is. */
export const options = block.superRefine(({ tenants, attestedDocument }, context) => {
  const owners = new Map<string, string>();
  for (const [tenant, { subscriptions = {}, resourceManager }] of Object.entries(tenants)) {
    if (resourceManager !== undefined && attestedDocument === undefined) {
      const path = ['tenants', tenant, 'resourceManager'];
      context.addIssue({
        code: 'custom',
        path,
        message: 'it looks up the machines of documents: give attestedDocument',
      });
    }
    for (const subscription of Object.keys(subscriptions)) {
      const owner = owners.get(subscription);
      owners.set(subscription, tenant);
      if (owner === undefined) continue;
      const path = ['tenants', tenant, 'subscriptions', subscription];
      context.addIssue({ code: 'custom', path, message: `a subscription is of one tenant; ${owner} has it too` });
    }
  }
});

export type AzureOptions = z.output<typeof options>;

export const audienceOf = (values: AzureOptions, ourIssuer: string): string => values.audience ?? ourIssuer;

export function plan(values: AzureOptions, ourIssuer: string): AttestorPlan {
  const audience = audienceOf(values, ourIssuer);
  const { tenants, attestedDocument } = values;
  const route = (tokenType: string, issuer: string): Route => Object.freeze({ tokenType, issuer, audience });
  const tokenTypes = attestedDocument === undefined ? [jwtType] : [jwtType, documentType];
  const issuers = Object.keys(tenants).flatMap((tenant) => versions.map(({ issuer }) => issuer(tenant)));
  const isAlone =
    attestedDocument !== undefined && Object.values(tenants).some((each) => each.subscriptions !== undefined);
  const roots = attestedDocument?.roots;
  return {
    accepts: Object.freeze([
      ...tokenTypes.flatMap((tokenType) => issuers.map((issuer) => route(tokenType, issuer))),
      ...(isAlone ? [route(documentType, documentIssuer)] : []),
    ]),
    faults: [],
    files: roots === undefined ? [] : [{ path: ['attestedDocument', 'roots'], file: roots }],
  };
}

/** Where a workload is, as the block says: its environment; undefined where the block does not admit it. */
export interface Places {
  readonly ofToken: (tenant: string, subscription: string) => string | undefined;
  /** Of a document alone: of no tenant that lists the subscription, undefined. */
  readonly ofDocument: (subscription: string) => string | undefined;
}

export function placesOf({ tenants }: AzureOptions, deployment: string): Places {
  const ofToken: Places['ofToken'] = (id, subscription) => {
    const tenant = tenants[id];
    if (tenant === undefined) return undefined;
    const own = tenant.subscriptions?.[subscription];
    if (tenant.subscriptions !== undefined && own === undefined) return undefined;
    return own?.environment ?? tenant.environment ?? deployment;
  };
  return {
    ofToken,
    ofDocument(subscription) {
      const owner = Object.entries(tenants).find(([, each]) => each.subscriptions?.[subscription] !== undefined);
      return owner === undefined ? undefined : ofToken(owner[0], subscription);
    },
  };
}
