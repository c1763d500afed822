/** Stage 5: claims by RFC 9068, or those of another type of token, signed. The only place that signs what is issued. */
import { randomUUID } from 'node:crypto';
import type { Attestation } from '../../attestors/attestor.js';
import type { Granted } from '../policy/decision.js';
import type { Binding } from '../policy/facts.js';
import type { TokenType } from '../policy/token-type.js';
import type { Signer } from '../signing/signer.js';
import { actOf, assuranceOf, type Delegation, linksOf } from './delegation.js';

/** Seconds by which `nbf` lies in the past, for resource servers whose clocks are behind ours. */
const backdated = 60;

export interface MintRoom {
  readonly issuer: string;
  readonly signer: Signer;
}

export interface Issued {
  readonly token: string;
  readonly jti: string;
  /** Seconds since the epoch: the token's `iat` and `exp`. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly granted: Granted;
}

/**
 * @param now seconds since the epoch: the fact that the decision was made with, so that `exp` is what was decided
 * @param delegation undefined: the workload asks for itself
 */
export async function mint(
  room: MintRoom,
  granted: Granted,
  attestation: Attestation,
  now: number,
  delegation?: Delegation,
): Promise<Issued> {
  const iat = Math.floor(now);
  const exp = iat + granted.lifetime;
  const vouchesUntil = Math.min(attestation.vouchesUntil, delegation?.vouchesUntil ?? Number.POSITIVE_INFINITY);
  if (exp > vouchesUntil) throw new Error('decide granted a lifetime beyond what the evidence vouches for');
  const jti = randomUUID();
  const claims = {
    iss: room.issuer,
    aud: granted.resource,
    sub: delegation?.delegator.subject ?? attestation.subject,
    client_id: attestation.subject,
    ...(delegation && { act: actOf(attestation, delegation) }),
    iat,
    nbf: iat - backdated,
    exp,
    jti,
    scope: granted.scope.join(' '),
    // Draft of transaction tokens §7.2.
    ...(granted.tokenType === 'txn_token' && { txn: jti, req_wl: attestation.subject }),
    ...(granted.authorizationDetails && { authorization_details: granted.authorizationDetails }),
    ...(granted.binding && { cnf: confirmationOf(granted.binding) }),
    attestation: {
      attestor: attestation.attestor,
      assurance: assuranceOf(attestation, delegation),
      instance: attestation.instance,
      environment: attestation.environment,
      attested_at: Math.floor(attestation.attestedAt),
      ...(delegation && { chain: linksOf(delegation).map(({ attestor, instance }) => ({ attestor, instance })) }),
      ...(delegation && delegation.tokens.length > 0 && { tokens: delegation.tokens }),
    },
  };
  const { algorithm, tokenType = 'access_token' } = granted;
  const token = await room.signer.sign(typs[tokenType], claims, algorithm ?? undefined);
  return Object.freeze({ token, jti, issuedAt: iat, expiresAt: exp, granted });
}

/** RFC 8725 §3.11: `typ`, so that none is taken for one of another type. Of access tokens by RFC 9068 §2.1. */
const typs: Readonly<Record<TokenType, string>> = Object.freeze({
  access_token: 'at+jwt',
  jwt: 'JWT',
  txn_token: 'txntoken+jwt',
  'id-jag': 'oauth-id-jag+jwt',
});

/** RFC 9449 §6.1, RFC 8705 §3.1. */
const confirmationOf = ({ dpop, mtls }: Binding) => ({
  ...(dpop !== undefined && { jkt: dpop }),
  ...(mtls !== undefined && { 'x5t#S256': mtls }),
});
