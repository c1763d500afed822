/**
 * How a client authenticates (RFC 6749 §2.3), on every endpoint: with evidence like any other, which an attestor verifies. A secret in the body
 * (`client_secret_post`) is refused. Whoever has authenticated may say its `client_id`, which has to be its own.
 */
import type { Attestation, Evidence } from '../../attestors/attestor.js';
import { clientSecretType, jwtSpiffeType, jwtType } from '../../attestors/token-types.js';
import { type Fault, Refusal } from '../errors.js';
import { scrub } from '../text.js';
import type { AudienceRule } from './audience.js';
import type { Form } from './form.js';

/** Unfinished specifications that are spoken, by the version; one that is left out is not. */
export interface Drafts {
  readonly 'id-jag'?: string | undefined;
  readonly 'spiffe-client-authentication'?: string | undefined;
}

export interface ClaimedClient {
  /** One id, or the two readings of a Basic user name: form-encoded as RFC 6749 §2.3.1 asks, or not, as many send it. */
  readonly ids: readonly string[];
}

/** Evidence that stands in a request, and what its place says of it. */
export interface Shown {
  readonly evidence: Evidence;
  /** What the client is told when it is not accepted: RFC 8693 and RFC 7523 differ. */
  readonly fault: Fault;
  /** What its place asks of its audience. */
  readonly audience: AudienceRule;
}

export interface Client {
  /** Null when it did not say who it is. */
  readonly claimed: ClaimedClient | null;
  /** Null when it did not authenticate; its other evidence does. */
  readonly authentication: Shown | null;
}

/** RFC 7523 §2.2. */
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** @throws Refusal `client_invalid`, `client_assertion_missing`, `client_authentication_ambiguous` */
export function readClient(form: Form, authorization: string | undefined, drafts: Drafts): Client {
  checkOneWay(form, authorization);
  if (form.values.has('client_secret')) throw notAccepted('client_secret was sent.');
  const inBody = form.values.get('client_id');
  if (authorization === undefined) {
    const claimed = inBody === undefined ? null : claimedAs([inBody]);
    return Object.freeze({ claimed, authentication: readAssertion(form, drafts) });
  }
  if (inBody !== undefined) {
    const detail = 'client_id came with an Authorization header.';
    throw new Refusal('client_authentication_ambiguous', 'client_twice', detail);
  }
  if (form.values.has('client_assertion_type'))
    throw notAccepted('client_assertion_type was sent without an assertion.');
  return readBasic(authorization);
}

/** RFC 6749 §2.3. */
function checkOneWay({ values }: Form, authorization: string | undefined): void {
  const ways = [
    ...(authorization === undefined ? [] : ['the Authorization header']),
    ...['client_secret', 'client_assertion'].filter((name) => values.has(name)),
  ];
  if (ways.length < 2) return;
  throw new Refusal('client_authentication_ambiguous', 'client_twice', `It came with ${ways.join(' and ')}.`);
}

/** @throws Refusal `client_assertion_missing` for one without its type, or of another type, and for a type without one */
function readAssertion({ values }: Form, drafts: Drafts): Shown | null {
  const assertion = values.get('client_assertion');
  const type = values.get('client_assertion_type');
  if (assertion === undefined && type === undefined) return null;
  const tokenType = type === assertionType ? jwtType : type === jwtSpiffeType && isSpoken(drafts) ? type : undefined;
  // Many send the token as they read it from its file, with the newline at its end.
  const token = assertion?.trimEnd() ?? '';
  const missing = (name: string, detail: string) => new Refusal('client_assertion_missing', name, detail);
  if (token === '') throw missing('client_assertion_missing', 'client_assertion is missing.');
  if (type === undefined) throw missing('client_assertion_type_missing', 'client_assertion_type is missing.');
  if (tokenType === undefined) {
    throw missing('client_assertion_type', `client_assertion_type is ${JSON.stringify(scrub(type))}.`);
  }
  const evidence = Object.freeze({ tokenType, token });
  return Object.freeze({ evidence, fault: 'client_assertion_rejected', audience: 'issuer alone' });
}

const isSpoken = (drafts: Drafts) => drafts['spiffe-client-authentication'] !== undefined;

/**
 * A user without a password: google-auth-library sends its `client_id` so, which is no authentication. It does not encode it, and a SPIFFE ID has a
 * colon; of everything else what stands behind the first colon is a secret (RFC 7617 §2), one that ends with a colon too.
 */
const idAlone = /^((?:spiffe:\/\/)?[^:]+):$/;

function readBasic(authorization: string): Client {
  const token = basicCredentials(authorization);
  const text = token === undefined ? '' : Buffer.from(token, 'base64').toString('utf8');
  if (token === undefined || !text.includes(':') || text.startsWith(':')) {
    throw notAccepted('The Authorization header is not Basic with a client_id.');
  }
  const id = idAlone.exec(text)?.[1];
  if (id !== undefined) return Object.freeze({ claimed: claimedAs(readingsOf(id)), authentication: null });
  return Object.freeze({ claimed: null, authentication: secretOf(token) });
}

/** Undefined: it is another scheme, or malformed (RFC 7617 §2). */
export const basicCredentials = (authorization: string): string | undefined =>
  /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];

/** @param credentials the Base64 text */
export const secretOf = (credentials: string): Shown =>
  Object.freeze({
    evidence: Object.freeze({ tokenType: clientSecretType, token: credentials }),
    fault: 'client_secret_rejected',
    audience: 'attestor',
  });

function readingsOf(id: string): readonly string[] {
  try {
    return [id, decodeURIComponent(id.replaceAll('+', ' '))];
  } catch {
    return [id];
  }
}

/** For where the evidence is the authentication. */
export function refuseAuthentication(authentication: Shown | null): void {
  if (authentication !== null) throw notAccepted('The client authenticated beside other evidence.');
}

/**
 * @param grantType that it asks with; null: with none
 * @throws Refusal `client_invalid` when the client is not the one that was attested, `grant_type_not_allowed`
 */
export function checkClient(claimed: ClaimedClient | null, attestation: Attestation, grantType: string | null): void {
  const { clientId, subject } = attestation;
  const own = clientId === undefined ? [subject] : [subject, clientId];
  if (claimed !== null && !claimed.ids.some((id) => own.includes(id))) {
    const seen = claimed.ids.map((id) => JSON.stringify(scrub(id))).join(' or ');
    const detail = `client_id is ${seen}, but the evidence is of ${own.join(', which is ')}.`;
    throw new Refusal('client_invalid', 'client_is_not_subject', detail);
  }
  const other = grantType === null ? null : otherGrantType(attestation, grantType);
  if (other !== null) throw new Refusal('grant_type_not_allowed', 'grant_type_not_allowed', other);
}

/** What is wrong with evidence of a client that may not ask with this grant; null: it may. */
export function otherGrantType({ grantTypes, subject }: Attestation, grantType: string): string | null {
  if (grantTypes === undefined || grantTypes.includes(grantType)) return null;
  return `${subject} may ask with ${grantTypes.join(', ')} (grantTypes).`;
}

const claimedAs = (ids: readonly string[]): ClaimedClient => Object.freeze({ ids: Object.freeze(ids) });

const notAccepted = (detail: string) => new Refusal('client_invalid', 'client_authentication', detail);
