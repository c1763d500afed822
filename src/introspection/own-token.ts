/** Reads our own access tokens, with the same verifier as evidence. */
import type { Clock } from '../../attestors/attestor.js';
import { Rejected } from '../errors.js';
import { decodeJwt } from '../jwt/decode.js';
import { importKeys, type VerificationKey } from '../jwt/key.js';
import { quoteClaim } from '../jwt/quote.js';
import { type KeyFinder, verifyJwt } from '../jwt/verify.js';
import type { IssuedToken } from '../revocation/revocation.js';
import type { Signer } from '../signing/signer.js';
import { longestLifetime } from '../signing/times.js';

export interface OwnTokenRoom {
  readonly issuer: string;
  readonly signer: Pick<Signer, 'publicKeys'>;
  readonly now: Clock;
}

export interface OwnToken extends IssuedToken {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly resource: string;
  readonly clientId: string;
  readonly expiresAt: number;
}

interface OwnClaims {
  readonly sub: string;
  readonly client_id: string;
  readonly jti: string;
  readonly attestation: { readonly attestor: string; readonly instance: string };
}

/**
 * @param audiences that the token may have
 * @throws Rejected for whatever is no token of ours that has one of the audiences and has not expired
 */
export type ReadOwnToken = (token: string, audiences: Pick<ReadonlySet<string>, 'has'>) => Promise<OwnToken>;

export function createReadOwnToken({ issuer, signer, now }: OwnTokenRoom): ReadOwnToken {
  const keys = createKeyFinder(signer);
  return async (token, audiences) => {
    const jwt = decodeJwt(token);
    const { aud: audience } = jwt.claims;
    if (typeof audience !== 'string' || !audiences.has(audience)) {
      throw new Rejected('jwt_audience', `aud: expected one of the caller's resources; found ${quoteClaim(audience)}.`);
    }
    const expect = { issuer, audience, otherAudiences: 'refuse', maxLifetime: longestLifetime } as const;
    const { claims, iat, exp } = await verifyJwt(jwt, keys, expect, now(), 'access token');
    // As we minted them: the signature says so.
    const { sub: subject, client_id: clientId, jti: id, attestation } = claims as unknown as OwnClaims;
    const { attestor, instance } = attestation;
    const times = { issuedAt: iat, expiresAt: exp };
    return Object.freeze({ claims, id, subject, clientId, attestor, instance, resource: audience, ...times });
  };
}

/** The keys are imported when they change, not for each token. */
function createKeyFinder(signer: OwnTokenRoom['signer']): KeyFinder {
  let published: ReturnType<Signer['publicKeys']> | undefined;
  let keys: ReadonlyMap<string, VerificationKey> = new Map();
  return Object.freeze<KeyFinder>({
    name: 'ours',
    find(kid) {
      const current = signer.publicKeys();
      if (current !== published) {
        keys = importKeys({ keys: current });
        published = current;
      }
      const key = keys.get(kid);
      if (key === undefined) throw new Rejected('jwt_unknown_key', `kid: ${quoteClaim(kid)} is no key of ours.`);
      return key;
    },
  });
}
