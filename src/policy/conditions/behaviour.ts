/** Behaviour: what was issued before. Each key of the condition is a check of one fact, which says what would be true if this request were granted. */
import { z } from 'zod';
import type { UnknownCause } from '../../../attestors/attestor.js';
import { type Candidate, type Condition, causeOf, type Hope, unknownRank } from '../match.js';
import { object } from '../strict.js';
import type { ConditionKind } from './kind.js';
import { isInstant } from './local-time.js';

/** Seconds. Windows are whole minutes, hours and days of UTC. */
export const windows = { minute: 60, hour: 3600, day: 86_400 } as const;
export type Window = keyof typeof windows;

/** Days that the use of a resource is remembered for, days of which hours are compared, and days until they can be. */
export const rememberedDays = { firstUse: 90, offHours: 28, acquaintance: 7 } as const;

/** The greatest limit of distinct values: more than these are not told apart. */
export const mostDistinct = 200;

/** What each fact counts, or which of two things it says. */
export const behaviourKeys = {
  exchangesPerMinute: { counts: 'exchange', window: 'minute' },
  exchangesPerHour: { counts: 'exchange', window: 'hour' },
  exchangesPerDay: { counts: 'exchange', window: 'day' },
  distinctResourcesPerHour: { counts: 'resource', window: 'hour' },
  distinctResourcesPerDay: { counts: 'resource', window: 'day' },
  distinctNodesPerHour: { counts: 'node', window: 'hour' },
  distinctNodesPerDay: { counts: 'node', window: 'day' },
  distinctNetworksPerHour: { counts: 'network', window: 'hour' },
  distinctNetworksPerDay: { counts: 'network', window: 'day' },
  firstUse: { says: `token for this resource in the last ${rememberedDays.firstUse} days` },
  offHours: { says: `token around this hour of another of the last ${rememberedDays.offHours} days` },
} as const satisfies Readonly<Record<string, Kind>>;

type Kind = { readonly counts: string; readonly window: Window } | { readonly says: string };

export type BehaviourKey = keyof typeof behaviourKeys;

/** Before the names of facts that are about the instance alone. */
export const ofInstance = 'instance.';

const keys = Object.keys(behaviourKeys) as readonly BehaviourKey[];

/** Names of all facts of behaviour, without `behaviour.`. */
export const behaviourNames: readonly string[] = Object.freeze(
  keys.flatMap((key) => [key as string, `${ofInstance}${key}`]),
);

/** Null: no fact of behaviour has this name. */
export function behaviourKeyOf(name: string): BehaviourKey | null {
  if (!behaviourNames.includes(name)) return null;
  return (name.startsWith(ofInstance) ? name.slice(ofInstance.length) : name) as BehaviourKey;
}

const limit = (most: number) => {
  const error = `a whole number from 1 to ${most}`;
  return z.number({ error }).int({ error }).min(1, { error }).max(most, { error }).optional();
};
const exchanges = () => limit(1_000_000_000);
const distinct = () => limit(mostDistinct);
const flag = () => z.boolean({ error: 'true or false' }).optional();

/** Every number is the greatest that holds. */
const schema = object('a behaviour: what may have been issued before', {
  exchangesPerMinute: exchanges(),
  exchangesPerHour: exchanges(),
  exchangesPerDay: exchanges(),
  distinctResourcesPerHour: distinct(),
  distinctResourcesPerDay: distinct(),
  distinctNodesPerHour: distinct(),
  distinctNodesPerDay: distinct(),
  distinctNetworksPerHour: distinct(),
  distinctNetworksPerDay: distinct(),
  firstUse: flag(),
  offHours: flag(),
  per: z.enum(['workload', 'instance'], { error: 'workload or instance' }).default('workload'),
}).refine(({ per: _, ...asked }) => Object.values(asked).some((value) => value !== undefined), {
  error: 'a behaviour that asks for something beside per',
});

type Asked = z.output<typeof schema>;

export const behaviour = Object.freeze<ConditionKind<Asked>>({
  kind: 'behaviour',
  schema,
  checks: ({ per, ...asked }: Asked) =>
    keys.flatMap((key) => {
      const value = asked[key];
      if (value === undefined) return [];
      const check = { key, value, per, name: per === 'instance' ? `${ofInstance}${key}` : key };
      return [{ key, reads: [`behaviour.${check.name}`], condition: (hope: Hope) => behaviourCondition(check, hope) }];
    }),
});

interface BehaviourCheck {
  readonly key: BehaviourKey;
  readonly value: boolean | number;
  readonly per: Asked['per'];
  /** Of the fact, without `behaviour.`. */
  readonly name: string;
}

function behaviourCondition({ key, value: asked, per, name }: BehaviourCheck, hope: Hope): Condition {
  const kind: Kind = behaviourKeys[key];
  return Object.freeze<Condition>({
    expected: `${expectation(kind, asked)}${per === 'instance' ? ', of this instance' : ''}`,
    rank(candidate) {
      const found = readBehaviour(candidate, name);
      if ('unknown' in found) return unknownRank[hope][found.unknown];
      return (typeof asked === 'number' ? Number(found.value) <= asked : found.value === asked) ? 3 : 0;
    },
    seen(candidate) {
      const found = readBehaviour(candidate, name);
      return 'unknown' in found ? `unknown (${found.unknown})` : told(kind, found.value, candidate.now);
    },
  });
}

function expectation(kind: Kind, asked: boolean | number): string {
  if ('says' in kind) return said(kind.says, asked === true);
  return `at most ${asked} ${kind.counts}${asked === 1 ? '' : 's'} in ${kind.window === 'hour' ? 'an' : 'a'} ${kind.window}`;
}

/** Both facts are true when there is none. */
const said = (what: string, value: boolean) => `${value ? 'no' : 'a'} ${what}`;

function told(kind: Kind, value: boolean | number, now: number): string {
  if ('says' in kind) return said(kind.says, value === true);
  const length = windows[kind.window];
  const since = isInstant(now) ? new Date(Math.floor(now / length) * length * 1000).toISOString() : null;
  return `${value} with this one${since === null ? '' : `, since ${since.slice(0, -':00.000Z'.length)}Z`}`;
}

/** A fact that is not of the form that it should have is not known. @param name without `behaviour.` */
export function readBehaviour(
  { behaviour: known, facts }: Candidate,
  name: string,
): { readonly value: boolean | number } | { readonly unknown: UnknownCause } {
  const value = Object.hasOwn(known, name) ? known[name] : undefined;
  if (value === undefined) return { unknown: causeOf(facts, `behaviour.${name}`) ?? 'missing' };
  const key = behaviourKeyOf(name);
  const isFlag = key !== null && 'says' in behaviourKeys[key];
  const isGood = isFlag ? typeof value === 'boolean' : Number.isSafeInteger(value) && Number(value) >= 1;
  return isGood ? { value } : { unknown: 'missing' };
}
