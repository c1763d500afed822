/**
 * How a client may identify itself. The evidence is the authentication, and `client_id` is always the attested asker:
 * so secrets, and assertions that are not the evidence, are refused, and a `client_id` must be the subject that the evidence proves.
 */
import type { Attestation } from '../../attestors/attestor.js';
import { Refusal } from '../errors.js';
import { scrub } from '../text.js';
import type { Form } from './form.js';

export interface ClaimedClient {
  /** One id, or the two readings of a Basic user name: form-encoded as RFC 6749 §2.3.1 asks, or not, as many send it. */
  readonly ids: readonly string[];
}

/** RFC 7523 §2.2. */
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const credentials = ['client_secret', 'client_assertion', 'client_assertion_type'] as const;

/**
 * @param evidenceIn the parameters that hold the evidence
 * @throws Refusal `client_invalid`, `client_authentication_ambiguous`
 */
export function readClient(
  form: Form,
  authorization: string | undefined,
  evidenceIn: readonly string[],
): ClaimedClient | null {
  const sent = credentials.filter((name) => form.values.has(name));
  checkOneWay(sent, authorization);
  const beside = sent.find((name) => !evidenceIn.includes(name));
  if (beside !== undefined) throw new Refusal('client_invalid', 'client_authentication', `${beside} was sent.`);
  const inBody = form.values.get('client_id');
  if (authorization === undefined) return inBody === undefined ? null : claimed([inBody]);
  if (inBody !== undefined) {
    throw new Refusal(
      'client_authentication_ambiguous',
      'client_twice',
      'client_id came with an Authorization header.',
    );
  }
  return claimed(readBasic(authorization));
}

/** RFC 6749 §2.3. */
function checkOneWay(sent: readonly string[], authorization: string | undefined): void {
  const ways = [
    ...(authorization === undefined ? [] : ['the Authorization header']),
    ...sent.filter((name) => name !== 'client_assertion_type'),
  ];
  if (ways.length < 2) return;
  throw new Refusal('client_authentication_ambiguous', 'client_twice', `It came with ${ways.join(' and ')}.`);
}

/** @throws Refusal `client_invalid` when the client is not the attested workload */
export function checkClient(client: ClaimedClient | null, attestation: Attestation): void {
  if (client === null || client.ids.includes(attestation.subject)) return;
  const seen = client.ids.map((id) => JSON.stringify(scrub(id))).join(' or ');
  const detail = `client_id is ${seen}, but the evidence is of ${attestation.subject}.`;
  throw new Refusal('client_invalid', 'client_is_not_subject', detail);
}

const claimed = (ids: readonly string[]): ClaimedClient => Object.freeze({ ids: Object.freeze(ids) });

/** google-auth-library sends its `client_id` as Basic with an empty secret. */
function readBasic(authorization: string): string[] {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  if (!text.endsWith(':') || text.length < 2) {
    const detail = 'The Authorization header is not Basic with a client_id and an empty secret.';
    throw new Refusal('client_invalid', 'client_authentication', detail);
  }
  const id = text.slice(0, -1);
  try {
    return [id, decodeURIComponent(id.replaceAll('+', ' '))];
  } catch {
    return [id];
  }
}
