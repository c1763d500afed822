/**
 * `POST /challenge`, a form as `POST /token` takes it, so on node:http as that is: a nonce that evidence has to carry, so that it was made for this exchange and not before.
 */
import type { RequestListener } from 'node:http';
import { type Nonces, nonceLifetime } from '../challenge/nonces.js';
import { Refusal } from '../errors.js';
import { readBody } from '../exchange/request.js';
import { errorResponse, jsonResponse } from '../exchange/response.js';
import type { WireRequest, WireResponse } from '../exchange/wire.js';
import { createFormListener, type Edge } from './body.js';

export interface ChallengeRoom {
  readonly nonces: Nonces;
  /** Of evidence that may carry a nonce. */
  readonly tokenTypes: ReadonlySet<string>;
  /** For faults of our own. */
  readonly warn: (message: string) => void;
}

export type Challenge = (wire: WireRequest) => WireResponse;

/** The form has one parameter: `subject_token_type`, of the evidence that is to carry the nonce. */
export function createChallenge({ nonces, tokenTypes, warn }: ChallengeRoom): Challenge {
  return (wire) => {
    try {
      const tokenType = readBody(wire).values.get('subject_token_type');
      if (tokenType === undefined || !tokenTypes.has(tokenType)) {
        throw new Refusal('challenge_type_unsupported', 'challenge_type', 'There are no nonces for this token type.');
      }
      return jsonResponse({ nonce: nonces.make(tokenType), expires_in: nonceLifetime });
    } catch (error) {
      if (error instanceof Refusal) return errorResponse(error, null, wire.authorization !== undefined);
      warn(`/challenge: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      return errorResponse(new Refusal('internal', 'internal', 'An error of our own.'), null, false);
    }
  };
}

export function createChallengeListener(edge: Edge, challenge: Challenge): RequestListener {
  return createFormListener(edge, async (wire) => challenge(wire));
}
