/** `POST /introspect` (RFC 7662, RFC 9701): whether a token is active, for those whom it is meant for. */
import { randomUUID } from 'node:crypto';
import { Refusal, Rejected } from '../errors.js';
import { readBody } from '../exchange/request.js';
import type { WireRequest, WireResponse } from '../exchange/wire.js';
import type { Revocation } from '../revocation/revocation.js';
import { type AnswerRoom, answerAs } from './answer.js';
import { authenticate, type Caller, type CallerRoom, checkClientId, readAssertion } from './caller.js';
import type { OwnToken, ReadOwnToken } from './own-token.js';

export interface IntrospectRoom extends CallerRoom, AnswerRoom {
  /** Names of the attestors that are configured: what another one vouched for is not active any more. */
  readonly attestorNames: ReadonlySet<string>;
  readonly readOwnToken: ReadOwnToken;
  readonly revocation: CallerRoom['revocation'] & Pick<Revocation, 'isRevoked'>;
}

/** What whoever is no caller is told. */
const fault = 'caller_invalid';

/** Claims that the answer has, where the token has them (RFC 7662 §2.2). */
const told = ['iss', 'sub', 'aud', 'client_id', 'scope', 'iat', 'nbf', 'exp', 'jti', 'cnf', 'attestation'] as const;

export interface Introspected {
  readonly isActive: boolean;
  readonly response: WireResponse;
}

/** @throws Refusal */
export async function introspect(room: IntrospectRoom, wire: WireRequest): Promise<Introspected> {
  const form = readBody(wire);
  const assertion = readAssertion(form, wire.authorization, fault);
  const token = form.values.get('token');
  if (token === undefined) throw new Refusal('introspection_token_missing', 'token_missing', 'token is missing.');
  const caller = await authenticate(room, { token: assertion, requestId: randomUUID(), fault });
  checkClientId(form, caller.subject, fault);
  const active = await readActive(room, token, caller);
  const answer = active === undefined ? { active: false } : activeAnswer(active);
  const response = await answerAs(room, { clientId: caller.subject, accept: wire.accept }, answer);
  return { isActive: active !== undefined, response };
}

/** Undefined for whatever the caller may not see, which tells it nothing of why (RFC 7662 §2.2). */
async function readActive(room: IntrospectRoom, text: string, caller: Caller): Promise<OwnToken | undefined> {
  let token: OwnToken;
  try {
    token = await room.readOwnToken(text, caller.resources);
  } catch (error) {
    if (error instanceof Rejected) return undefined;
    throw error;
  }
  if (!room.attestorNames.has(token.attestor)) return undefined;
  return room.revocation.isRevoked(token) ? undefined : token;
}

function activeAnswer({ claims }: OwnToken): Record<string, unknown> {
  const { jkt } = (claims.cnf ?? {}) as { jkt?: string };
  const tokenType = jkt === undefined ? 'Bearer' : 'DPoP';
  return { active: true, ...Object.fromEntries(told.map((name) => [name, claims[name]])), token_type: tokenType };
}
