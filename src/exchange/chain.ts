/**
 * Stage 2 of a request with an actor (RFC 8693 §4): of the delegator, evidence of its own is shown, or a token of ours that was issued to those
 * who acted before; either way the whole chain is known then, and nothing of it is dropped.
 */
import type { Assurance, Attestation, Evidence } from '../../attestors/attestor.js';
import { idJagType } from '../../attestors/token-types.js';
import { type AuthorizationDetails, issued, readDetails } from '../authorization-details/details.js';
import { DetailsError } from '../authorization-details/fault.js';
import { isOfEvidence, Refusal, Rejected } from '../errors.js';
import { quoteClaim } from '../jwt/quote.js';
import { scrub } from '../text.js';
import { type Attest, costingItsAddress } from './attest.js';
import { otherGrantType } from './client.js';
import type { Delegation, Link } from './delegation.js';
import { accessTokenType } from './response.js';

/** A token of ours that introspection would call active. */
export interface ActiveToken {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** The workload that it was issued to, those that acted before, newest first, and the delegator. */
  readonly links: readonly Link[];
}

interface OwnAttestation {
  readonly assurance: Assurance;
  readonly environment: string | null;
  readonly tokens?: readonly string[];
}

export interface ChainRoom {
  readonly attest: Attest;
  /** @throws Rejected for whatever is no active token of ours, Unavailable */
  readonly readActive: (token: string) => Promise<ActiveToken>;
  readonly issuer: string;
  /** Names of the attestors whose tokens say with their scope what an agent may do at most. */
  readonly authoritative: ReadonlySet<string>;
  /** Names of the attestors whose evidence stands for people, who are in no environment of ours. */
  readonly people: ReadonlySet<string>;
  /** How many actors a token may name. */
  readonly depth: number;
  /** Is told from where a token came that is no active one of ours. */
  readonly rejected: (address: string) => void;
}

/**
 * @param actor who asks
 * @throws Rejected `grant_type_not_allowed`, `jwt_delegated`, `may_act`, `self_delegation`, `chain_cycle`, `chain_too_deep`, `token_bound`, `token_detailed`, and
 *   those of attestors and of introspection
 */
export type Delegate = (shown: Evidence, actor: Attestation, by: ShownBy) => Promise<Delegation>;

export interface ShownBy {
  readonly requestId: string;
  /** Of the request. */
  readonly grantType: string;
  readonly address: string;
  /** Is told the attestor of evidence, before it is verified; of a token of ours there is none. */
  readonly routed?: (attestor: string) => void;
  /** Of the DPoP key that the actor has proven; undefined: none was. */
  readonly thumbprint: string | undefined;
}

export function createDelegate(room: ChainRoom): Delegate {
  return async (shown, actor, { requestId, grantType, ...by }) => {
    const checked = (delegation: Delegation): Delegation => {
      checkChain(actor, delegation, room.depth);
      return Object.freeze(delegation);
    };
    // Before it is claimed or pinned, too: who may not act with it does not use it up either.
    const isIdJag = shown.tokenType === idJagType;
    const verified = (known: Attestation) => {
      checkGrantType(known, grantType);
      return checked((isIdJag ? ofIdJag : ofEvidence)(known, actor, room));
    };
    try {
      if (shown.tokenType === accessTokenType) {
        const token = await costingItsAddress(room, by.address, () => room.readActive(shown.token));
        return checked(ofToken(token, actor));
      }
      return verified(await room.attest(shown, requestId, { role: 'delegator', verified, ...by }));
    } catch (error) {
      if (!isOfEvidence(error) && !isOfPin(error)) throw error;
      // RFC 7523 §3.1: an assertion is a grant.
      if (isIdJag) throw new Refusal('assertion_rejected', error.reason, `assertion: ${error.detail}`);
      throw new Refusal(error.fault, error.reason, `subject_token: ${error.detail}`);
    }
  };
}

const isOfPin = (error: unknown): error is Refusal => error instanceof Refusal && error.fault === 'dpop_proof_missing';

/** What a client made to authenticate with, for one grant, is not passed on with another. */
function checkGrantType(shown: Attestation, grantType: string): void {
  const other = otherGrantType(shown, grantType);
  if (other !== null) throw new Rejected('grant_type_not_allowed', other);
}

