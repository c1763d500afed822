/** The block of `type: azure`. */
import { z } from 'zod';
import type { AttestorPlan, Route } from '../attestor.js';
import { keysOptions, name, text } from '../options.js';
import { versions } from './principal.js';
import { guid } from './resource.js';

const jwtType = 'urn:ietf:params:oauth:token-type:jwt';

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

const anId = (what: string) => z.string().regex(guid, { error: `the id of a ${what}: a GUID in lower case` });

const environment = name('the name of an environment')
  .optional()
  .describe("Of the workloads. Default: this deployment's.");

const tenants = z
  .record(anId('tenant; common, organizations and consumers are none'), z.strictObject({ environment }))
  .refine((map) => Object.keys(map).length > 0, { error: 'a map of at least one tenant' })
  .describe('Microsoft Entra tenants whose managed identities are accepted, by id.');

export const options = z.strictObject({
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
});

export type AzureOptions = z.output<typeof options>;

export const audienceOf = (values: AzureOptions, ourIssuer: string): string => values.audience ?? ourIssuer;

export function plan(values: AzureOptions, ourIssuer: string): AttestorPlan {
  const audience = audienceOf(values, ourIssuer);
  const routes = Object.keys(values.tenants).flatMap((tenant) =>
    versions.map(({ issuer }): Route => Object.freeze({ tokenType: jwtType, issuer: issuer(tenant), audience })),
  );
  return { accepts: Object.freeze(routes), faults: [], files: [] };
}
