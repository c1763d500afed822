/**
 * Facts of behaviour in an exchange: read before the decision, as they would be if it granted, and counted after one that does. Where another
 * exchange came between, it is decided again with what was counted: so no limit is exceeded, however many come at once.
 */
import { networkAround } from '../addresses.js';
import { readBehaviour, type Tally, type Tellings, type Told, tallyOf } from '../behaviour/behaviour.js';
import type { Exchange } from '../behaviour/measure.js';
import { Unavailable } from '../errors.js';
import type { BehaviourReads, Policy } from '../policy/compile.js';
import { decide, soleTarget } from '../policy/decide.js';
import type { Decision } from '../policy/decision.js';
import type { Facts } from '../policy/facts.js';
import { lookupsFor } from '../policy/lookups.js';
import type { Store } from '../store/store.js';
import type { Inquiry } from './look-up.js';

export interface BehaviourRoom {
  readonly store: Store;
  /** By the attestor's name: the kind of the selectors that name the machine. */
  readonly nodeKinds: ReadonlyMap<string, string>;
}

export interface Decided {
  readonly facts: Facts;
  readonly decision: Decision;
}

export interface Behaviour {
  /** @returns the facts themselves when the policy reads nothing of behaviour */
  read(policy: Policy, inquiry: Inquiry): Promise<Facts> | Facts;
  /**
   * Counts what is granted. Undefined: nothing is to be counted. @returns what it came to
   * @throws Unavailable `store_unavailable`: it could not be counted, so nothing may be issued
   */
  count(policy: Policy, inquiry: Inquiry, decision: Decision): Promise<Decided> | undefined;
}

export function createBehaviour(room: BehaviourRoom): Behaviour {
  return Object.freeze<Behaviour>({
    read(policy, inquiry) {
      const { facts, asked } = inquiry;
      const names = readsOf(policy, facts)?.names ?? [];
      if (names.length === 0) return facts;
      const target = asked.resource ?? soleTarget(policy, facts, asked);
      return readBehaviour(room.store, names, exchangeOf(room, inquiry, target)).then((tellings) =>
        withTold(facts, tellings),
      );
    },
    count(policy, inquiry, decision) {
      const { facts } = inquiry;
      const reads = readsOf(policy, facts);
      if (decision.granted === null || reads === undefined || reads.names.length === 0) return undefined;
      const exchange = exchangeOf(room, inquiry, decision.granted.resource);
      const tallies = reads.names.flatMap((name) => tallyOf(room.store, name, exchange) ?? []);
      return settle({ policy, inquiry, tallies, reads }, { facts, decision });
    },
  });
}

const readsOf = (policy: Policy, { workload }: Facts): BehaviourReads | undefined =>
  policy.attestors.get(workload.attestor)?.behaviour;

function exchangeOf({ nodeKinds }: BehaviourRoom, { attestation, facts }: Inquiry, resource: string | null): Exchange {
  const { attestor, subject, instance, selectors, unknownSelectors } = attestation;
  const kind = nodeKinds.get(attestor);
  const selector = kind === undefined ? undefined : selectors.find((each) => each.startsWith(`${kind}:`));
  const cause = kind === undefined || !Object.hasOwn(unknownSelectors, kind) ? undefined : unknownSelectors[kind];
  const { ip } = facts.network;
  return {
    now: facts.now,
    attestor,
    subject,
    instance,
    resource,
    node: selector === undefined ? (cause ?? 'missing') : { selector },
    network: ip === null ? null : networkAround(ip),
  };
}

/** Why something is not known is in the facts too, so that the record tells it from what was not read. */
function withTold(facts: Facts, tellings: Tellings): Facts {
  const { workload } = facts;
  const behaviour = { ...facts.behaviour };
  const unknown = { ...workload.unknown };
  for (const [name, told] of tellings) {
    delete behaviour[name];
    delete unknown[`behaviour.${name}`];
    if (typeof told === 'string') unknown[`behaviour.${name}`] = told;
    else behaviour[name] = told;
  }
  return Object.freeze({
    ...facts,
    workload: Object.freeze({ ...workload, unknown: Object.freeze(unknown) }),
    behaviour: Object.freeze(behaviour),
  });
}

const toldIn = ({ behaviour, workload }: Facts, name: string): Told | undefined =>
  behaviour?.[name] ?? workload.unknown[`behaviour.${name}`];

interface Grant {
  readonly policy: Policy;
  readonly inquiry: Inquiry;
  readonly tallies: readonly Tally[];
  readonly reads: BehaviourReads;
}

/** How often it is decided again because others were issued something new at the same time. Lists of values end before. */
const mostRounds = 500;

/**
 * Counters first, then values in a window, and last what is remembered for long: a request that the one refuses must not leave the
 * other behind. First use, above all, is that of a token.
 */
async function settle(grant: Grant, first: Decided): Promise<Decided> {
  const counted = await countWith(grant, first, ({ count }) => count?.());
  const settled = await settleMemories(grant, counted, (tally) => !tally.isLasting);
  return settleMemories(grant, settled, (tally) => tally.isLasting);
}

async function settleMemories(grant: Grant, first: Decided, isMeant: (tally: Tally) => boolean): Promise<Decided> {
  let decided = first;
  for (let round = 0; round < mostRounds; round++) {
    if (decided.decision.granted === null) return decided;
    const { facts } = decided;
    const again = await countWith(grant, decided, (tally) =>
      isMeant(tally) ? tally.remember?.(toldIn(facts, tally.name)) : undefined,
    );
    if (again === decided) return decided;
    decided = again;
  }
  throw notCounted('Too many tokens of one workload were asked for at once.');
}

/** @returns the same when nothing came to something else than what was decided with */
async function countWith(
  grant: Grant,
  decided: Decided,
  tell: (tally: Tally) => Promise<Told> | undefined,
): Promise<Decided> {
  const { tallies, reads } = grant;
  const told = await Promise.all(
    tallies.map(async (tally) => [tally.name, await tell(tally)?.catch(orIgnored(reads, tally.name))] as const),
  );
  const other = new Map<string, Told>();
  for (const [name, value] of told) {
    if (value !== undefined && value !== toldIn(decided.facts, name)) other.set(name, value);
  }
  return other.size === 0 ? decided : decideAgain(grant, decided, other);
}

/** What only rules in shadow ask about keeps nobody from a token. */
const orIgnored =
  ({ inForce }: BehaviourReads, name: string) =>
  (cause: unknown): undefined => {
    if (inForce.has(name)) throw notCounted('The store did not count the token.', cause);
  };

function decideAgain({ policy, inquiry }: Grant, before: Decided, other: Tellings): Decided {
  const facts = withTold(before.facts, other);
  // What was not asked because a rule was out of the question must not pass as unknown now that it is not.
  if (lookupsFor(policy, facts, inquiry.asked) !== null) {
    throw notCounted('Meanwhile the decision came to turn on what nobody was asked.');
  }
  const decision = decide(policy, facts, inquiry.asked);
  if (decision.granted !== null && decision.granted.resource !== before.decision.granted?.resource) {
    throw notCounted('Meanwhile the request without a target came to mean another one.');
  }
  return { facts, decision };
}

const notCounted = (detail: string, cause?: unknown) => new Unavailable('store_unavailable', detail, 1, { cause });
