/** What the schema of cases cannot see: that they tell no fact that there cannot be. A misspelt one would say nothing, and pass. */
import type { Configuration } from '../config/configuration.js';
import { type Path, valueAt } from '../config/path.js';
import { type Finding, renderFound } from '../config/problem.js';
import { checkWorkload, type Supply, supplies } from '../policy/check.js';
import { behaviourKeyOf, behaviourKeys, behaviourNames } from '../policy/conditions/behaviour.js';
import { type SourceFactType, sourceFacts } from '../policy/conditions/posture-sources.js';
import { unknownName } from '../policy/problem.js';
import { readFacts } from '../posture-sources/answer.js';
import { suppliedBy } from '../posture-sources/schema.js';
import type { Expectation, Situation } from './schema.js';

/** What the facts of a case are compared with. */
export interface World {
  /** Of the deployment. */
  readonly environment: string;
  readonly attestors: ReadonlyMap<string, Supply>;
  /** Of facts of sources, by their names such as `posture.edr.healthy`. */
  readonly sourceTypes: ReadonlyMap<string, SourceFactType>;
  /** What the policy asks decision points, such as `external.https://pdp.example`. */
  readonly external: readonly string[];
  /** Names. */
  readonly rules: readonly string[];
}

/** What the attestors and sources of a configuration can give, and what its policy asks. */
export function worldOf({ attestors, environment, policy, postureSources }: Configuration): World {
  const sources = suppliedBy(postureSources);
  const supply = [...attestors].map(([name, { type, options }]): [string, Supply] => [
    name,
    {
      selectorKinds: [...new Set([...type.selectorKinds, ...(type.mappedKinds?.(options) ?? [])])],
      facts: [...type.facts, ...sourceFacts(sources)],
      ...(type.nodeKind && { nodeKind: type.nodeKind }),
      ...(type.role && { role: type.role(options) }),
      ...(type.selectorFault && { selectorFault: type.selectorFault }),
    },
  ]);
  const rules = [...policy.attestors.values()];
  return {
    environment,
    attestors: new Map(supply),
    sourceTypes: new Map(
      Object.entries(sources).flatMap(([source, { facts }]) =>
        Object.entries(facts).map(([fact, type]) => [`posture.${source}.${fact}`, type] as const),
      ),
    ),
    external: [...new Set(rules.flatMap(({ lookedUp }) => lookedUp))].filter((name) => name.startsWith(ofExternal)),
    rules: rules.flatMap(({ all }) => all.rules.map(({ name }) => name)),
  };
}

const ofExternal = 'external.';
const ofBehaviour = 'behaviour.';
const ofPosture = 'posture.';

export interface Stated {
  readonly base?: Situation | undefined;
  readonly each: Situation;
}

export const merged = ({ base, each }: Stated): Situation => ({
  ...base,
  ...each,
  workload: { ...base?.workload, ...each.workload },
  ...((base?.delegator ?? each.delegator) && { delegator: { ...base?.delegator, ...each.delegator } }),
});

/** What is stated, and where each part of it stands. */
interface Scene {
  readonly situation: Situation;
  readonly supply: Supply;
  readonly world: World;
  placeOf(path: Path): Path;
}

/**
 * A time is asked for, so that a case comes out the same on every day.
 * @param path of the case; what it takes from the base is told of there
 */
export function faultsOf(stated: Stated, world: World, path: Path): Finding[] {
  const situation = merged(stated);
  const { attestor, selectors } = situation.workload ?? {};
  const placeOf = (part: Path): Path => {
    const whole = part.slice(0, part[0] === 'workload' ? 2 : 1);
    return [...(valueAt(stated.each, whole) === undefined ? ['base'] : path), ...part];
  };
  const times = situation.at === undefined ? [{ path, message: 'at is missing: the time of the decision' }] : [];
  if (attestor === undefined) return [...times, { path, message: 'workload.attestor is missing' }];
  const supply = world.attestors.get(attestor);
  const ofWorkload = checkWorkload(world, { workload: { attestor, selectors } });
  const faults = [
    ...times,
    ...delegatorFaults(situation, world, placeOf),
    ...ofWorkload.map((problem) => ({ ...problem, path: placeOf(problem.path) })),
  ];
  if (supply === undefined) return faults;
  const scene = { situation, supply, world, placeOf };
  return [
    ...faults,
    ...postureFaults(scene),
    ...unknownFaults(scene),
    ...behaviourFaults(scene),
    ...externalFaults(scene),
  ];
}

