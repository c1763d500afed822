/** `POST /introspect` (RFC 7662, RFC 9701): whether a token is active, for those whom it is meant for. */
import { Refusal, Rejected } from '../errors.js';
import { readBody } from '../exchange/request.js';
import type { WireRequest, WireResponse } from '../exchange/wire.js';
import { type Revocation, refuseRevokedToken } from '../revocation/revocation.js';
import { type AnswerRoom, answerAs } from './answer.js';
import { authenticate, type Caller, type CallerRoom, readCaller } from './caller.js';
import type { Audiences, OwnToken, ReadOwnToken } from './own-token.js';
import { withNonce } from './proof.js';

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
  const shown = readCaller(room, form, { wire, fault });
  const token = form.values.get('token');
  if (token === undefined) throw new Refusal('introspection_token_missing', 'token_missing', 'token is missing.');
  const caller = await authenticate(room, shown);
  const active = await readVisible(room, token, caller);
  const answer = active === undefined ? { active: false } : activeAnswer(active);
  const response = await answerAs(room, { clientId: caller.subject, accept: wire.accept }, answer);
  return { isActive: active !== undefined, response: withNonce(room, wire.dpop, response) };
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
  refuseRevokedToken(room.revocation, token);
  return token;
}

function activeAnswer({ claims }: OwnToken): Record<string, unknown> {
  const { jkt } = (claims.cnf ?? {}) as { jkt?: string };
  const tokenType = jkt === undefined ? 'Bearer' : 'DPoP';
  return { active: true, ...Object.fromEntries(told.map((name) => [name, claims[name]])), token_type: tokenType };
}
