/** External: what a policy decision point says (OpenID Authorization API 1.0, AuthZEN). Asked by src/external; here its answer is read. */
import { z } from 'zod';
import { aBaseUrl, isBaseUrl, milliseconds, text } from '../../../attestors/options.js';
import { scrub } from '../../text.js';
import type { ClaimValue } from '../facts.js';
import type { ExternalLookup } from '../lookup.js';
import { type Candidate, type Condition, causeOf, type Hope, unknownRank } from '../match.js';
import { object } from '../strict.js';
import type { ConditionKind } from './kind.js';

const schema = object('a map with authzen', {
  authzen: z.string({ error: aBaseUrl }).refine(isBaseUrl, { error: aBaseUrl }),
  deadline: milliseconds(10, 5_000).prefault('500ms'),
  token: object('a map with file', { file: text('the path of a file with a bearer token') }).optional(),
  each: z.literal('scope', { error: 'scope, or left out' }).optional(),
});

export type External = z.output<typeof schema>;

/** The key has what the answer turns on, so that it stays the same when a deadline or the place of a file changes. */
export function lookupOf({ authzen: url, deadline, token, each }: External): ExternalLookup {
  const eachScope = each === 'scope';
  const ask = Object.freeze({ url, eachScope, deadline, tokenFile: token?.file ?? null });
  return Object.freeze({ kind: 'external', key: eachScope ? `${url} each scope` : url, ask });
}

export const external = Object.freeze<ConditionKind<External>>({
  kind: 'external',
  schema,
  checks: (asked: External) => [
    { key: 'external', reads: [], condition: (hope) => permittedBy(lookupOf(asked), hope) },
  ],
});

function permittedBy(lookup: ExternalLookup, hope: Hope): Condition {
  const { key, ask } = lookup;
  const answerOf = ({ external: answers }: Candidate) => (Object.hasOwn(answers, key) ? answers[key] : undefined);
  const cause = ({ facts }: Candidate) => causeOf(facts, `external.${key}`) ?? 'missing';
  return Object.freeze<Condition>({
    expected: `${ask.url} permits ${ask.eachScope ? 'each scope' : 'the exchange'}`,
    lookup,
    rank(candidate) {
      const answer = answerOf(candidate);
      if (answer === undefined) return unknownRank[hope][cause(candidate)];
      return answer.decision ? 3 : 0;
    },
    seen(candidate) {
      const answer = answerOf(candidate);
      if (answer === undefined) return `unknown (${cause(candidate)})`;
      if (answer.decision) return 'permitted';
      const reasons = ask.eachScope ? toldScopes(answer.context) : toldReason(answer.context);
      return reasons === '' ? 'denied' : `denied: ${reasons}`;
    },
  });
}

/** Scope tokens that a verdict names, and UTF-16 units of a reason. */
const mostTold = 5;
const longestTold = 120;

/** @param context by scope token that was denied, what was said beside */
function toldScopes(context: ClaimValue): string {
  if (typeof context !== 'object' || context === null) return '';
  const denied = Object.entries(context);
  const told = denied.slice(0, mostTold).map(([token, each]) => {
    const reason = toldReason(each);
    return reason === '' ? cut(token) : `${cut(token)} (${reason})`;
  });
  return `${told.join(', ')}${denied.length > mostTold ? `, and ${denied.length - mostTold} more` : ''}`;
}

/** The first that is there; the specification has examples of reasons, and no form for them. */
function toldReason(context: ClaimValue): string {
  const { reason_admin, reason_user, reason } = isMap(context) ? context : {};
  for (const place of [reason_admin, reason_user, reason, context]) {
    const found = firstText(place ?? null);
    if (found !== null) return cut(found);
  }
  return '';
}

const isMap = (value: ClaimValue): value is { readonly [name: string]: ClaimValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Levels of lists and maps in which a text is looked for: no record of ours has more. */
const deepest = 4;

function firstText(value: ClaimValue, depth = 0): string | null {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || depth > deepest) return null;
  for (const part of Object.values(value) as readonly ClaimValue[]) {
    const found = firstText(part, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

const cut = (words: string): string => scrub(words.length > longestTold ? `${words.slice(0, longestTold)}…` : words);
