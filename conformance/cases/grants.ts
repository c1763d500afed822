/** The grants, each in its own words: whatever is said of evidence, targets and scopes is said of all of them. */
import { type Form, type Need, type Request, rfc, type Section, type Value } from '../case.js';
import type { GrantName } from '../profile.js';
import type { Variant } from '../variants.js';
import { evidenceOf, firstGrant, type World } from '../world.js';

export interface Grant {
  readonly name: GrantName;
  readonly type: string;
  /** The parameter that holds the evidence. */
  readonly parameter: string;
  readonly form: (evidence: Value) => Form;
  /** What is told of evidence that is not accepted. */
  readonly rejected: readonly [statuses: readonly number[], error: string];
  readonly section: Section;
}

export const jwtType = 'urn:ietf:params:oauth:token-type:jwt';
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
/** A grant, or a type of token, that there is not. */
export const unheardOf = 'urn:ietf:params:conformance:unheard-of';
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export const tokenExchange: Grant = Object.freeze({
  name: 'token-exchange',
  type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  parameter: 'subject_token',
  form: (subject_token: Value) => ({ subject_token, subject_token_type: jwtType }),
  rejected: [[400], 'invalid_request'] as const,
  section: rfc(8693, '2.2.2'),
});

export const jwtBearer: Grant = Object.freeze({
  name: 'jwt-bearer',
  type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  parameter: 'assertion',
  form: (assertion: Value) => ({ assertion }),
  rejected: [[400], 'invalid_grant'] as const,
  section: rfc(7523, '3.1'),
});

export const clientCredentials: Grant = Object.freeze({
  name: 'client-credentials',
  type: 'client_credentials',
  parameter: 'client_assertion',
  form: (client_assertion: Value) => ({ client_assertion, client_assertion_type: assertionType }),
  // RFC 6749 §5.2: 401 may be answered, and has to be where Authorization was used.
  rejected: [[401, 400], 'invalid_client'] as const,
  section: rfc(7523, '3.2'),
});

export const grants: readonly Grant[] = Object.freeze([tokenExchange, jwtBearer, clientCredentials]);

const byName = new Map(grants.map((grant) => [grant.name, grant]));

export const evidence =
  (variant: Variant = 'good'): Value =>
  (world) =>
    evidenceOf(world, world.profile.evidence, variant);

export const resource: Value = ({ profile }) => profile.target.resource;

export interface Asking {
  /** Default good. */
  readonly evidence?: Value;
  /** Parameters changed, added, or left out when undefined. */
  readonly change?: Form;
}

/** A request for a token for the resource. @param grant `any`: the first that the server supports */
export function tokenRequest(
  grant: Grant | 'any',
  { evidence: shown = evidence(), change = {} }: Asking = {},
  more: Partial<Request> = {},
): Request {
  const form = (world: World): Form => {
    const { type, form: inItsWords } = grant === 'any' ? grantOf(firstGrant(world)) : grant;
    return { grant_type: type, ...inItsWords(shown), resource, ...change };
  };
  return Object.freeze({ to: 'token', form, ...more });
}

function grantOf(name: GrantName): Grant {
  const found = byName.get(name);
  if (found === undefined) throw new Error(`no grant is called ${name}`);
  return found;
}

export const needsOf = (grant: Grant, variant: Variant = 'good'): readonly Need[] => [
  grant.name,
  ...(variant === 'good' ? [] : ([`evidence:${variant}`] as const)),
];
