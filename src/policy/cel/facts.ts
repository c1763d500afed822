/** The facts that an expression can name, with their types, and how each is read from a workload. */
import type { UnknownCause } from '../../../attestors/attestor.js';
import { behaviourKeys, readBehaviour } from '../conditions/behaviour.js';
import { isInstant } from '../conditions/local-time.js';
import { readPosture } from '../conditions/posture.js';
import type { ClaimValue, FactValue } from '../facts.js';
import { type Candidate, isSelectorKind } from '../match.js';

/** What is known of a fact. A value as CEL has it: `bigint` for `int`, `Map` for a map, undefined for a claim that is absent. */
export type Reading = { readonly value: unknown } | { readonly unknown: UnknownCause };

interface CelFact {
  readonly type: string;
  read(candidate: Candidate): Reading;
}

export const factRoots = ['workload', 'delegator', 'request', 'posture', 'network', 'behaviour'] as const;
export type FactRoot = (typeof factRoots)[number];

const missing: Reading = Object.freeze({ unknown: 'missing' });

const known = (value: unknown): Reading => (value === null || value === undefined ? missing : { value });

/** Null: it is not of the form that it should have. */
const forms: Readonly<Record<string, (value: FactValue) => unknown>> = {
  string: (value) => (typeof value === 'string' ? value : null),
  bool: (value) => (typeof value === 'boolean' ? value : null),
  int: (value) => (Number.isSafeInteger(value) ? BigInt(value as number) : null),
  'list<string>': (value) => (Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null),
  'google.protobuf.Timestamp': (value) => (typeof value === 'number' ? timestamp(value) : null),
};

/** @param seconds since the epoch */
const timestamp = (seconds: number) => (isInstant(seconds) ? new Date(seconds * 1000) : null);

const postureTypes = {
  kubelet: 'string',
  kernel: 'string',
  osImage: 'string',
  runtime: 'string',
  ready: 'bool',
  memoryPressure: 'bool',
  diskPressure: 'bool',
  pidPressure: 'bool',
  networkUnavailable: 'bool',
  privileged: 'bool',
  hostNamespaces: 'bool',
  runsAsRoot: 'bool',
  readOnlyRoot: 'bool',
  restarts: 'int',
  nodeBootedAt: 'google.protobuf.Timestamp',
  podStartedAt: 'google.protobuf.Timestamp',
  images: 'list<string>',
} as const;

const postureFacts = Object.fromEntries(
  Object.entries(postureTypes).map(([name, type]) => [
    `posture.${name}`,
    { type, read: (candidate: Candidate) => readTyped(candidate, name, type) },
  ]),
);

function readTyped(candidate: Candidate, name: string, type: string): Reading {
  const found = readPosture(candidate, name, Number.POSITIVE_INFINITY);
  return 'unknown' in found ? found : known(forms[type]?.(found.value));
}

/** Those of the workload: of its instances there is the condition. */
const behaviourFacts = Object.fromEntries(
  Object.entries(behaviourKeys).map(([name, kind]) => {
    const type = 'says' in kind ? 'bool' : 'int';
    return [`behaviour.${name}`, { type, read: (candidate: Candidate) => readCounted(candidate, name, type) }];
  }),
);

function readCounted(candidate: Candidate, name: string, type: 'bool' | 'int'): Reading {
  const found = readBehaviour(candidate, name);
  return 'unknown' in found ? found : known(forms[type]?.(found.value));
}

/** By name. Claims are no part of it: their names are the platform's. */
export const celFacts: Readonly<Record<string, CelFact>> = Object.freeze({
  'workload.attestor': { type: 'string', read: ({ facts }) => known(facts.attestor) },
  'workload.assurance': { type: 'string', read: ({ facts }) => known(facts.assurance) },
  'workload.environment': {
    type: 'string',
    read: ({ facts }) =>
      facts.environment === null ? unknownFor(facts.unknown, ['environment']) : known(facts.environment),
  },
  'workload.selectors': { type: 'list<string>', read: readSelectors },
  'delegator.attestor': { type: 'string', read: ({ delegator }) => known(delegator?.attestor) },
  'delegator.subject': { type: 'string', read: ({ delegator }) => known(delegator?.subject) },
  'delegator.assurance': { type: 'string', read: ({ delegator }) => known(delegator?.assurance) },
  'delegator.actors': { type: 'list<string>', read: ({ delegator }) => known(delegator?.actors) },
  'request.resource': { type: 'string', read: ({ asked }) => known(asked.resource) },
  'request.scope': { type: 'list<string>', read: ({ asked }) => known(asked.scope) },
  'request.authorizationDetails': {
    type: 'list<dyn>',
    read: ({ asked }) =>
      known(asked.authorizationDetails && asCel(asked.authorizationDetails as readonly object[] as ClaimValue)),
  },
  'network.ip': { type: 'string', read: ({ network }) => known(network.ip) },
  'network.country': { type: 'string', read: (candidate) => readPlace(candidate, 'country') },
  'network.subdivision': { type: 'string', read: (candidate) => readPlace(candidate, 'subdivision') },
  now: { type: 'google.protobuf.Timestamp', read: ({ now }) => known(timestamp(now)) },
  ...postureFacts,
  ...behaviourFacts,
} satisfies Record<string, CelFact>);

function readPlace({ facts, network }: Candidate, name: 'country' | 'subdivision'): Reading {
  const place = network[name];
  return typeof place === 'string' ? { value: place } : unknownFor(facts.unknown, [`network.${name}`]);
}

/** An expression may look at selectors of any kind, so it knows them only when every kind is known. */
function readSelectors({ facts }: Candidate): Reading {
  const kinds = Object.keys(facts.unknown).filter(isSelectorKind);
  return kinds.length === 0 ? known(facts.selectors) : unknownFor(facts.unknown, kinds);
}

/** `unavailable` only where nothing else is in the way. */
function unknownFor(causes: Candidate['facts']['unknown'], kinds: readonly string[]): Reading {
  const all = kinds.map((kind) => (Object.hasOwn(causes, kind) ? causes[kind] : 'missing'));
  return all.every((cause) => cause === 'unavailable') ? { unknown: 'unavailable' } : missing;
}

/** Whose evidence has claims. */
export const claimsRoots = ['workload', 'delegator'] as const satisfies readonly FactRoot[];
export type ClaimsRoot = (typeof claimsRoots)[number];

/** The claims of a root, as names of facts begin. */
export const claimsPrefix: Readonly<Record<ClaimsRoot, string>> = Object.freeze({
  workload: 'claims.',
  delegator: 'delegator.claims.',
});

/** Of one that was gathered, null says that the evidence does not have it; one that was not gathered is unknown. */
export function readClaim({ facts, delegator }: Candidate, root: ClaimsRoot, name: string): Reading {
  const claims = (root === 'workload' ? facts.claims : delegator?.claims) ?? {};
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (value === undefined) return missing;
  return { value: value === null ? undefined : asCel(value) };
}

/** Maps become `Map`s, in which no name means anything. */
function asCel(value: ClaimValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(asCel);
  return new Map(Object.entries(value).map(([name, member]) => [name, asCel(member)]));
}
