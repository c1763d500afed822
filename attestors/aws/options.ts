/** The block of `type: aws`. */
import { z } from 'zod';
import type { AttestorPlan, Route } from '../attestor.js';
import { isLoopback, keysOptions, name, otherAudiences, printable } from '../options.js';

export const webIdentityType = 'urn:ietf:params:oauth:token-type:jwt';

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

export function plan(values: AwsOptions, ourIssuer: string): AttestorPlan {
  const audience = audienceOf(values, ourIssuer);
  const issuers = issuersOf(values);
  const accepts: readonly Route[] = issuers.map(([, issuer]) =>
    Object.freeze({ tokenType: webIdentityType, issuer, audience }),
  );
  const faults = issuers
    .filter(([, issuer]) => issuer === ourIssuer)
    .map(([id]) => ({
      path: ['accounts', id, 'issuer'],
      message: 'this is our own issuer: the tokens that we issue are no evidence',
    }));
  if (accepts.length === 0) {
    faults.push({ path: ['accounts'], message: 'nothing would be accepted: give an account its issuer' });
  }
  return { accepts: Object.freeze(accepts), faults, files: [] };
}
