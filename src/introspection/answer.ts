/** An answer about a token on the wire: JSON (RFC 7662 §2.2), or a JWT for those who keep it as proof (RFC 9701 §5). */
import type { Clock } from '../../attestors/attestor.js';
import { jsonResponse } from '../exchange/response.js';
import type { WireResponse } from '../exchange/wire.js';
import type { Signer } from '../signing/signer.js';
import { jwtType, wantsJwt } from './accept.js';

export interface AnswerRoom {
  readonly issuer: string;
  readonly signer: Pick<Signer, 'sign'>;
  readonly now: Clock;
}

export interface Addressee {
  /** The `client_id` of who asks: the audience of the JWT. */
  readonly clientId: string;
  readonly accept: string | undefined;
}

/**
 * The JWT has a `typ` of its own, and no `sub` or `exp` beside what it tells, so that nobody takes it for an access token.
 * @throws Unavailable when the key cannot be used now
 */
export async function answerAs(
  { issuer, signer, now }: AnswerRoom,
  { clientId, accept }: Addressee,
  answer: Readonly<Record<string, unknown>>,
): Promise<WireResponse> {
  const asJson = jsonResponse(answer);
  if (!wantsJwt(accept)) return asJson;
  const claims = { iss: issuer, aud: clientId, iat: Math.floor(now()), token_introspection: answer };
  const body = await signer.sign('token-introspection+jwt', claims);
  return { ...asJson, headers: { ...asJson.headers, 'Content-Type': jwtType }, body };
}
