/** "For somebody, by somebody": RFC 8693 §4. */
import { type Case, type Need, rfc, type Value } from '../case.js';
import { claim, either, granted, jwt, refused } from '../matchers.js';
import type { Variant } from '../variants.js';
import { evidenceOf } from '../world.js';
import { evidence, jwtType, needsOf, tokenExchange, tokenRequest } from './grants.js';

const delegator =
  (variant: Variant = 'good'): Value =>
  async (world) => {
    const { delegator: source } = world.profile;
    if (source === undefined) throw new Error('the profile has no delegator');
    return evidenceOf(world, source, variant);
  };

const needs: readonly Need[] = [...needsOf(tokenExchange), 'delegation', 'delegator:good'];

/** The workload of the profile for its delegator. */
const delegated = (subject: Value = delegator(), actor: Value = evidence()) =>
  tokenRequest(tokenExchange, {
    change: { subject_token: subject, subject_token_type: jwtType, actor_token: actor, actor_token_type: jwtType },
  });

const byActor = claim('access_token', 'act', {
  words: 'an object with sub',
  holds: (value) => typeof Object(value).sub === 'string',
});

export const delegation: readonly Case[] = [
  {
    id: 'delegation/act-of-evidence',
    title: 'evidence that has act: the chain is kept, or refused, and never dropped',
    section: rfc(8693, '4.1'),
    level: 'must',
    needs: [...needsOf(tokenExchange, 'with-act'), 'jwt-access-token'],
    steps: [
      {
        request: tokenRequest(tokenExchange, { evidence: evidence('with-act') }),
        expect: [either([...granted, jwt('access_token', 'at+jwt'), byActor], refused([400], 'invalid_request'))],
      },
    ],
  },
  {
    id: 'delegation/may-act',
    title: 'refuses an actor whom may_act of the subject does not name',
    section: rfc(8693, '4.4'),
    level: 'should',
    needs: [...needs, 'delegator:may-act-other'],
    steps: [{ request: delegated(delegator('may-act-other')), expect: refused([400], 'invalid_request') }],
  },
  {
    id: 'delegation/act',
    title: 'a token for the subject, with the actor in act',
    section: rfc(8693, '4.1'),
    level: 'must',
    needs: [...needs, 'jwt-access-token'],
    steps: [
      {
        request: delegated(),
        expect: [...granted, jwt('access_token', 'at+jwt'), byActor],
      },
    ],
  },
  {
    id: 'delegation/bad-subject',
    title: 'refuses a subject_token with a signature of another key',
    section: rfc(8693, '2.2.2'),
    level: 'must',
    needs: [...needs, 'delegator:bad-signature'],
    steps: [{ request: delegated(delegator('bad-signature')), expect: refused([400], 'invalid_request') }],
  },
  {
    id: 'delegation/bad-actor',
    title: 'refuses an actor_token with a signature of another key',
    section: rfc(8693, '2.2.2'),
    level: 'must',
    needs: [...needs, 'evidence:bad-signature'],
    steps: [{ request: delegated(undefined, evidence('bad-signature')), expect: refused([400], 'invalid_request') }],
  },
];
