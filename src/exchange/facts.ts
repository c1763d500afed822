/** Stage 3: everything that a decision reads is gathered here, so that `decide` does no I/O and reads no clock. */
import type { Attestation, UnknownCause } from '../../attestors/attestor.js';
import { claimAt } from '../policy/claim-path.js';
import type { Binding, DelegatorFacts, Facts, FactValue, ObservedFact, WorkloadFacts } from '../policy/facts.js';
import { plainJson } from '../policy/plain-json.js';
import type { Delegation } from './delegation.js';

export interface FactsRoom {
  /** Seconds since the epoch. */
  readonly now: number;
  /** Of the peer. Null: not known. */
  readonly ip: string | null;
  /** What the client has shown to hold; left out: nothing. */
  readonly binding?: Binding | undefined;
  /** Names of the facts and claims that are wanted, such as `posture.kubelet` and `claims.repository`. */
  readonly reads: readonly string[];
  /** Where an address is; null: the database cannot tell, because it is broken. Left out: there is none. */
  readonly locate?: ((ip: string) => Place | null) | undefined;
  /** Left out: the workload asks for itself. */
  readonly delegation?: Delegation | undefined;
}

/** @param delegation undefined: the workload asks for itself */
function gatherDelegator(delegation: Delegation | undefined, reads: readonly string[]): Pick<Facts, 'delegator'> {
  if (delegation === undefined) return {};
  const { delegator, actors, claims, resource, scope, mayAct, assurance, vouchesUntil } = delegation;
  const { authorizationDetails } = delegation;
  return {
    delegator: Object.freeze<DelegatorFacts>({
      attestor: delegator.attestor,
      subject: delegator.subject,
      ...(claims !== null && gatherClaims(namesIn(reads, 'delegator.claims.'), claims)),
      resource,
      actors: Object.freeze(actors.map((actor) => actor.subject)),
      scope: scope === null ? null : Object.freeze([...scope]),
      ...(authorizationDetails && { authorizationDetails }),
      mayAct,
      assurance,
      vouchesUntil,
    }),
  };
}

type Place = Required<Pick<Facts['network'], 'country' | 'subdivision'>>;

export function gatherFacts(attestation: Attestation, room: FactsRoom): Facts {
  const { now, ip, binding, reads, locate, delegation } = room;
  const { attestor, environment, selectors, unknownSelectors, assurance, vouchesUntil } = attestation;
  const { issuedAt = attestation.claims.iat } = attestation;
  // Platforms without pods do not have the fact. Where it is, only a plain false says that there is a pod.
  const { podless } = attestation.facts;
  const network = gatherNetwork(namesIn(reads, 'network.'), ip, locate);
  const unknown: Readonly<Record<string, UnknownCause>> =
    environment === null || network.unknown !== undefined
      ? { ...unknownSelectors, ...(environment === null && { environment: 'missing' }), ...network.unknown }
      : unknownSelectors;
  return Object.freeze({
    now,
    workload: Object.freeze({
      attestor,
      environment,
      selectors,
      unknown,
      podless: podless !== undefined && podless.value !== false,
      posture: gatherPosture(namesIn(reads, 'posture.'), attestation.facts),
      ...gatherClaims(namesIn(reads, 'claims.'), attestation.claims),
      assurance,
      evidenceIssuedAt: typeof issuedAt === 'number' ? issuedAt : null,
      vouchesUntil,
    }),
    ...gatherDelegator(delegation, reads),
    network: network.facts,
    ...(binding && { binding }),
  });
}

/** @param names of what is read of the place that the address is at */
function gatherNetwork(names: readonly string[], ip: string | null, locate: FactsRoom['locate']) {
  if (names.length === 0) return { facts: Object.freeze({ ip }) };
  const place = ip === null || locate === undefined ? {} : locate(ip);
  const known: Readonly<Record<string, string | null>> = place ?? {};
  const facts = Object.freeze({ ip, ...Object.fromEntries(names.map((name) => [name, known[name] ?? null])) });
  if (place !== null) return { facts };
  return { facts, unknown: Object.fromEntries(names.map((name) => [`network.${name}`, 'unavailable' as const])) };
}

const noPosture: WorkloadFacts['posture'] = Object.freeze({});

const namesIn = (reads: readonly string[], prefix: string): readonly string[] =>
  reads.flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));

function gatherPosture(names: readonly string[], facts: Attestation['facts']): WorkloadFacts['posture'] {
  if (names.length === 0) return noPosture;
  const posture: Record<string, ObservedFact> = {};
  for (const name of names) {
    const fact = Object.hasOwn(facts, `posture.${name}`) ? facts[`posture.${name}`] : undefined;
    if (fact === undefined) continue;
    posture[name] = Object.freeze({
      value: plainValue(fact.value),
      observedAt: fact.observedAt,
    });
  }
  return Object.freeze(posture);
}

/** Longest text of a fact, in UTF-16 units, and longest list: what is beyond them is as good as not readable. */
const longest = 512;
const mostItems = 256;

/** A copy that a record can hold, and that nobody changes; null for whatever else an attestor may give. */
function plainValue(value: unknown): FactValue {
  if (typeof value === 'boolean' || isShortText(value)) return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (!Array.isArray(value) || value.length > mostItems) return null;
  const items: readonly unknown[] = Object.freeze([...value]);
  return items.every(isShortText) ? items : null;
}

const isShortText = (value: unknown): value is string => typeof value === 'string' && value.length <= longest;

/** Claims of which a record would hold too much, or that are no JSON, are left out, which makes them unknown. */
function gatherClaims(names: readonly string[], claims: Attestation['claims']): Pick<WorkloadFacts, 'claims'> {
  if (names.length === 0) return {};
  const gathered = names.flatMap((name) => {
    const value = plainJson(claimAt(claims, name));
    return value === undefined ? [] : [[name, value] as const];
  });
  return { claims: Object.freeze(Object.fromEntries(gathered)) };
}
