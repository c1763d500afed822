/** The block of `type: oidc`. */
import { z } from 'zod';
import { type AttestorPlan, verificationAlgorithms } from '../attestor.js';
import { duration, isLoopback, keysOptions, name, otherAudiences, text } from '../options.js';

/** RFC 8693 §3: an ID token is a JWT, and clients may call it either. */
const tokenTypes = ['urn:ietf:params:oauth:token-type:jwt', 'urn:ietf:params:oauth:token-type:id_token'] as const;

/** Audiences of other services: whoever holds such a token may have been given it for them, so it proves nothing to us. */
const audiencesOfOthers: readonly string[] = ['sts.amazonaws.com', 'api://AzureADTokenExchange', 'sigstore'];

/** Whose tokens anybody can have, by opening an account. */
const sharedIssuers: readonly string[] = [
  'https://accounts.google.com',
  'https://app.terraform.io',
  'https://gitlab.com',
  'https://oidc.vercel.com',
  'https://token.actions.githubusercontent.com',
];

const issuerForm =
  'the issuer as the tokens have it: an https URL without query, fragment and user (http only on loopback)';

const issuer = z
  .url({ protocol: /^https?$/, error: issuerForm })
  .refine(isIssuer, { error: issuerForm })
  .describe('The `iss` of the tokens, byte for byte.');

/** OpenID Connect Discovery 1.0 §3: the discovery document is found by appending to it. */
function isIssuer(value: string): boolean {
  if (!URL.canParse(value) || /[?#@]/.test(value)) return false;
  const { protocol, hostname } = new URL(value);
  return protocol === 'https:' || isLoopback(hostname);
}

const claim = text('the name of a claim');

/** The kind `oidc:sub` is always of the claim `sub`: it must not be something else in one of the attestors. */
const subjectKind = 'sub';

const selectors = z
  .record(name('a name of letters, digits, ".", "_" and "-"'), claim)
  .refine((mapping) => !Object.hasOwn(mapping, subjectKind) || mapping[subjectKind] === 'sub', {
    path: [subjectKind],
    error: `oidc:${subjectKind} is always the claim sub: choose another name for this one`,
  })
  .default({})
  .describe('Claims that rules can match, by the name that follows `oidc:`. oidc:sub needs no entry.');

const required = z.union([text('a text'), z.boolean(), z.int()], {
  error: 'a text, which may have * for any run of characters, a whole number, or true or false',
});

const block = z.strictObject({
  issuer,
  audience: text('the audience that the tokens are asked for')
    .optional()
    .describe('The `aud` of the tokens. Default: our issuer.'),
  keys: keysOptions('discovery')
    .prefault({ from: 'discovery' })
    .describe("Where the keys come from that verify the tokens. discovery: the issuer's own document names them."),
  algorithms: z
    .array(z.enum(verificationAlgorithms), { error: 'a list of signature algorithms' })
    .min(1, { error: 'a list of at least one signature algorithm' })
    .refine((list) => new Set(list).size === list.length, { error: 'a list of signature algorithms, each once' })
    .default([...verificationAlgorithms])
    .describe('What the tokens may be signed with.'),
  maxLifetime: duration().prefault('24h').describe('Tokens with a longer `exp` − `iat` are refused.'),
  role: z.literal('workload').default('workload').describe('What the tokens stand for.'),
  require: z
    .record(claim, required)
    .default({})
    .describe('Claims that every token must have, with this value. In a text, * matches any run of characters.'),
  selectors,
  subject: claim.default('sub').describe('The claim that names the workload.'),
  environment: name('the name of an environment')
    .optional()
    .describe("The workloads' environment. Default: this deployment's."),
  otherAudiences,
});

export const options = block.superRefine((values, context) => {
  const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  const fault = values.audience === undefined ? undefined : audienceFault(values.audience, values.issuer);
  if (fault !== undefined) refuse('audience', fault);
  if (sharedIssuers.includes(values.issuer) && Object.keys(values.require).length === 0) {
    refuse('require', `anybody can have tokens of ${values.issuer}: require the claim that says they are yours`);
  }
});

export type OidcOptions = z.output<typeof options>;

function audienceFault(audience: string, ofIssuer: string): string | undefined {
  if (audience !== ofIssuer && !audiencesOfOthers.includes(audience)) return undefined;
  return `tokens for ${audience} are made for another service, so they are no evidence: choose an audience that is only ours, and ask for it`;
}

export const audienceOf = (values: OidcOptions, ourIssuer: string): string => values.audience ?? ourIssuer;

/** A claim by the name of its selectors, with the one that needs no entry. */
export const mappingOf = (values: OidcOptions): Readonly<Record<string, string>> => ({
  ...values.selectors,
  [subjectKind]: 'sub',
});

export function plan(values: OidcOptions, ourIssuer: string): AttestorPlan {
  const audience = audienceOf(values, ourIssuer);
  const fault = audienceFault(audience, values.issuer);
  const isOurs = values.issuer === ourIssuer;
  return {
    accepts: Object.freeze(
      tokenTypes.map((tokenType) => Object.freeze({ tokenType, issuer: values.issuer, audience })),
    ),
    faults: isOurs
      ? [{ path: ['issuer'], message: 'this is our own issuer: the tokens that we issue are no evidence' }]
      : fault === undefined
        ? []
        : [{ path: ['audience'], message: fault }],
    files: [],
  };
}