function ofEvidence(shown: Attestation, actor: Attestation, { authoritative, issuer, people }: ChainRoom): Delegation {
  const { subject, attestor, instance, claims, assurance, attestedAt, vouchesUntil, evidenceId } = shown;
  if (!people.has(attestor)) checkEnvironment(shown.environment, actor);
  if (authoritative.has(attestor)) refuseDetails(claims);
  return {
    tokens: [],
    delegator: { subject, attestor, instance },
    actors: [],
    claims,
    resource: null,
    targets: null,
    scope: authoritative.has(attestor) ? scopeOf(claims) : null,
    mayAct: mayAct(claims.may_act, actor, issuer),
    ...{ assurance, attestedAt, vouchesUntil, evidenceId },
  };
}

/** Of another issuer. @throws Rejected `token_detailed` */
function refuseDetails({ authorization_details: details }: Attestation['claims']): void {
  if (details === undefined) return;
  throw new Rejected(
    'token_detailed',
    'Its authorization_details would limit what is issued, and are not ours to read.',
  );
}

/**
 * draft-ietf-oauth-identity-assertion-authz-grant-04 §4.4.1: its issuer made it for this client, so it says itself who may act. What it has of
 * scope and resource, the person's issuer has decided, and what it has of details.
 * @throws Rejected `id_jag_client`, `id_jag_resource`, `token_detailed`
 */
function ofIdJag(shown: Attestation, actor: Attestation, room: ChainRoom): Delegation {
  const own = ofEvidence(shown, actor, room);
  refuseDetails(shown.claims);
  const { client_id: client, resource, scope } = shown.claims;
  if (client !== actor.subject && (client === undefined || client !== actor.clientId)) {
    const detail = `client_id: expected ${actor.clientId ?? actor.subject}, which has authenticated; found ${quoteClaim(client)}.`;
    throw new Rejected('id_jag_client', detail);
  }
  const ofScope = scope === undefined ? own.scope : scopeOf(shown.claims);
  return { ...own, targets: targetsOf(resource), scope: ofScope, mayAct: true };
}

/** RFC 8707 §2, as a claim: one or several, which a record has as they are. Null: it does not say. */
function targetsOf(resource: unknown): readonly string[] | null {
  if (resource === undefined) return null;
  const targets: readonly unknown[] = Array.isArray(resource) ? resource : [resource];
  if (targets.every((target) => typeof target === 'string' && scrub(target) === target)) return targets as string[];
  throw new Rejected(
    'id_jag_resource',
    `resource: expected a text, or a list of texts; found ${quoteClaim(resource)}.`,
  );
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

/** No rule is asked: a workload acts for those of its own environment. */
function checkEnvironment(environment: string | null, actor: Attestation): void {
  if (environment !== null && environment === actor.environment) return;
  const detail = `expected one of ${actor.environment ?? 'an environment that is not known'}, as the actor is; found ${environment ?? 'unknown'}.`;
  throw new Rejected('environment_crossed', `environment: ${detail}`);
}

function ofToken({ claims, issuedAt, expiresAt, links }: ActiveToken, actor: Attestation): Delegation {
  // Its holder has to prove itself with the key, which whoever got it from the holder cannot do.
  if (claims.cnf !== undefined) throw new Rejected('token_bound', 'A token that is bound to a key is not passed on.');
  const authorizationDetails = detailsIn(claims.authorization_details);
  const delegator = links.at(-1);
  if (delegator === undefined) throw new Error('a token of ours stands on nobody');
  const { assurance, environment, tokens = [] } = claims.attestation as OwnAttestation;
  checkEnvironment(environment, actor);
  return {
    tokens: [String(claims.jti), ...tokens],
    delegator,
    actors: links.slice(0, -1),
    claims: null,
    resource: String(claims.aud),
    targets: null,
    scope: String(claims.scope).split(' '),
    ...(authorizationDetails && { authorizationDetails }),
    mayAct: false,
    assurance,
    attestedAt: issuedAt,
    vouchesUntil: expiresAt,
    evidenceId: String(claims.jti),
  };
}

/** Of a token of ours; one of a later version may have others. */
function detailsIn(claim: unknown): AuthorizationDetails | undefined {
  if (claim === undefined) return undefined;
  try {
    return readDetails(claim, issued);
  } catch (error) {
    if (!(error instanceof DetailsError)) throw error;
    throw new Rejected('token_detailed', `authorization_details: ${error.message}.`);
  }
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
