/**
 * Stage 2 of a request with an actor (RFC 8693 §4): of the delegator, evidence of its own is shown, or a token of ours that was issued to those
 * who acted before; either way the whole chain is known then, and nothing of it is dropped.
 */
import type { Assurance, Attestation, Evidence } from '../../attestors/attestor.js';
import { Refusal, Rejected } from '../errors.js';
import { quoteClaim } from '../jwt/quote.js';
import type { Attest } from './attest.js';
import type { Act, Delegation, Link } from './delegation.js';
import { accessTokenType } from './response.js';

/** A token of ours that introspection would call active. */
export interface ActiveToken {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Of the workload that it was issued to, of those that acted before, newest first, and of the delegator. */
  readonly links: readonly Omit<Link, 'subject'>[];
}

export interface ChainRoom {
  readonly attest: Attest;
  /** @throws Rejected for whatever is no active token of ours, Unavailable */
  readonly readActive: (token: string) => Promise<ActiveToken>;
  readonly issuer: string;
  /** Names of the attestors whose tokens say with their scope what an agent may do at most. */
  readonly authoritative: ReadonlySet<string>;
  /** How many actors a token may name. */
  readonly depth: number;
}

/**
 * @param actor who asks
 * @throws Rejected `jwt_delegated`, `may_act`, `self_delegation`, `chain_cycle`, `chain_too_deep`, `token_bound`, `token_detailed`, and
 *   those of attestors and of introspection
 */
export type Delegate = (shown: Evidence, actor: Attestation, requestId: string) => Promise<Delegation>;

export function createDelegate(room: ChainRoom): Delegate {
  return async (shown, actor, requestId) => {
    try {
      const delegation =
        shown.tokenType === accessTokenType
          ? ofToken(await room.readActive(shown.token))
          : ofEvidence(await room.attest(shown, requestId, undefined, 'delegator'), actor, room);
      checkChain(actor, delegation, room.depth);
      return Object.freeze(delegation);
    } catch (error) {
      throw isOfEvidence(error) ? new Refusal(error.fault, error.reason, `subject_token: ${error.detail}`) : error;
    }
  };
}

const isOfEvidence = (error: unknown): error is Refusal =>
  error instanceof Refusal && (error.fault === 'evidence_rejected' || error.fault === 'token_type_unsupported');

function ofEvidence(shown: Attestation, actor: Attestation, { authoritative, issuer }: ChainRoom): Delegation {
  const { subject, attestor, instance, claims, assurance, attestedAt, vouchesUntil, evidenceId } = shown;
  return {
    delegator: { subject, attestor, instance },
    actors: [],
    claims,
    resource: null,
    scope: authoritative.has(attestor) ? scopeOf(claims) : null,
    mayAct: mayAct(claims.may_act, actor, issuer),
    ...{ assurance, attestedAt, vouchesUntil, evidenceId },
  };
}

/** Of RFC 8693 §4.2 and, as some issuers have it, `scp`. Without one nothing is delegated. */
function scopeOf({ scope, scp }: Attestation['claims']): readonly string[] {
  const said = scope ?? scp ?? [];
  const tokens: readonly unknown[] = Array.isArray(said) ? said : String(said).split(' ');
  return tokens.filter((token) => typeof token === 'string' && token !== '') as readonly string[];
}

/**
 * RFC 8693 §4.4: `sub` as we issue it, alone or with our `iss`, or `iss` and `sub` of the actor's evidence. What else it has tells more of the
 * same party. @returns false when there is none @throws Rejected `may_act` when it names somebody else
 */
function mayAct(claim: unknown, { subject, claims }: Attestation, ourIssuer: string): boolean {
  if (claim === undefined) return false;
  const { iss, sub } = (typeof claim === 'object' && claim !== null ? claim : {}) as Readonly<Record<string, unknown>>;
  const isOurs = sub === subject && (iss === undefined || iss === ourIssuer);
  const isIts = typeof iss === 'string' && typeof sub === 'string' && iss === claims.iss && sub === claims.sub;
  if (isOurs || isIts) return true;
  throw new Rejected('may_act', `actor not in may_act: expected ${subject}; found ${quoteClaim(claim)}.`);
}

function ofToken({ claims, issuedAt, expiresAt, links }: ActiveToken): Delegation {
  // Its holder has to prove itself with the key, which whoever got it from the holder cannot do.
  if (claims.cnf !== undefined) throw new Rejected('token_bound', 'A token that is bound to a key is not passed on.');
  if (claims.authorization_details !== undefined) {
    throw new Rejected('token_detailed', 'A token with authorization_details is not passed on.');
  }
  const subjects = [...actorsIn(claims.act), String(claims.sub)];
  const chain = links.map((link, index) => ({ ...link, subject: subjects[index] ?? '' }));
  const delegator = chain.pop();
  if (delegator === undefined || links.length !== subjects.length) throw new Error('a token of ours has another chain');
  const { assurance } = claims.attestation as { readonly assurance: Assurance };
  return {
    delegator,
    actors: chain,
    claims: null,
    resource: String(claims.aud),
    scope: String(claims.scope).split(' '),
    mayAct: false,
    assurance,
    attestedAt: issuedAt,
    vouchesUntil: expiresAt,
    evidenceId: String(claims.jti),
  };
}

/** Newest first. */
function actorsIn(act: unknown): readonly string[] {
  if (act === undefined) return [];
  const { sub, act: before } = act as Act;
  return [sub, ...actorsIn(before)];
}

function checkChain({ subject }: Attestation, { actors, delegator }: Delegation, depth: number): void {
  if (subject === delegator.subject)
    throw new Rejected('self_delegation', `${subject} asks for itself as its own actor.`);
  if (actors.some((actor) => actor.subject === subject)) {
    throw new Rejected('chain_cycle', `${subject} has acted in this chain before.`);
  }
  if (actors.length < depth) return;
  throw new Rejected('chain_too_deep', `${actors.length + 1} actors: expected at most ${depth} (delegation.depth).`);
}
