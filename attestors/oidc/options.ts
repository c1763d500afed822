/** The block of `type: oidc`. */

import { z } from 'zod';
import { type AttestorPlan, type Route, verificationAlgorithms } from '../attestor.js';
import {
  aTrustDomain,
  duration,
  isLoopback,
  keysOptions,
  listOfAlgorithms,
  name,
  otherAudiences,
  printable,
  text,
  trustDomainForm,
} from '../options.js';
import { idJagType, jwtSpiffeType, jwtType } from '../token-types.js';
import { hasForm, isPinned, pinsOf, presetNames, presetOf, sharedIssuer, svidAlgorithms } from './presets.js';

/** RFC 8693 §3: an ID token is a JWT, and clients may call it either. */
const tokenTypes = [jwtType, 'urn:ietf:params:oauth:token-type:id_token'] as const;

/** Audiences of other services: whoever holds such a token may have been given it for them, so it proves nothing to us. */
const audiencesOfOthers: readonly string[] = ['sts.amazonaws.com', 'api://AzureADTokenExchange', 'sigstore'];

const issuerForm =
  'the issuer as the tokens have it: an https URL without query, fragment and user (http only on loopback)';

// No z.url, which takes white space away: the text is compared byte for byte.
const issuer = z
  .string({ error: issuerForm })
  .refine(isIssuer, { error: issuerForm })
  .describe('The `iss` of the tokens, byte for byte.');

