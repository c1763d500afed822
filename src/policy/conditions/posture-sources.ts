/** Posture from sources outside the platform: what each of them supplies, and in which form a condition asks for it. */
import { type Comparison, parseComparison } from './comparison.js';
import { parseAge } from './posture-schema.js';
import { age, equal, number, oneOf, type Test, version } from './posture-tests.js';
import { parseVersion } from './version.js';

export const sourceFactTypes = ['boolean', 'number', 'text', 'time', 'version'] as const;
export type SourceFactType = (typeof sourceFactTypes)[number];

export interface PostureSource {
  /** Types by name. */
  readonly facts: Readonly<Record<string, SourceFactType>>;
  /** The kinds of selectors by which it is asked. */
  readonly selectorKinds: readonly string[];
}

/** By name. */
export type PostureSources = Readonly<Record<string, PostureSource>>;

export const noSources: PostureSources = Object.freeze({});

/** What a condition asks of one fact, as it is written. */
type Asked = boolean | string | readonly string[];

interface Form {
  /** For a person. */
  readonly expected: string;
  /** Null: it is asked in another form. */
  test(asked: Asked): Test | null;
}

const comparing =
  <Bound>(parseBound: (text: string) => Bound | null, test: (asked: Comparison<Bound>) => Test) =>
  (asked: Asked): Test | null => {
    const comparison = typeof asked === 'string' ? parseComparison(asked, parseBound) : null;
    return comparison === null ? null : test(comparison);
  };

const parseNumber = (text: string) => (/^-?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : null);

const forms: Readonly<Record<SourceFactType, Form>> = {
  boolean: { expected: 'true or false', test: (asked) => (typeof asked === 'boolean' ? equal(asked) : null) },
  number: { expected: 'a comparison of numbers, such as "<=30"', test: comparing(parseNumber, number) },
  text: {
    expected: 'a list of texts, in which * matches any run of characters',
    test: (asked) => (typeof asked === 'object' ? oneOf(asked) : null),
  },
  time: { expected: 'a comparison of ages, such as "<15m"', test: comparing(parseAge, age) },
  version: { expected: 'a comparison of versions, such as ">=7.10"', test: comparing(parseVersion, version) },
};

/** How a fact is asked for; undefined: there is no such fact. */
export function formOf(sources: PostureSources, source: string, fact: string): Form | undefined {
  const facts = Object.hasOwn(sources, source) ? sources[source]?.facts : undefined;
  const type = facts !== undefined && Object.hasOwn(facts, fact) ? facts[fact] : undefined;
  return type && forms[type];
}

/** Names of facts as rules read them, such as `posture.edr.healthy`: those of an attestor have no further dot. */
export const sourceFacts = (sources: PostureSources): string[] =>
  Object.entries(sources).flatMap(([source, { facts }]) =>
    Object.keys(facts).map((fact) => `posture.${source}.${fact}`),
  );

export const isSourceFact = (name: string): boolean => /^posture\.[^.]+\./.test(name);
