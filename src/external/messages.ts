/** What goes to a policy decision point and comes back: OpenID Authorization API 1.0, access evaluation and access evaluations. */
import type { OutboundAnswer } from '../../attestors/attestor.js';
import { Unavailable } from '../errors.js';
import type { TargetInquiry } from '../exchange/look-up.js';
import { parseObject } from '../jwt/json.js';
import type { ClaimValue, ExternalAnswer } from '../policy/facts.js';
import type { ExternalAsk } from '../policy/lookup.js';
import { plainJson } from '../policy/plain-json.js';
import { scrub } from '../text.js';

/** The paths that are used where no metadata says otherwise. */
export const pathOf = ({ eachScope }: ExternalAsk) => (eachScope ? '/access/v1/evaluations' : '/access/v1/evaluation');

/** Who asks for what, and how it was found out who it is: no token, and no claim of one. */
export function requestOf({ eachScope }: ExternalAsk, inquiry: TargetInquiry): unknown {
  const { attestation, asked, decisionId, facts, scope } = inquiry;
  const { subject, attestor, assurance, environment, instance, selectors, unknownSelectors } = attestation;
  const { ip } = facts.network;
  const { delegator } = facts;
  const unknown = Object.keys(unknownSelectors).sort();
  const shared = {
    subject: {
      type: 'workload',
      id: subject,
      properties: {
        attestor,
        assurance,
        ...(environment !== null && { environment }),
        instance,
        selectors,
        // Of these kinds it is not known whether the workload has selectors: their absence tells nothing.
        ...(unknown.length > 0 && { unknown_selectors: unknown }),
        // Cerbos permits nothing to a subject without a role, and reads it from here.
        'cerbos.roles': ['workload'],
      },
    },
    resource: { type: 'resource', id: asked.resource },
    context: {
      time: new Date(facts.now * 1000).toISOString(),
      ...(ip !== null && { ip }),
      // For whom it asks, and who acted before.
      ...(delegator && {
        delegator: { id: delegator.subject, attestor: delegator.attestor, assurance: delegator.assurance },
        actors: delegator.actors,
      }),
      scope,
      ...(asked.authorizationDetails && { authorization_details: asked.authorizationDetails }),
      decision_id: decisionId,
    },
  };
  if (!eachScope) return { ...shared, action: { name: 'exchange' } };
  return {
    ...shared,
    evaluations: scope.map((token) => ({ action: { name: token } })),
    options: { evaluations_semantic: 'execute_all' },
  };
}

/** What was asked, and with which bearer token. */
interface Asked {
  readonly ask: ExternalAsk;
  readonly scope: TargetInquiry['scope'];
  readonly bearer: string | null;
}

/** @throws Unavailable `pdp_status`, `pdp_answer`; nothing that the decision point sent is in it but the status */
export function answerOf(answer: OutboundAnswer, asked: Asked): ExternalAnswer {
  const { url, eachScope } = asked.ask;
  const { status, contentType, body } = answer;
  if (status !== 200) {
    throw new Unavailable('pdp_status', `${url} answers with status ${status}, not 200; redirects are not followed.`);
  }
  const mediaType = contentType?.split(';')[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') throw notOne(url, 'a body of type application/json');
  const parsed = parseObject(body);
  if (typeof parsed === 'string') throw notOne(url, `one JSON object, without repeated names (${parsed})`);
  return eachScope ? answerToAll(parsed.evaluations, asked) : answerToOne(parsed, asked);
}

function answerToOne(evaluation: unknown, { ask, bearer }: Asked): ExternalAnswer {
  const { decision, context } = (typeof evaluation === 'object' && evaluation !== null ? evaluation : {}) as {
    readonly decision?: unknown;
    readonly context?: unknown;
  };
  if (typeof decision !== 'boolean') throw notOne(ask.url, 'a decision that is true or false');
  return Object.freeze({ decision, context: recorded(context, bearer) });
}

/** In the order of the request (§7); all must be permitted, and of those that are not the record has what was said. */
function answerToAll(evaluations: unknown, asked: Asked): ExternalAnswer {
  const { scope } = asked;
  if (!Array.isArray(evaluations) || evaluations.length !== scope.length) {
    throw notOne(asked.ask.url, `as many evaluations as were asked for, ${scope.length}`);
  }
  const answers = evaluations.map((each) => answerToOne(each, asked));
  const denied = scope.flatMap((token, index) => {
    const { decision = false, context = null } = answers[index] ?? {};
    return decision ? [] : [[token, context] as const];
  });
  if (denied.length === 0) return Object.freeze({ decision: true, context: null });
  const context = plainJson(Object.fromEntries(denied)) ?? Object.fromEntries(denied.map(([token]) => [token, null]));
  return Object.freeze({ decision: false, context: Object.freeze(context) });
}

/** A decision point may quote what it likes: what looks like a token is taken out. */
const recorded = (context: unknown, bearer: string | null): ClaimValue =>
  plainJson(context ?? null, (text) => scrub(bearer === null ? text : text.replaceAll(bearer, '[bearer token]'))) ??
  null;

const notOne = (url: string, expected: string) =>
  new Unavailable('pdp_answer', `${url} does not answer as a policy decision point does: expected ${expected}.`);