/** OpenID Connect Discovery 1.0 §3: the discovery document is found by appending to it. */
function isIssuer(value: string): boolean {
  if (!printable.test(value) || !URL.canParse(value) || /[?#@]/.test(value)) return false;
  const { protocol, hostname } = new URL(value);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

const aClaim = 'the name of a claim, or a JSON pointer such as /google/compute_engine/zone';

/** RFC 6901 §3; a claim whose own name begins with "/" is written with it as "~1". */
const claim = text(aClaim).regex(/^(?!\/)|^(?:\/(?:[^~/]|~[01])+)+$/, { error: aClaim });

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
  preset: z
    .enum(presetNames)
    .optional()
    .describe('What is the same for every customer of a vendor: issuer, algorithms, selectors. Own keys come first.'),
  issuer: issuer.optional(),
  trustDomain: z
    .string({ error: aTrustDomain })
    .regex(trustDomainForm, { error: aTrustDomain })
    .optional()
    .describe('With preset: spiffe, the trust domain whose SVIDs are accepted.'),
  audience: text('the audience that the tokens are asked for')
    .optional()
    .describe('The `aud` of the tokens. Default: our issuer; required for the presets of people.'),
  keys: keysOptions('discovery')
    .prefault({ from: 'discovery' })
    .describe("Where the keys come from that verify the tokens. discovery: the issuer's own document names them."),
  algorithms: listOfAlgorithms
    .optional()
    .describe("What the tokens may be signed with. Default: the preset's, else all."),
  maxLifetime: duration()
    .optional()
    .describe("Tokens with a longer `exp` − `iat` are refused. Default: the preset's, else 24h."),
  role: z
    .enum(['workload', 'delegator'])
    .optional()
    .describe("What the tokens stand for: workloads, or people. Default: the preset's, else workload."),
  scopes: z
    .literal('authoritative', { error: 'authoritative, or left out' })
    .optional()
    .describe(
      'With role: delegator, nothing is granted beyond the `scope` (or `scp`) of the token. Left out: what it says of scope does not count.',
    ),
  require: z
    .record(claim, required)
    .default({})
    .describe('Claims that every token must have, with this value. In a text, * matches any run of characters.'),
  selectors,
  subject: claim.optional().describe("The claim that names the workload. Default: the preset's, else sub."),
  environment: name('the name of an environment')
    .optional()
    .describe("The workloads' environment. Default: this deployment's."),
  otherAudiences,
});

type Given = z.output<typeof block>;
type Fault = AttestorPlan['faults'][number];

/** Own keys first, then those of the preset, then our defaults. */
function complete(given: Given) {
  const preset = presetOf(given.preset);
  return {
    ...given,
    issuer: given.issuer ?? (preset && sharedIssuer(preset)),
    algorithms: given.algorithms ?? preset?.algorithms ?? verificationAlgorithms,
    maxLifetime: given.maxLifetime ?? preset?.maxLifetime ?? 24 * 3600,
    role: given.role ?? preset?.role ?? 'workload',
    require: { ...preset?.require, ...given.require },
    selectors: { ...preset?.selectors, ...given.selectors },
    subject: given.subject ?? preset?.subject ?? 'sub',
  };
}

export const options = block
  .superRefine((given, context) => {
    for (const { path, message } of faultsOf(given)) context.addIssue({ code: 'custom', path: [...path], message });
  })
  .transform(complete);

export type OidcOptions = z.output<typeof options>;

function faultsOf(given: Given): readonly Fault[] {
  const values = complete(given);
  return [
    ...(given.preset === 'spiffe' ? spiffeFaults(given) : issuerFaults(values)),
    ...(given.audience === undefined ? [] : audienceFaults(given.audience, sendersOf(values))),
    ...presetFaults(given),
    ...pinFaults(values),
    ...(values.scopes === undefined || values.role === 'delegator'
      ? []
      : [fault('scopes', 'of people only: with role: delegator')]),
  ];
}

const fault = (key: keyof Given, message: string): Fault => ({ path: [key], message });

function issuerFaults({ issuer: given, preset, trustDomain }: OidcOptions): readonly Fault[] {
  const { issuers } = presetOf(preset) ?? {};
  const isMissing = given === undefined;
  const isOther = issuers !== undefined && !(given !== undefined && issuers.some((form) => hasForm(form, given)));
  const expected =
    issuers === undefined ? issuerForm : `an issuer of ${preset}, in one of the forms ${issuers.join(', ')}`;
  // It would be no issuer that we know, and match no token.
  const unslashed = given?.replace(/\/$/, '') ?? '';
  const isSlashed = !isOther && unslashed !== given && pinsOf(undefined, unslashed).length > 0;
  return [
    ...(isMissing || isOther ? [fault('issuer', expected)] : []),
    ...(isSlashed ? [fault('issuer', `${unslashed}, without the slash, as its tokens have it`)] : []),
    ...(trustDomain === undefined ? [] : [fault('trustDomain', 'only SVIDs have a trust domain: add preset: spiffe')]),
  ];
}

function spiffeFaults({ trustDomain, keys, subject = 'sub', algorithms = [] }: Given): readonly Fault[] {
  const isSvidAlgorithm = (each: string) => svidAlgorithms.some((known) => known === each);
  return [
    ...(trustDomain === undefined ? [fault('trustDomain', aTrustDomain)] : []),
    ...('from' in keys
      ? [fault('keys', 'the bundle of the trust domain: { jwksUri: URL } or { jwksFile: FILE }')]
      : []),
    ...(subject === 'sub'
      ? []
      : [fault('subject', 'an SVID names its workload by sub, and by nothing else: leave subject out')]),
    ...(algorithms.every(isSvidAlgorithm) ? [] : [fault('algorithms', `a list of ${svidAlgorithms.join(', ')}`)]),
  ];
}

function presetFaults({ preset: named, role, audience }: Given): readonly Fault[] {
  const preset = presetOf(named);
  if (preset === undefined) return [];
  const isOther = role !== undefined && role !== preset.role;
  const isOpen = preset.role === 'delegator' && audience === undefined;
  return [
    ...(isOther ? [fault('role', `tokens of ${named} stand for a ${preset.role}: leave role out`)] : []),
    ...(isOpen
      ? [fault('audience', 'the aud of the ID tokens: the client ID of the application that people sign in to')]
      : []),
  ];
}

function pinFaults({ preset, issuer: of, require }: OidcOptions): readonly Fault[] {
  if (of === undefined) return [];
  const pins = pinsOf(presetOf(preset), of);
  if (pins.length === 0 || pins.some((each) => Object.hasOwn(require, each) && isPinned(require[each]))) return [];
  const how = 'with a value that is yours alone; * only behind a "/", or as all that is before an "@"';
  return [fault('require', `others have tokens of ${of} as well: require at least one of ${pins.join(', ')}, ${how}`)];
}

function audienceFaults(audience: string, senders: readonly string[]): readonly Fault[] {
  if (!senders.includes(audience) && !audiencesOfOthers.includes(audience)) return [];
  return [
    fault(
      'audience',
      `tokens for ${audience} are made for another service, so they are no evidence: choose an audience that is only ours, and ask for it`,
    ),
  ];
}

export const audienceOf = (values: Pick<OidcOptions, 'audience'>, ourIssuer: string): string =>
  values.audience ?? ourIssuer;

/** The issuers under whose names tokens are routed; an SVID without `iss` under its trust domain. */
const sendersOf = ({ trustDomain, issuer: of }: OidcOptions): readonly string[] => [
  ...(trustDomain === undefined ? [] : [`spiffe://${trustDomain}`]),
  ...(of === undefined ? [] : [of]),
];

/** A claim by the name of its selectors, with the one that needs no entry. */
export const mappingOf = (values: OidcOptions): Readonly<Record<string, string>> => ({
  ...values.selectors,
  [subjectKind]: 'sub',
});

/** What is made for us alone: SVIDs that clients authenticate with, by their trust domain, and identity assertions of people. */
function draftRoutes({ issuer: of, role, trustDomain, ...values }: OidcOptions, ourIssuer: string): readonly Route[] {
  const audience = audienceOf(values, ourIssuer);
  if (trustDomain !== undefined) {
    return [Object.freeze({ tokenType: jwtSpiffeType, issuer: `spiffe://${trustDomain}`, audience })];
  }
  if (role !== 'delegator' || of === undefined || audience !== ourIssuer) return [];
  return [Object.freeze({ tokenType: idJagType, issuer: of, audience })];
}

export function plan(values: OidcOptions, ourIssuer: string): AttestorPlan {
  const audience = audienceOf(values, ourIssuer);
  const senders = sendersOf(values);
  const routes = senders.flatMap((of) =>
    tokenTypes.map((tokenType) => Object.freeze({ tokenType, issuer: of, audience })),
  );
  return {
    accepts: Object.freeze([...routes, ...draftRoutes(values, ourIssuer)]),
    faults: senders.includes(ourIssuer)
      ? [fault('issuer', 'this is our own issuer: the tokens that we issue are no evidence')]
      : audienceFaults(audience, senders),
    files: [],
  };
}
