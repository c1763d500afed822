/**
 * What the configuration says about resources and rules. A key whose enforcement is not built is refused here, never
 * accepted and ignored. Names that must exist elsewhere (attestors, resources, selector kinds) are checked by `compile`.
 */
import { z } from 'zod';
import { duration, name, text } from '../../attestors/options.js';
import { toolName } from '../authorization-details/details.js';
import { signingAlgorithms } from '../signing/signer.js';
import { longestLifetime } from '../signing/times.js';
import { grantedDetails } from './authorization-details.js';
import { bindingSchema } from './binding.js';
import { isPath, isWellFormed } from './claim-path.js';
import { ruleConditionsSchema } from './conditions/schema.js';
import { list, object } from './strict.js';
import { tokenTypes } from './token-type.js';

/** RFC 6749 §3.3: scope-token. */
const scopeToken = z
  .string({ error: 'a scope token' })
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, { error: 'a scope token: printable ASCII without space, " and \\' });

const scope = list('a list of at least one scope token', scopeToken);

const lifetime = duration().refine((seconds) => seconds <= longestLifetime, { error: 'a lifetime of at most 24h' });

const environmentName = name('the name of an environment, such as production');

const environments = list('a list of at least one environment', environmentName);

/** A whole-string pattern in which `*` matches any run of characters, `:` included; its kind is written out. */
const selectors = list(
  'a list of at least one selector',
  text('a selector such as k8s:ns:agents, in which * matches any run of characters'),
);

const aTarget =
  'an absolute URI without a fragment, such as https://calendar.example/mcp, or a name of the same characters, such as sts.amazonaws.com';

/** RFC 8693 §2.1, `resource` and `audience`. Compared byte for byte with what a request asks for. */
const target = z
  .string()
  .max(512, { error: 'a name of at most 512 characters' })
  .regex(/^[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]+$/, { error: aTarget })
  // What denies everything elsewhere must not look like a name.
  .refine((name) => name !== '*', { error: aTarget });

/** RFC 8707 §2: an absolute URI without a fragment. */
const isResourceUri = (name: string): boolean => /^[A-Za-z][A-Za-z0-9+.-]*:./.test(name) && URL.canParse(name);

const aResourceUri = 'an absolute URI without a fragment, such as https://calendar.example/mcp';

const resourceUri = target.refine(isResourceUri, { error: aResourceUri });

/** Seconds. Draft of transaction tokens §4: on the order of minutes or less. */
const longestTransaction = 300;

const aToolName = 'the name of a tool, of at most 128 letters, digits, "_", "-", "." and "/"';

/** Of an MCP server: rules name no others then. */
const tools = list('a list of at least one tool', z.string({ error: aToolName }).regex(toolName, { error: aToolName }));

/**
 * `lifetime` is 10m by default, at most 24h, in seconds; `environment` is the deployment's by default. `binding` is asked for by every grant of it. With
 * `dpopNonce: required` every DPoP proof that comes for it has to carry a nonce of ours (RFC 9449 §8). `tokenType` is what is issued for it, by default an
 * access token, and nothing else is.
 */
export const resourceSchema = object(
  'a resource: its scope, tools, lifetime, environment, algorithm, tokenType, binding and dpopNonce',
  {
    scope,
    tools: tools.optional(),
    lifetime: lifetime.prefault('10m'),
    environment: environmentName.optional(),
    algorithm: z.enum(signingAlgorithms, { error: `one of ${signingAlgorithms.join(', ')}` }).optional(),
    tokenType: z.enum(tokenTypes, { error: `one of ${tokenTypes.join(', ')}` }).optional(),
    binding: bindingSchema.optional(),
    dpopNonce: z.literal('required', { error: 'required, or left out' }).optional(),
  },
).check(({ value, issues }) => {
  const { tokenType = 'access_token', binding, lifetime, tools: listed } = value;
  const refuse = (path: string, message: string) =>
    issues.push({ code: 'custom', input: value, path: [path], message, continue: true });
  if (binding !== undefined && tokenType !== 'access_token') refuse('binding', boundAreAccessTokens);
  if (listed !== undefined && tokenType !== 'access_token')
    refuse('tools', 'left out, because only access tokens have authorization_details');
  if (tokenType === 'txn_token' && lifetime > longestTransaction)
    refuse('lifetime', 'a duration of at most 5m, because transaction tokens are for one transaction');
});

/** Who reads tokens of other types looks at no key, so that a binding would only seem to be one. */
export const boundAreAccessTokens = 'only access tokens are bound: leave it out';

/** All that is written must hold for the match to hold. */
const matchSchema = object('a match: selectors, environment or both', {
  selectors: selectors.optional(),
  environment: environments.optional(),
}).refine((match) => match.selectors !== undefined || match.environment !== undefined, {
  error: 'a match that says something: selectors, environment or both',
});

/**
 * All that is written must hold. `not` is a list of matches of which none may hold; `podless` lets a grant also match
 * tokens that are bound to no pod.
 */
const workloadSchema = object('a workload: its attestor, and what else is asked of it', {
  attestor: name('the name of an attestor'),
  selectors: selectors.optional(),
  environment: environments.optional(),
  not: z
    .array(matchSchema, { error: 'a list of matches' })
    .min(1, { error: 'a list of at least one match' })
    .optional(),
  podless: z.boolean({ error: 'true or false' }).optional(),
});

