/** How cases are written. What it cannot see is in check.ts. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { assuranceLevels } from '../policy/assurance.js';
import { issuedDetails } from '../policy/authorization-details.js';
import { network } from '../policy/conditions/network.js';
import { decisionFaults, refusalReasons } from '../policy/decision.js';
import { tokenTypes } from '../policy/token-type.js';

const factValue = z.union([z.boolean(), z.number(), z.string(), z.array(z.string()), z.null()], {
  error: 'true, false, a number, text, a list of texts or null',
});

const workloadSchema = z.strictObject({
  attestor: z.string().optional(),
  /** Null: not known. */
  environment: z.string().nullable().optional(),
  selectors: z.array(z.string()).optional(),
  unknown: z.record(z.string(), z.enum(['missing', 'unavailable'])).optional(),
  podless: z.boolean().optional(),
  /** Values by name. */
  posture: z.record(z.string(), factValue).optional(),
  /** Seconds before the decision: when the posture was observed. */
  observedAgo: z.number().optional(),
  /** Those that were gathered; null: the evidence does not have it. One that is left out is not known. */
  claims: z.record(z.string(), z.json()).optional(),
  assurance: z.enum(['low', 'medium', 'high']).optional(),
  /** Seconds before the decision: when the evidence was made; null: it does not say. */
  madeAgo: z.number().nullable().optional(),
  /** Seconds from the decision. */
  vouchesFor: z.number().optional(),
});

const delegatorSchema = z.strictObject({
  attestor: z.string().optional(),
  subject: z.string().optional(),
  /** As those of the workload. */
  claims: z.record(z.string(), z.json()).optional(),
  /** Of the token of ours that is shown; left out: evidence is. */
  resource: z.string().optional(),
  /** Subjects of who acted before, newest first. */
  actors: z.array(z.string()).optional(),
  /** Left out: what is shown does not limit it. */
  scope: z.array(z.string()).optional(),
  /** Of a token of ours. Left out: as scope. */
  authorizationDetails: issuedDetails.optional(),
  mayAct: z.boolean().optional(),
  assurance: z.enum(assuranceLevels).optional(),
  /** Seconds from the decision. */
  vouchesFor: z.number().optional(),
});

const anAddress = 'an IP address such as 10.4.0.7 or 2001:db8::7';

/** As conditions of networks have them. @param key of such a condition */
const place = (key: 'countries' | 'subdivisions') =>
  z.string().superRefine((code, context) => {
    for (const { message } of network.schema.safeParse({ [key]: [code] }).error?.issues ?? [])
      context.addIssue(message);
  });

/** Thumbprints, or whatever stands for them in a case. */
const bindingOf = z.strictObject({ dpop: z.string().optional(), mtls: z.string().optional() });

const situation = {
  at: z.iso.datetime({ offset: true, error: 'a time with its offset, such as 2026-12-24T18:00:00+01:00' }).optional(),
  /** Null: not known. */
  ip: z
    .string({ error: anAddress })
    .refine((ip) => isIP(ip) !== 0, { error: anAddress })
    .nullable()
    .optional(),
  /** Where that is; null: not known. */
  country: place('countries').nullable().optional(),
  subdivision: place('subdivisions').nullable().optional(),
  workload: workloadSchema.optional(),
  /** What the client has shown to hold. */
  binding: bindingOf.optional(),
  /** For whom it asks; left out: for itself. */
  delegator: delegatorSchema.optional(),
  /** Values by name. */
  behaviour: z.record(z.string(), z.union([z.boolean(), z.number()], { error: 'true, false or a number' })).optional(),
  /** By the key of the lookup: what a policy decision point says. */
  external: z.record(z.string(), z.strictObject({ decision: z.boolean(), context: z.json().default(null) })).optional(),
  asked: z
    .strictObject({
      resource: z.string().optional(),
      scope: z.array(z.string()).optional(),
      /** Left out: an access token. */
      tokenType: z.enum(tokenTypes).optional(),
      authorizationDetails: issuedDetails.optional(),
    })
    .optional(),
};

export const situationSchema = z.strictObject(situation);
export type Situation = z.output<typeof situationSchema>;

const seen = { expected: z.string().optional(), seen: z.string().optional() };
const verdictForms = 'holds, or one of fails and unknown with the name of a clause';
const verdictSchema = z.union(
  [
    z.literal('holds'),
    z.strictObject({ fails: z.string(), ...seen }),
    z.strictObject({ unknown: z.string(), ...seen }),
  ],
  { error: verdictForms },
);

const outcomeSchema = z.strictObject({
  resource: z.string(),
  scope: z.array(z.string()).transform((scope) => [...scope].sort()),
  lifetime: z.number(),
  authorizationDetails: issuedDetails.optional(),
});

const reason = z.enum(['granted', ...refusalReasons]);
const together = 'granted with reason: granted, and only with it';
const expectationSchema = z
  .strictObject({
    reason,
    fault: z.enum(decisionFaults).optional(),
    granted: outcomeSchema
      .extend({
        algorithm: z.string().optional(),
        binding: bindingOf.optional(),
        tokenType: z.enum(tokenTypes).optional(),
      })
      .optional(),
    rules: z.record(z.string(), verdictSchema).optional(),
    shadow: z
      .strictObject({ reason, granted: outcomeSchema.optional() })
      .refine((shadow) => (shadow.reason === 'granted') === (shadow.granted !== undefined), { error: together })
      .optional(),
  })
  .refine((expect) => (expect.reason === 'granted') === (expect.granted !== undefined), { error: together });

export type Expectation = z.output<typeof expectationSchema>;

const caseSchema = z.strictObject({ name: z.string().min(1), ...situation, expect: expectationSchema });

/** `base` is what every case starts from. */
export const casesSchema = z.strictObject({
  base: situationSchema.optional(),
  cases: z.array(caseSchema).min(1, { error: 'a list of at least one case' }),
});
