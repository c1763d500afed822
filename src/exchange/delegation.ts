/** For whom a workload asks, and through whom: what is known of the chain, and what the token says of it. */
import type { Assurance, Attestation } from '../../attestors/attestor.js';
import type { AuthorizationDetails } from '../authorization-details/details.js';
import { Refusal } from '../errors.js';
import { leastAssurance } from '../policy/assurance.js';
import type { Asked } from '../policy/facts.js';
import { scrub } from '../text.js';

/** One of the chain: when it ends, so do the tokens that came of it. */
export interface Link {
  readonly subject: string;
  readonly attestor: string;
  readonly instance: string;
}

export interface Delegation {
  /** For whom: the token's `sub`. */
  readonly delegator: Link;
  /** Workloads that acted before the one that asks, newest first. */
  readonly actors: readonly Link[];
  /** The `jti`s of the tokens of ours that were passed on, newest first: what revokes one of them revokes what came of it. */
  readonly tokens: readonly string[];
  /** Of the delegator's evidence. Null: a token of ours was shown. */
  readonly claims: Attestation['claims'] | null;
  /** What the token of ours is for. Null: evidence was shown. */
  readonly resource: string | null;
  /** Resources that it was made for. Null: it does not say. */
  readonly targets: readonly string[] | null;
  /** Null: it does not limit the scope. */
  readonly scope: readonly string[] | null;
  /** Left out: they do not limit it. */
  readonly authorizationDetails?: AuthorizationDetails;
  readonly mayAct: boolean;
  /** The least of the delegator's and of those who acted before. */
  readonly assurance: Assurance;
  /** Seconds since the epoch. */
  readonly attestedAt: number;
  readonly vouchesUntil: number;
  /** Of the evidence, or the `jti` of the token of ours. */
  readonly evidenceId: string;
}

/**
 * What is asked for, which has to be something that the delegator's evidence was made for.
 * @throws Refusal `target_refused`
 */
export function askedOf(asked: Asked, { targets }: Delegation): Asked {
  if (targets === null) return asked;
  const [only, ...others] = targets;
  const resource = asked.resource ?? (others.length === 0 ? only : undefined);
  if (resource !== undefined && targets.includes(resource)) return Object.freeze({ ...asked, resource });
  const expected = targets.map((target) => JSON.stringify(scrub(target))).join(' or ');
  const detail = `The assertion is for ${expected}; ${asked.resource ?? 'none'} was asked for.`;
  throw new Refusal('target_refused', 'resource_not_in_assertion', detail);
}

/** The claim `act` (RFC 8693 §4.1): who asks, and nested in it who acted before. */
export interface Act {
  readonly sub: string;
  readonly act?: Act;
}

/** @param delegation undefined: who acted before is not known */
export function actOf(actor: Attestation, { actors }: Pick<Delegation, 'actors'> = { actors: [] }): Act {
  const oldestFirst = [actor, ...actors].reverse();
  const [oldest = actor, ...newer] = oldestFirst;
  return newer.reduce<Act>((act, { subject }) => ({ sub: subject, act }), { sub: oldest.subject });
}

/** The subjects that a token's `act` names, newest first. */
export function actorsIn(act: Act | undefined): readonly string[] {
  return act === undefined ? [] : [act.sub, ...actorsIn(act.act)];
}

/** Of a token on this chain, beside who asks: whose end ends it. */
export const linksOf = ({ actors, delegator }: Delegation): readonly Link[] => [...actors, delegator];

/** Of the token, by its weakest link. */
export const assuranceOf = ({ assurance }: Attestation, delegation: Delegation | undefined): Assurance =>
  delegation === undefined ? assurance : leastAssurance(assurance, delegation.assurance);
