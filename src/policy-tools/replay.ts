/** A recorded decision, made again: what the policy read is all in the record. */
import { z } from 'zod';
import type { AuditRecord } from '../audit/record.js';
import { assuranceLevels } from '../policy/assurance.js';
import { issuedDetails } from '../policy/authorization-details.js';
import { type Granted, refusalReasons } from '../policy/decision.js';
import type { Inputs } from '../policy/facts.js';
import { tokenTypeOf } from '../policy/token-type.js';

const cause = z.enum(['missing', 'unavailable']);
const observed = z.object({ value: z.any(), observedAt: z.number() });

/** As far as a decision would stumble: others may have written into the file. */
const replayable = z.object({
  attestor: z.string(),
  selectors: z.array(z.string()),
  facts: z.looseObject({
    now: z.number(),
    environment: z.string().nullable(),
    unknown: z.record(z.string(), cause),
    posture: z.record(z.string(), observed),
    vouchesUntil: z.number(),
    delegator: z
      .object({
        attestor: z.string(),
        subject: z.string(),
        claims: z.record(z.string(), z.json()).optional(),
        resource: z.string().nullable(),
        actors: z.array(z.string()),
        scope: z.array(z.string()).nullable(),
        authorizationDetails: issuedDetails.optional(),
        mayAct: z.boolean(),
        assurance: z.enum(assuranceLevels),
        vouchesUntil: z.number(),
      })
      .optional(),
    network: z.object({
      ip: z.string().nullable(),
      country: z.string().nullable().optional(),
      subdivision: z.string().nullable().optional(),
    }),
    binding: z.object({ dpop: z.string().optional(), mtls: z.string().optional() }).optional(),
    behaviour: z.record(z.string(), z.union([z.number(), z.boolean()])).optional(),
    external: z.record(z.string(), z.object({ decision: z.boolean(), context: z.json() })).optional(),
  }),
  request: z.object({
    resource: z.array(z.string()),
    scope: z.array(z.string()).nullable(),
    requested_token_type: z.string().nullish(),
    authorization_details: issuedDetails.nullable(),
  }),
  rules: z.array(z.looseObject({ rule: z.string() })),
});

/** The inputs of `decide`, from the record alone; null when it does not hold them. */
export function inputsOf(record: AuditRecord): Inputs | null {
  if (!replayable.safeParse(record).success || record.facts === null) return null;
  const { now, network, binding, behaviour, delegator, external, ...rest } = record.facts;
  const { attestor, selectors, request } = record;
  const workload = { ...rest, attestor: attestor ?? '', selectors: selectors ?? [] };
  const known = {
    ...(binding && { binding }),
    ...(behaviour && { behaviour }),
    ...(delegator && { delegator }),
    ...(external && { external }),
  };
  const facts = { now, network, ...known, workload };
  const [resource = null] = request.resource;
  const { scope, authorization_details: details } = request;
  const tokenType = tokenTypeOf(request.requested_token_type ?? '');
  const asked = { resource, scope, ...(tokenType && { tokenType }), ...(details && { authorizationDetails: details }) };
  return { facts, asked };
}

/** What a decision comes to for the client. */
export type Outcome = Omit<Granted, 'algorithm'>;

/** What was decided; null when nothing was granted; undefined when it was not the policy that ended the request. */
export function outcomeOf({ outcome, granted, reason, rules }: AuditRecord): Outcome | null | undefined {
  if (rules === null) return undefined;
  if (outcome === 'refused') return (refusalReasons as readonly string[]).includes(reason) ? null : undefined;
  if (granted === null) return undefined;
  const { jti: _, issued_token_type: __, authorization_details: details, ...rest } = granted;
  return { ...rest, ...(details && { authorizationDetails: details }) };
}
