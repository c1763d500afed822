/** `POST /revoke` (RFC 7009): a workload has done with a token that was issued to it. */
import { type Fault, Refusal, Rejected } from '../errors.js';
import { readBody } from '../exchange/request.js';
import { errorResponse } from '../exchange/response.js';
import type { WireRequest, WireResponse } from '../exchange/wire.js';
import { decodeJwt } from '../jwt/decode.js';
import type { Revocation } from '../revocation/revocation.js';
import { authenticateWorkload, readCaller, type WorkloadRoom } from './caller.js';
import { guarded } from './guarded.js';
import { createReadOwnToken, type OwnToken, type OwnTokenRoom, type ReadOwnToken } from './own-token.js';
import { withNonce } from './proof.js';

export interface RevokeRooms extends WorkloadRoom, OwnTokenRoom {
  readonly revocation: WorkloadRoom['revocation'] & Pick<Revocation, 'isRevoked' | 'revoke'>;
  /** For faults of our own. */
  readonly warn: (message: string) => void;
  /** Is told what was revoked, and by whom. */
  readonly info: (message: string) => void;
  /** Is told of each request; the fault is that of a refusal. Must not throw. */
  readonly observe: (outcome: RevocationOutcome, fault: Fault | null) => void;
}

/** `nothing`: there was nothing to revoke, which the client is not told. */
export type RevocationOutcome = 'revoked' | 'nothing' | 'refused';

export type Revoke = (wire: WireRequest) => Promise<WireResponse>;

/** What whoever is no workload that we know is told. */
const fault = 'workload_invalid';

/** RFC 7009 §2.2: the same for everything that was not at fault, so that nobody learns of tokens of others. */
const done: WireResponse = Object.freeze({
  status: 200,
  headers: Object.freeze({ 'Cache-Control': 'no-store', Pragma: 'no-cache' }),
  body: '',
});

export function createRevoke(rooms: RevokeRooms): Revoke {
  const room = { ...rooms, readOwnToken: createReadOwnToken({ ...rooms, kind: 'token of ours' }) };
  return (wire) => {
    const refuse = (refusal: Refusal): WireResponse => {
      rooms.observe('refused', refusal.fault);
      return errorResponse(refusal, null, wire.authorization !== undefined);
    };
    return guarded({ path: '/revoke', warn: rooms.warn, refuse }, async () => {
      rooms.observe((await revoke(room, wire)) ? 'revoked' : 'nothing', null);
      return withNonce(room, wire.dpop, done);
    });
  };
}

interface RevokeRoom extends RevokeRooms {
  readonly readOwnToken: ReadOwnToken;
}

/** @returns whether something was revoked. @throws Refusal */
async function revoke(room: RevokeRoom, wire: WireRequest): Promise<boolean> {
  const form = readBody(wire);
  const shown = readCaller(room, form, { wire, fault });
  const text = form.values.get('token');
  if (text === undefined) throw new Refusal('revocation_token_missing', 'token_missing', 'token is missing.');
  const { subject } = await authenticateWorkload(room, shown);
  const token = await readToken(room, text);
  // Only its own (RFC 7009 §2.1). What is another's costs what an unknown one does, and says as much.
  if (token?.clientId !== subject || room.revocation.isRevoked(token)) return false;
  const { id, resource, expiresAt } = token;
  const { isNew } = await room.revocation.revoke({ kind: 'token', id, token: { resource, expiresAt }, cause: null });
  if (isNew) room.info(`revocation: token ${id} is revoked by its client ${subject}`);
  return isNew;
}

/** For whatever resource, also for one that is not configured any more. */
const anyAudience = Object.freeze({ has: () => true });

/** Undefined: it is no token that we issued, or has expired. @throws Refusal `revocation_type_unsupported` */
async function readToken({ readOwnToken, issuer }: RevokeRoom, text: string): Promise<OwnToken | undefined> {
  try {
    return await readOwnToken(text, anyAudience);
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    if (error.reason !== 'jwt_type' || decodeJwt(text).claims.iss !== issuer) return undefined;
    throw new Refusal('revocation_type_unsupported', 'token_type', error.detail);
  }
}
