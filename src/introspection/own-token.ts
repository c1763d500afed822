/** Reads what we have issued, access tokens as a rule, with the same verifier as evidence. */
import type { Clock } from '../../attestors/attestor.js';
import { Rejected } from '../errors.js';
import { type Act, actorsIn } from '../exchange/delegation.js';
import { decodeJwt } from '../jwt/decode.js';
import { importKeys, type VerificationKey } from '../jwt/key.js';
import { quoteClaim } from '../jwt/quote.js';
import { type KeyFinder, type TokenKind, verifyJwt } from '../jwt/verify.js';
import type { Bearer } from '../revocation/entry.js';
import type { IssuedToken } from '../revocation/revocation.js';
import type { Signer } from '../signing/signer.js';
import { longestLifetime } from '../signing/times.js';

export interface OwnTokenRoom {
  readonly issuer: string;
  readonly signer: Pick<Signer, 'publicKeys'>;
  readonly now: Clock;
  /** Default: access tokens, and none of another type. */
  readonly kind?: Extract<TokenKind, 'access token' | 'token of ours'>;
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
  readonly act?: Act;
  readonly attestation: Holder & { readonly chain?: readonly Holder[]; readonly tokens?: readonly string[] };
}

type Holder = Pick<Bearer, 'attestor' | 'instance'>;

/**
 * @param audiences that the token may have
 * @throws Rejected for whatever is no token of ours that has one of the audiences and has not expired
 */
export type ReadOwnToken = (token: string, audiences: Audiences) => Promise<OwnToken>;

/** Resources. */
export type Audiences = Pick<ReadonlySet<string>, 'has'>;

export function createReadOwnToken({ issuer, signer, now, kind = 'access token' }: OwnTokenRoom): ReadOwnToken {
  const keys = createKeyFinder(signer);
  return async (token, audiences) => {
    const jwt = decodeJwt(token);
    const { aud: audience } = jwt.claims;
    if (typeof audience !== 'string' || !audiences.has(audience)) {
      throw new Rejected('jwt_audience', `aud: expected one of the caller's resources; found ${quoteClaim(audience)}.`);
    }
    const limits = { otherAudiences: 'refuse', maxLifetime: longestLifetime, delegation: 'act' } as const;
    const { claims, iat, exp } = await verifyJwt(jwt, keys, { issuer, audience, ...limits }, now(), kind);
    // As we minted them: the signature says so.
    const own = claims as unknown as OwnClaims;
    const { client_id: clientId, jti: id } = own;
    return Object.freeze({
      claims,
      id,
      ancestors: own.attestation.tokens ?? [],
      clientId,
      resource: audience,
      issuedAt: iat,
      expiresAt: exp,
      links: linksOf(own),
    });
  };
}

/** The workload that it was issued to and, of a delegated one, those that acted before, newest first, and the delegator. */
function linksOf({ sub, act, attestation: { attestor, instance, chain = [] } }: OwnClaims): readonly Bearer[] {
  const holders = [{ attestor, instance }, ...chain];
  const subjects = [...actorsIn(act), sub];
  if (holders.length !== subjects.length) throw new Error('a token of ours has a chain that we do not make');
  return Object.freeze(holders.map((holder, index) => Object.freeze({ ...holder, subject: subjects[index] ?? '' })));
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
