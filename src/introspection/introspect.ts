/** `POST /introspect` (RFC 7662): whether a token is active, for those whom it is meant for. */
import { randomUUID } from 'node:crypto';
import { Refusal, Rejected } from '../errors.js';
import type { Form } from '../exchange/form.js';
import { readBody } from '../exchange/request.js';
import { jsonResponse } from '../exchange/response.js';
import type { WireRequest, WireResponse } from '../exchange/wire.js';
import type { Revocation } from '../revocation/revocation.js';
import { authenticate, type Caller, type CallerRoom } from './caller.js';
import type { Audiences, OwnToken, ReadOwnToken } from './own-token.js';

export interface IntrospectRoom extends CallerRoom, ActiveRoom {}

export interface ActiveRoom {
  /** Names of the attestors that are configured: what another one vouched for is not active any more. */
  readonly attestorNames: ReadonlySet<string>;
  readonly readOwnToken: ReadOwnToken;
  readonly revocation: Pick<Revocation, 'refresh' | 'isRevoked'>;
}

/** RFC 7523 §2.2. */
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Claims that the answer has, where the token has them (RFC 7662 §2.2). */
const told = ['iss', 'sub', 'aud', 'client_id', 'act', 'scope', 'iat', 'nbf', 'exp', 'jti', 'attestation'] as const;

export interface Introspected {
  readonly isActive: boolean;
  readonly response: WireResponse;
}

/** @throws Refusal */
export async function introspect(room: IntrospectRoom, wire: WireRequest): Promise<Introspected> {
  const form = readBody(wire);
  const assertion = readAssertion(form, wire.authorization);
  const token = form.values.get('token');
  if (token === undefined) throw new Refusal('introspection_token_missing', 'token_missing', 'token is missing.');
  const caller = await authenticate(room, assertion, randomUUID(), 'caller_invalid');
  checkClientId(form, caller);
  const active = await readVisible(room, token, caller);
  const answer = active === undefined ? { active: false } : activeAnswer(active);
  return { isActive: active !== undefined, response: jsonResponse(answer) };
}

/** @throws Refusal `client_authentication_ambiguous`, `caller_invalid` */
function readAssertion({ values }: Form, authorization: string | undefined): string {
  const assertion = values.get('client_assertion');
  const ways = [assertion, authorization, values.get('client_secret')].filter((way) => way !== undefined);
  if (ways.length > 1) {
    throw new Refusal('client_authentication_ambiguous', 'client_twice', `${ways.length} ways of authentication.`);
  }
  if (assertion === undefined || values.get('client_assertion_type') !== assertionType) {
    throw new Refusal('caller_invalid', 'client_assertion', 'client_assertion or its type is missing or another.');
  }
  return assertion;
}

function checkClientId({ values }: Form, { subject }: Caller): void {
  const id = values.get('client_id');
  if (id === undefined || id === subject) return;
  throw new Refusal('caller_invalid', 'client_is_not_subject', `client_id is not ${subject}.`);
}

/** Undefined for whatever the caller may not see, which tells it nothing of why (RFC 7662 §2.2). */
async function readVisible(room: ActiveRoom, text: string, caller: Caller): Promise<OwnToken | undefined> {
  try {
    return await readActive(room, text, caller.resources);
  } catch (error) {
    if (error instanceof Rejected) return undefined;
    throw error;
  }
}

/**
 * Also for exchanges, where a token of ours is shown: what is not active for one is not for the other.
 * @throws Rejected for whatever is no active token of ours for one of the audiences
 * @throws Unavailable
 */
export async function readActive(room: ActiveRoom, text: string, audiences: Audiences): Promise<OwnToken> {
  const token = await room.readOwnToken(text, audiences);
  const gone = token.links.find(({ attestor }) => !room.attestorNames.has(attestor));
  if (gone !== undefined) throw new Rejected('attestor_gone', `No attestor is called ${gone.attestor} any more.`);
  await room.revocation.refresh();
  const ended = token.links.find((link) => room.revocation.isRevoked(link.attestor, link.instance, token.issuedAt));
  if (ended !== undefined) throw new Rejected('token_revoked', `${ended.instance} of ${ended.attestor} has ended.`);
  return token;
}

function activeAnswer({ claims }: OwnToken): Record<string, unknown> {
  return { active: true, ...Object.fromEntries(told.map((name) => [name, claims[name]])), token_type: 'Bearer' };
}
