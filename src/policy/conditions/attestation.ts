/** Attestation: how far the evidence binds to one running instance, and how old it may be. */
import { z } from 'zod';
import { duration } from '../../../attestors/options.js';
import { type Condition, type Hope, unknownRank } from '../match.js';
import { object } from '../strict.js';
import type { Check, ConditionKind } from './kind.js';

const levels = ['low', 'medium', 'high'] as const;

const schema = object('an attestation: its least assurance, its greatest age, or both', {
  assurance: z.enum(levels, { error: `one of ${levels.join(', ')}` }).optional(),
  maxAge: duration().optional(),
}).refine(({ assurance, maxAge }) => assurance !== undefined || maxAge !== undefined, {
  error: 'an attestation that asks for something: assurance, maxAge or both',
});

type Asked = z.output<typeof schema>;

/** Seconds by which a platform's clock may be ahead of ours. */
const skew = 60;

export const attestation = Object.freeze<ConditionKind<Asked>>({
  kind: 'attestation',
  schema,
  checks: ({ assurance, maxAge }: Asked) => [
    ...(assurance === undefined ? [] : [check('assurance', () => atLeast(assurance))]),
    ...(maxAge === undefined ? [] : [check('maxAge', (hope) => youngerThan(maxAge, hope))]),
  ],
});

const check = (key: string, condition: Check['condition']): Check => ({ key, reads: [], condition });

function atLeast(assurance: (typeof levels)[number]): Condition {
  const enough: readonly string[] = levels.slice(levels.indexOf(assurance));
  return Object.freeze<Condition>({
    expected: `assurance ${enough.join(' or ')}`,
    rank: ({ facts }) => (enough.includes(facts.assurance) ? 3 : 0),
    seen: ({ facts }) => facts.assurance,
  });
}

/** By when the platform made the evidence, by its own word. */
function youngerThan(maxAge: number, hope: Hope): Condition {
  const age = (issuedAt: number | null, now: number) =>
    issuedAt === null || !(now - issuedAt >= -skew) ? null : now - issuedAt;
  return Object.freeze<Condition>({
    expected: `evidence that was made within ${maxAge} s`,
    rank({ facts, now }) {
      const seconds = age(facts.evidenceIssuedAt, now);
      if (seconds === null) return unknownRank[hope].missing;
      return seconds <= maxAge ? 3 : 0;
    },
    seen({ facts, now }) {
      const seconds = age(facts.evidenceIssuedAt, now);
      return seconds === null ? 'unknown (missing)' : `made ${Math.round(seconds)} s ago`;
    },
  });
}
