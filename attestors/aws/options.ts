/** The block of `type: aws`. */

import { z } from 'zod';
import type { AttestorPlan, Route } from '../attestor.js';
import { duration, isLoopback, keysOptions, name, otherAudiences, printable, text } from '../options.js';
import { jwtType } from '../token-types.js';
import { callerIdentityForm } from './caller-identity/form.js';
import { googleForm } from './caller-identity/google.js';
import { honoured } from './caller-identity/verify.js';
import { regionForm, stsHostOf } from './regions.js';

/** Audiences of AWS's own services: such a token is made for them, and whoever may be shown one could show it here. */
const audiencesOfAws: readonly string[] = ['pods.eks.amazonaws.com', 'sts.amazonaws.com'];

const issuerForm = 'the issuer as IAM tells it: an https URL without path, query and user (http only on loopback)';

const issuer = z
  .url({ protocol: /^https?$/, error: issuerForm })
  .refine(isIssuer, { error: issuerForm })
  .describe('The `iss` of the tokens of sts:GetWebIdentityToken in this account. Without it, they are refused.');

function isIssuer(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, origin } = new URL(value);
  return value === origin && (protocol === 'https:' || isLoopback(hostname));
}

const account = z.strictObject({
  environment: name('the name of an environment')
    .optional()
    .describe("Of the account's workloads. Default: this deployment's."),
  issuer: issuer.optional(),
});

const accountId = z.string().regex(/^[0-9]{12}$/, { error: 'the id of an account: twelve digits, in quotes' });

const region = z.string().regex(regionForm, { error: 'a region of AWS, such as eu-central-1' });

const endpointForm = 'an https URL without path, query and user (http only on loopback)';

const callerIdentity = z.strictObject({
  regions: z
    .array(region, { error: 'a list of regions' })
    .min(1, { error: 'a list of at least one region' })
    .refine((list) => new Set(list).size === list.length, { error: 'a list of regions, each once' })
    .describe('Regions whose STS may be asked. Requests that are signed for another are refused.'),
  endpoints: z
    .record(z.string(), z.url({ error: endpointForm }).refine(isIssuer, { error: endpointForm }))
    .default({})
    .describe('Where an STS host is called instead, by host: an interface endpoint, or a stand-in for tests.'),
  maxAge: duration()
    .refine((seconds) => seconds <= honoured, { error: 'at most 15m: AWS honours no signature for longer' })
    .prefault('5m')
    .describe('How old a signature may be.'),
  nonce: z
    .enum(['optional', 'required'])
    .default('optional')
    .describe('Whether the request has to carry a nonce of `POST /challenge`.'),
  googleCompat: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe('Whether requests of google-auth-library are accepted, whose audience is not signed.'),
  instanceIdentity: z
    .strictObject({
      certificates: text('the path of PEM certificates').describe(
        'Certificates of AWS, of RSA-2048, one for each region whose documents are accepted.',
      ),
    })
    .optional()
    .describe('EC2’s instance identity documents beside the requests. Left out: evidence with one is refused.'),
});

const block = z.strictObject({
  accounts: z
    .record(accountId, account)
    .refine((accounts) => Object.keys(accounts).length > 0, { error: 'a map with at least one account' })
    .describe('The accounts whose roles are accepted, by id.'),
  audience: z
    .string({ error: 'the audience that evidence is made for' })
    .max(512)
    .regex(printable, { error: 'text of ASCII without space' })
    .optional()
    .describe('What evidence has to be made for. Default: our issuer.'),
  webIdentity: z
    .strictObject({
      keys: keysOptions('discovery')
        .prefault({ from: 'discovery' })
        .describe(
          'Where the keys of the accounts’ issuers come from. discovery: each issuer’s own document names them.',
        ),
    })
    .prefault({})
    .describe('Tokens of sts:GetWebIdentityToken.'),
  callerIdentity: callerIdentity
    .optional()
    .describe('Signed requests of sts:GetCallerIdentity. Left out: they are refused.'),
  vouchesFor: duration()
    .refine((seconds) => seconds <= 3600, { error: 'at most 1h' })
    .optional()
    .describe('How long what is issued on a signed request may live. Default: 15m.'),
  otherAudiences,
});