/** In which claim an issuer says whom its token was made for. Not in `aud`: every token that the attestor accepts has its audience. */
export const tyingClaims: readonly string[] = ['azp', 'client_id', 'cid', 'appid'];

const aClaimValue = 'a text, in which * matches any run of characters, a whole number, or true or false';

/** A claim that is a list has to have the value as an entry, as groups do. One inside another is named by its path. */
const claimsSchema = z
  .record(text('the name of a claim'), z.union([text(aClaimValue), z.boolean(), z.int()], { error: aClaimValue }), {
    error: 'a map from claim to value',
  })
  .check(({ value, issues }) => {
    const open = Object.keys(value).filter(
      (claim) => tyingClaims.includes(claim) && String(value[claim]).includes('*'),
    );
    const message = 'written out, without *: it ties the token to this workload';
    for (const claim of open) issues.push({ code: 'custom', input: value, path: [claim], message, continue: true });
    const astray = Object.keys(value).filter((claim) => isPath(claim) && !isWellFormed(claim));
    const expected =
      'a path of at least two names, such as /realm_access/roles, in which / of a name is written ~1 and ~ is written ~0';
    for (const claim of astray)
      issues.push({ code: 'custom', input: value, path: [claim], message: expected, continue: true });
    if (Object.keys(value).length > 0) return;
    issues.push({ code: 'custom', input: value, path: [], message: 'a map of at least one claim', continue: true });
  });

/**
 * For whom the workload asks. Without `resource`, evidence of the attestor was shown; with it, a token of ours for that resource, whose
 * `actors` are those that acted before: at least one, and each of them has to match one of the patterns.
 */
const delegatorSchema = object('a delegator: its attestor, and what else is asked of it', {
  attestor: name('the name of an attestor'),
  claims: claimsSchema.optional(),
  resource: resourceUri.optional(),
  actors: list(
    'a list of at least one subject',
    text(
      'a subject such as spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent, in which * matches any run of characters',
    ),
  ).optional(),
}).check(({ value, issues }) => {
  if (value.claims === undefined || value.resource === undefined) return;
  const message = 'claims without resource only: a token of ours does not have those of the delegator';
  issues.push({ code: 'custom', input: value, path: ['claims'], message, continue: true });
});

const grantSchema = object('a grant: its resource, scope, authorizationDetails, lifetime and binding', {
  resource: target,
  scope,
  authorizationDetails: grantedDetails.optional(),
  lifetime: lifetime.optional(),
  binding: bindingSchema.optional(),
});

const denySchema = object('a denial: its resource', {
  resource: text('a resource, in which * matches any run of characters'),
});

/**
 * Exactly one of `grant` and `deny`, which applies when all `conditions` hold. A denial always applies to tokens that are bound to no pod too, which is the safe
 * direction, so `podless` on one would be a key without effect and is refused. A grant without `delegator` is for workloads that ask for themselves; a
 * denial without it for all requests of the workload. `crossing` lists the environments **of
 * workloads** that may get this grant although the resource is in another: `crossing: [staging]` lets staging's in. A rule in `mode: shadow` is
 * judged and recorded, and has no effect.
 */
export const ruleSchema = object('a rule: a workload, and a grant or a deny', {
  workload: workloadSchema,
  delegator: delegatorSchema.optional(),
  conditions: ruleConditionsSchema.optional(),
  grant: grantSchema.optional(),
  deny: denySchema.optional(),
  crossing: environments.optional(),
  mode: z.enum(['enforce', 'shadow'], { error: 'enforce or shadow' }).default('enforce'),
}).check(({ value, issues }) => {
  const refuse = (path: string[], message: string) =>
    issues.push({ code: 'custom', input: value, path, message, continue: true });
  if ((value.grant === undefined) === (value.deny === undefined)) refuse([], 'exactly one of grant and deny');
  if (value.grant !== undefined && value.delegator?.actors !== undefined && value.delegator.resource === undefined)
    refuse(['delegator', 'actors'], 'actors with resource only: before evidence of the delegator nobody acted');
  if (value.deny === undefined) return;
  if (value.crossing !== undefined)
    refuse(['crossing'], 'crossing with a grant only: a deny applies in every environment');
  if (value.workload.podless !== undefined)
    refuse(['workload', 'podless'], 'podless with a grant only: a deny applies to tokens without a pod as well');
});

export const resourcesSchema = z
  .record(target, resourceSchema, {
    error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from resource URI to resource'),
  })
  .check(({ value, issues }) => {
    for (const [name, { tokenType = 'access_token' }] of Object.entries(value)) {
      if (tokenType !== 'access_token' || isResourceUri(name)) continue;
      issues.push({
        ...{ code: 'invalid_key', origin: 'record', path: [name], input: value },
        issues: [{ code: 'custom', path: [], message: aResourceUri }],
      });
    }
  });

export const rulesSchema = z.record(name('a rule name of letters, digits, ".", "_" and "-"'), ruleSchema, {
  error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from name to rule'),
});

/** Whoever the workload matches sees tokens for the resources in `introspect`, and no others. */
const clientSchema = object('a client: its workload, and the resources whose tokens it may introspect', {
  workload: workloadSchema,
  introspect: list('a list of at least one resource', target),
});

export const clientsSchema = z.record(name('a client name of letters, digits, ".", "_" and "-"'), clientSchema, {
  error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from name to client'),
});

export type Resources = z.output<typeof resourcesSchema>;
export type Rules = z.output<typeof rulesSchema>;
export type Clients = z.output<typeof clientsSchema>;
