/** Attestation: how far the evidence binds to one running instance, and how old it may be. */
import { z } from 'zod';
import type { Assurance } from '../../../attestors/attestor.js';
import { duration } from '../../../attestors/options.js';
import { assuranceLevels, leastAssurance } from '../assurance.js';
import { type Candidate, type Condition, type Hope, unknownRank } from '../match.js';
import { object } from '../strict.js';
import type { Check, ConditionKind } from './kind.js';

const schema = object('an attestation: its least assurance, its greatest age, or both', {
  assurance: z.enum(assuranceLevels, { error: `one of ${assuranceLevels.join(', ')}` }).optional(),
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

function atLeast(assurance: Assurance): Condition {
  const enough: readonly string[] = assuranceLevels.slice(assuranceLevels.indexOf(assurance));
  return Object.freeze<Condition>({
    expected: `assurance ${enough.join(' or ')}`,
    rank: (candidate) => (enough.includes(assuranceOf(candidate)) ? 3 : 0),
    seen: assuranceOf,
  });
}

/** Of a delegated request that of its whole chain, as the token will have it. */
const assuranceOf = ({ facts, delegator }: Candidate): Assurance =>
  delegator === null ? facts.assurance : leastAssurance(facts.assurance, delegator.assurance);

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
