/** `POST /introspect` (RFC 7662, RFC 9701): whether a token is active, for those whom it is meant for. */
import { randomUUID } from 'node:crypto';
import { Refusal, Rejected } from '../errors.js';
import { readBody } from '../exchange/request.js';
import type { WireRequest, WireResponse } from '../exchange/wire.js';
import type { Revocation } from '../revocation/revocation.js';
import { type AnswerRoom, answerAs } from './answer.js';
import { authenticate, type Caller, type CallerRoom, checkClientId, readAssertion } from './caller.js';
import type { Audiences, OwnToken, ReadOwnToken } from './own-token.js';

export interface IntrospectRoom extends CallerRoom, AnswerRoom, ActiveRoom {
  readonly revocation: CallerRoom['revocation'] & ActiveRoom['revocation'];
}

export interface ActiveRoom {
  /** Names of the attestors that are configured: what another one vouched for is not active any more. */
  readonly attestorNames: ReadonlySet<string>;
  readonly readOwnToken: ReadOwnToken;
  readonly revocation: Pick<Revocation, 'isRevoked'>;
}

/** What whoever is no caller is told. */
const fault = 'caller_invalid';

/** Claims that the answer has, where the token has them (RFC 7662 §2.2). */
const told: readonly string[] = [
  ...[
    'iss',
    'sub',
    'aud',
    'client_id',
    'act',
    'scope',
    'authorization_details',
    'iat',
    'nbf',
    'exp',
    'jti',
    'cnf',
    'attestation',
  ],
];

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
  const active = await readVisible(room, token, caller);
  const answer = active === undefined ? { active: false } : activeAnswer(active);
  const response = await answerAs(room, { clientId: caller.subject, accept: wire.accept }, answer);
  return { isActive: active !== undefined, response };
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
 * Also for exchanges, where a token of ours is shown: what is not active for one is not for the other. What was revoked until now has to
 * be known (`Revocation.refresh`).
 * @throws Rejected for whatever is no active token of ours for one of the audiences
 */
export async function readActive(room: ActiveRoom, text: string, audiences: Audiences): Promise<OwnToken> {
  const token = await room.readOwnToken(text, audiences);
  const gone = token.links.find(({ attestor }) => !room.attestorNames.has(attestor));
  if (gone !== undefined) throw new Rejected('attestor_gone', `No attestor is called ${gone.attestor} any more.`);
  if (!room.revocation.isRevoked(token)) return token;
  throw new Rejected('token_revoked', `The token ${token.id} is revoked, or somebody of its chain has ended.`);
}

function activeAnswer({ claims }: OwnToken): Record<string, unknown> {
  const { jkt } = (claims.cnf ?? {}) as { jkt?: string };
  const tokenType = jkt === undefined ? 'Bearer' : 'DPoP';
  return { active: true, ...Object.fromEntries(told.map((name) => [name, claims[name]])), token_type: tokenType };
}
