/** For whom a workload asks (RFC 8693 §4): what a rule may ask of the delegator, and what the delegator limits. */
import { compileGlob } from '../../attestors/glob.js';
import { scrub } from '../text.js';
import type { Asked, ClaimValue, DelegatorFacts, Facts } from './facts.js';
import { type Clause, type Hope, type Rank, unknownRank } from './match.js';
import { type Rules, tyingClaims } from './schema.js';

type Rule = Pick<Rules[string], 'delegator' | 'grant'>;
type Delegator = NonNullable<Rule['delegator']>;
type Claims = NonNullable<Delegator['claims']>;

/** What was asked for, as far as the delegator has it. */
export function withinDelegators(asked: Asked['scope'], { delegator }: Pick<Facts, 'delegator'>): Asked['scope'] {
  const own = delegator?.scope ?? null;
  return asked === null || own === null ? (asked ?? own) : asked.filter((token) => own.includes(token));
}

/** NaN where one of the two makes no sense. */
export const vouchedUntil = ({ workload, delegator }: Facts): number =>
  Math.min(workload.vouchesUntil, delegator?.vouchesUntil ?? Number.POSITIVE_INFINITY);

/** The claims of the delegator that a rule reads, as names of facts. */
export const delegatorReads = ({ delegator }: Rule): readonly string[] =>
  Object.keys(delegator?.claims ?? {}).map((claim) => `delegator.claims.${claim}`);

/** @param isPerson whether the rule's delegator is a person, whose token has to be tied to the workload */
export function delegatorClauses(rule: Rule, hope: Hope, isPerson: boolean): readonly Clause[] {
  const { delegator, grant } = rule;
  if (delegator === undefined) return grant === undefined ? [] : [undelegated];
  const { attestor, claims, resource, actors } = delegator;
  return [
    delegatorClause(
      'attestor',
      attestor,
      (facts) => facts.attestor === attestor,
      (facts) => facts.attestor,
    ),
    ...(resource === undefined && grant === undefined ? [] : [shown(resource ?? null)]),
    ...(actors === undefined ? [] : [grant === undefined ? oneActedBefore(actors) : allActedBefore(actors)]),
    ...Object.entries(claims ?? {}).map(([claim, expected]) => claimClause(claim, expected, hope)),
    ...(grant === undefined || resource !== undefined || isTied(claims, isPerson) ? [] : [tied]),
  ];
}

/** A grant that says nothing of delegators is for those who ask for themselves. */
const undelegated = Object.freeze<Clause>({
  name: 'delegator',
  expected: 'no delegator: the workload asks for itself',
  rank: ({ delegator }) => (delegator === null ? 3 : 0),
  seen: ({ delegator }) => delegator?.subject ?? 'none',
});

function delegatorClause(
  key: string,
  expected: string,
  holds: (facts: DelegatorFacts) => boolean,
  seen: (facts: DelegatorFacts) => string,
): Clause {
  return Object.freeze<Clause>({
    name: `delegator.${key}`,
    expected,
    rank: ({ delegator }) => (delegator !== null && holds(delegator) ? 3 : 0),
    seen: ({ delegator }) => (delegator === null ? 'no delegator: the workload asks for itself' : seen(delegator)),
  });
}

/** @param resource null: evidence has to be shown, not a token of ours */
function shown(resource: string | null): Clause {
  const told = (of: string | null) => (of === null ? 'evidence of the attestor' : `a token of ours for ${of}`);
  return delegatorClause(
    'resource',
    told(resource),
    (facts) => facts.resource === resource,
    (facts) => told(facts.resource),
  );
}

/** A grant is for the chain as a whole: one actor more is another chain. */
const allActedBefore = (patterns: readonly string[]): Clause =>
  actedBefore(
    patterns,
    'at least one before, each of them',
    (actors, isMeant) => actors.length > 0 && actors.every(isMeant),
  );

/** A denial is not got around by one more hop. */
const oneActedBefore = (patterns: readonly string[]): Clause =>
  actedBefore(patterns, 'one of those before', (actors, isMeant) => actors.some(isMeant));

function actedBefore(
  patterns: readonly string[],
  expected: string,
  holds: (actors: readonly string[], isMeant: (actor: string) => boolean) => boolean,
): Clause {
  const globs = patterns.map((pattern) => compileGlob(pattern));
  const isMeant = (actor: string) => globs.some((glob) => glob(actor));
  return delegatorClause(
    'actors',
    `${expected} ${patterns.join(' or ')}`,
    ({ actors }) => holds(actors, isMeant),
    ({ actors }) => (actors.length === 0 ? 'none' : actors.join(', ')),
  );
}

/** A person's token by a claim that says whom it was made for; the evidence of a workload, which has none, by any that says whose it is. */
const isTied = (claims: Claims = {}, isPerson: boolean): boolean =>
  Object.keys(claims).some((claim) => !isPerson || tyingClaims.includes(claim));

const tied = delegatorClause(
  'mayAct',
  `may_act in the subject_token that names the workload, or a claim in the rule that ties it to the workload, such as ${tyingClaims.join(', ')}`,
  ({ mayAct }) => mayAct,
  () => 'neither',
);

function claimClause(claim: string, expected: Claims[string], hope: Hope): Clause {
  const glob = typeof expected === 'string' ? compileGlob(expected) : null;
  const isIt = (value: ClaimValue) => (typeof value === 'string' && glob !== null ? glob(value) : value === expected);
  return Object.freeze<Clause>({
    name: `delegator.claims.${claim}`,
    expected: JSON.stringify(expected),
    rank({ delegator }): Rank {
      if (delegator === null) return 0;
      const value = claimOf(delegator, claim);
      if (value === undefined) return unknownRank[hope].missing;
      return (Array.isArray(value) ? value : [value]).some(isIt) ? 3 : 0;
    },
    seen: ({ delegator }) =>
      delegator === null ? 'no delegator: the workload asks for itself' : told(claimOf(delegator, claim)),
  });
}

/** Undefined: it is not known. Null: the token does not have it. */
function claimOf({ claims = {} }: DelegatorFacts, name: string): ClaimValue | undefined {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

/** UTF-16 units of a claim that a verdict tells. */
const longestTold = 120;

function told(value: ClaimValue | undefined): string {
  if (value === undefined) return 'unknown (missing)';
  if (value === null) return 'absent';
  const json = scrub(JSON.stringify(value));
  return json.length <= longestTold ? json : `${json.slice(0, longestTold - 1)}…`;
}
