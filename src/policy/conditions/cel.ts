/** CEL: an expression over the facts, for what the other kinds do not say. */
import { z } from 'zod';
import { scrub } from '../../text.js';
import { CelError, compileCel, type Outcome, type Program } from '../cel/program.js';
import { type Candidate, type Condition, type Hope, unknownRank } from '../match.js';
import type { ConditionKind } from './kind.js';

const schema = z.string({ error: 'a CEL expression' }).transform((source, context): Program => {
  try {
    return compileCel(source);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    const { message, excerpt } = error;
    context.issues.push({
      code: 'custom',
      input: source,
      message: `not a CEL condition: ${message}`,
      params: { excerpt },
    });
    return z.NEVER;
  }
});

export const cel = Object.freeze<ConditionKind<Program>>({
  kind: 'cel',
  schema,
  checks: (program: Program) => [
    {
      key: 'cel',
      reads: program.reads.filter((fact) =>
        /^(behaviour|claims|delegator|posture)\.|^network\.(country|subdivision)$/.test(fact),
      ),
      condition: (hope) => celCondition(program, hope),
    },
  ],
});

function celCondition(program: Program, hope: Hope): Condition {
  return Object.freeze<Condition>({
    expected: program.source,
    rank(candidate: Candidate) {
      const outcome = program.evaluate(candidate);
      if ('unknown' in outcome) return unknownRank[hope][outcome.unknown];
      return outcome.value ? 3 : 0;
    },
    seen: (candidate) => told(program.evaluate(candidate)),
  });
}

/** How many facts a refusal names, and how much of a text. */
const mostTold = 5;
const longestTold = 80;

function told(outcome: Outcome): string {
  if ('unknown' in outcome) return `unknown (${outcome.unknown}): ${scrub(outcome.why)}`;
  const { value, facts } = outcome;
  const more = facts.length > mostTold ? `, and ${facts.length - mostTold} more` : '';
  const named = facts.slice(0, mostTold).map(([name, fact]) => `${name} ${toldFact(fact)}`);
  return `${value}${named.length === 0 ? '' : `: ${named.join(', ')}`}${more}`;
}

function toldFact(fact: unknown): string {
  if (typeof fact === 'string') {
    return JSON.stringify(scrub(fact.length > longestTold ? `${fact.slice(0, longestTold)}…` : fact));
  }
  if (fact === undefined) return 'absent';
  if (fact instanceof Date) return fact.toISOString();
  if (Array.isArray(fact)) return `(${fact.length})`;
  if (fact instanceof Map) return `(${fact.size})`;
  return String(fact);
}