export const options = block.superRefine((values, context) => {
  const refuse = (path: readonly string[], message: string) =>
    context.addIssue({ code: 'custom', path: [...path], message });
  const issuers = issuersOf(values).map(([, each]) => each);
  if (new Set(issuers).size < issuers.length) refuse(['accounts'], 'each issuer belongs to one account');
  if (!('from' in values.webIdentity.keys) && issuers.length > 1) {
    refuse(
      ['webIdentity', 'keys'],
      'named keys are of one issuer, and there are several: use { from: discovery }, or an attestor for each account',
    );
  }
  const { regions = [], endpoints = {}, googleCompat, nonce } = values.callerIdentity ?? {};
  const hosts = regions.map((each) => stsHostOf(each).host);
  for (const host of Object.keys(endpoints).filter((each) => !hosts.includes(each))) {
    refuse(['callerIdentity', 'endpoints', host], `not the STS host of one of regions: one of ${hosts.join(', ')}`);
  }
  if (googleCompat && nonce === 'required') {
    refuse(
      ['callerIdentity', 'googleCompat'],
      'requests of google-auth-library have no nonce: set it to false, or nonce to optional',
    );
  }
  if (values.vouchesFor !== undefined && values.callerIdentity === undefined) {
    refuse(['vouchesFor'], 'tokens say themselves how long they stand: it is for callerIdentity, which is left out');
  }
  if (values.audience !== undefined && audiencesOfAws.includes(values.audience)) {
    refuse(
      ['audience'],
      `tokens for ${values.audience} are made for AWS, so they are no evidence: choose an audience that is only ours`,
    );
  }
});

export type AwsOptions = z.output<typeof options>;

/** [account, issuer] of each account that has one. */
export const issuersOf = ({ accounts }: Pick<AwsOptions, 'accounts'>): readonly (readonly [string, string])[] =>
  Object.entries(accounts).flatMap(([id, { issuer }]) => (issuer === undefined ? [] : [[id, issuer] as const]));

export const audienceOf = (values: AwsOptions, ourIssuer: string): string => values.audience ?? ourIssuer;

type Fault = AttestorPlan['faults'][number];

export function plan(values: AwsOptions, ourIssuer: string): AttestorPlan {
  const audience = audienceOf(values, ourIssuer);
  const issuers = issuersOf(values);
  const accepts: readonly Route[] = [
    ...issuers.map(([, issuer]) => Object.freeze({ tokenType: jwtType, issuer, audience })),
    ...requestRoutes(values, audience),
  ];
  const faults: Fault[] = issuers
    .filter(([, issuer]) => issuer === ourIssuer)
    .map(([id]) => ({
      path: ['accounts', id, 'issuer'],
      message: 'this is our own issuer: the tokens that we issue are no evidence',
    }));
  if (accepts.length === 0) {
    faults.push({
      path: ['accounts'],
      message: 'nothing would be accepted: give an account its issuer, or callerIdentity its regions',
    });
  }
  return { accepts: Object.freeze(accepts), faults, files: filesOf(values) };
}

function filesOf({ callerIdentity }: AwsOptions): AttestorPlan['files'] {
  const file = callerIdentity?.instanceIdentity?.certificates;
  return file === undefined ? [] : [{ path: ['callerIdentity', 'instanceIdentity', 'certificates'], file }];
}

function requestRoutes({ callerIdentity }: AwsOptions, audience: string): readonly Route[] {
  if (callerIdentity === undefined) return [];
  const { regions, googleCompat } = callerIdentity;
  const forms = googleCompat ? [callerIdentityForm, googleForm] : [callerIdentityForm];
  return regions.flatMap((each) =>
    forms.map(({ tokenType }) => Object.freeze({ tokenType, issuer: `https://${stsHostOf(each).host}`, audience })),
  );
}