function delegatorFaults({ delegator }: Situation, { attestors }: World, placeOf: Scene['placeOf']): Finding[] {
  if (delegator === undefined) return [];
  const { attestor, claims, resource } = delegator;
  const path = placeOf(['delegator']);
  if (attestor === undefined) return [{ path, message: 'delegator.attestor is missing' }];
  const at = [...path, 'attestor'];
  const named = attestors.has(attestor)
    ? []
    : [unknownName(at, 'no attestor has this name', attestor, attestors.keys())];
  if (claims === undefined || resource === undefined) return named;
  return [
    ...named,
    { path: [...path, 'claims'], at: 'key', message: 'a token of ours does not have the claims of the delegator' },
  ];
}

/** Of what the cases expect. */
export function ruleFaults({ rules = {} }: Expectation, world: World, path: Path): Finding[] {
  return Object.keys(rules)
    .filter((name) => !world.rules.includes(name))
    .map((name) => unknownKey([...path, 'expect', 'rules', name], 'no rule has this name', world.rules));
}

/** With the key that was probably meant, or else those that there are. */
function unknownKey(path: Path, message: string, known: readonly string[]): Finding {
  const { nearest, expected } = unknownName(path, message, String(path.at(-1)), known);
  return { path, at: 'key', message, ...(nearest === undefined ? { expected } : { nearest }) };
}

const wrongValue = (path: Path, expected: string, value: unknown): Finding => ({
  path,
  message: 'wrong value',
  expected,
  found: renderFound(value),
});

const without = (prefix: string, names: readonly string[]) =>
  names.flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));

const supplied = 'the attestor supplies no such fact';

const forms: Readonly<Record<SourceFactType, string>> = {
  boolean: 'true or false',
  number: 'a number',
  text: 'text',
  time: 'a number: seconds since the epoch',
  version: 'a version as text, such as "7.10"',
};

function postureFaults({ situation, supply, world, placeOf }: Scene): Finding[] {
  return Object.entries(situation.workload?.posture ?? {}).flatMap(([name, value]): Finding[] => {
    const path = placeOf(['workload', 'posture', name]);
    const fact = `${ofPosture}${name}`;
    if (!supplies(supply, fact)) return [unknownKey(path, supplied, without(ofPosture, supply.facts))];
    const type = world.sourceTypes.get(fact);
    return type === undefined || value === null || isOfType(type, value) ? [] : [wrongValue(path, forms[type], value)];
  });
}

/** Whether it is what the fact comes to when a source says it. */
function isOfType(type: SourceFactType, value: unknown): boolean {
  return readFacts({ value }, { facts: { value: { at: '/value', type } } }, 0).value?.value === value;
}

function unknownFaults({ situation, supply, world, placeOf }: Scene): Finding[] {
  const behaviour = behaviourNames.map((name) => `${ofBehaviour}${name}`).filter((name) => supplies(supply, name));
  const places = ['environment', 'network.country', 'network.subdivision'];
  const known = [...supply.selectorKinds, ...places, ...supply.facts, ...behaviour, ...world.external];
  return Object.keys(situation.workload?.unknown ?? {})
    .filter((name) => !known.includes(name))
    .map((name) => {
      const message = 'no kind of selectors and no fact of the attestor has this name';
      return unknownKey(placeOf(['workload', 'unknown', name]), message, known);
    });
}

function behaviourFaults({ situation, supply, placeOf }: Scene): Finding[] {
  const known = behaviourNames.filter((name) => supplies(supply, `${ofBehaviour}${name}`));
  return Object.entries(situation.behaviour ?? {}).flatMap(([name, value]): Finding[] => {
    const path = placeOf(['behaviour', name]);
    const key = behaviourKeyOf(name);
    if (key === null || !known.includes(name)) return [unknownKey(path, supplied, known)];
    if ('says' in behaviourKeys[key])
      return typeof value === 'boolean' ? [] : [wrongValue(path, 'true or false', value)];
    const isCount = Number.isSafeInteger(value) && Number(value) >= 1;
    return isCount ? [] : [wrongValue(path, 'a whole number of at least 1: this token counts', value)];
  });
}

function externalFaults({ situation, world, placeOf }: Scene): Finding[] {
  const known = without(ofExternal, world.external);
  return Object.keys(situation.external ?? {})
    .filter((key) => !known.includes(key))
    .map((key) => unknownKey(placeOf(['external', key]), 'no condition of the policy has this key', known));
}
