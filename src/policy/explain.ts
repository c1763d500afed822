/** A record of the audit log, or a decision that was not asked for, told to a person. */
import type {
  AuditRecord,
  RecordedDelegator,
  RecordedGrant,
  RecordedRequest,
  RecordedShadow,
} from '../audit/record.js';
import type { AuthorizationDetails } from '../authorization-details/details.js';
import { faults } from '../errors.js';
import { printable } from '../text.js';
import { toldBinding } from './binding.js';
import type { Decision, Granted, RuleVerdict, Verdict } from './decision.js';
import type { Inputs } from './facts.js';
import { identifierOf } from './token-type.js';

const marks: Readonly<Record<Verdict, string>> = { holds: '✓', fails: '✗', unknown: '?' };
const labelWidth = 12;

/** Several lines for a terminal: control characters of the record come out escaped. */
export function explainRecord(record: AuditRecord): string {
  const lines = [
    `${record.outcome === 'permitted' ? 'PERMITTED' : 'REFUSED'}  ${record.reason}${record.error === null ? '' : ` (the client got ${record.error})`}`,
    ...(record.detail === null ? [] : [`  ${record.detail}`]),
    '',
    labelled('Decision', [record.decision_id]),
    labelled('Time', [`${record.time}, took ${record.duration_ms} ms`]),
    labelled('Where', [
      `${record.environment}${record.region === null ? '' : `, ${record.region}`}; asked from ${record.address}`,
    ]),
    labelled('Who', whoAsked(record)),
    ...delegatorLines(record),
    labelled('Evidence', evidenceOf(record)),
    labelled('Selectors', record.selectors ?? []),
    labelled('Asked for', [...requestLines(record.request), `by ${record.grant_type ?? 'no grant_type'}`]),
    labelled('Rules', ruleLines(record.rules)),
    labelled('Granted', record.granted === null ? ['nothing'] : grantLines(record.granted)),
    ...(record.shadow ? [labelled('With shadow', shadowLines(record.shadow))] : []),
    labelled('Policy', [`revision ${record.policy_revision}`]),
    labelled('To do', [whatToDo(record)]),
  ];
  return `${lines.flat().map(printable).join('\n')}\n`;
}

/** The same of a decision that nobody has asked for yet. */
export function explainDecision(decision: Decision, { facts, asked }: Inputs, policyRevision: string): string {
  const { fault, reason, detail, granted, rules, shadow } = decision;
  const { workload, delegator, network, now } = facts;
  const error = fault === null ? null : faults[fault].error;
  const outcome = fault === null ? 'permitted' : 'refused';
  const { authorizationDetails = null, tokenType } = asked;
  const request = {
    resource: asked.resource === null ? [] : [asked.resource],
    scope: asked.scope,
    requested_token_type: tokenType === undefined ? null : identifierOf(tokenType),
    authorization_details: authorizationDetails,
  };
  const lines = [
    `WOULD BE ${outcome.toUpperCase()}  ${reason}${error === null ? '' : ` (the client would get ${error})`}`,
    `  ${detail}`,
    '',
    labelled('Time', [new Date(now * 1000).toISOString()]),
    labelled('Where', [
      `${workload.environment ?? 'not known'}; asked from ${network.ip ?? 'an address that is not known'}`,
    ]),
    labelled('Who', [`attestor ${workload.attestor}, assurance ${workload.assurance}`]),
    ...(delegator === undefined ? [] : [labelled('For', whomFor(delegator, delegator.actors))]),
    labelled('Selectors', workload.selectors),
    labelled('Asked for', requestLines(request)),
    labelled('Rules', ruleLines(rules)),
    labelled('Granted', granted === null ? ['nothing'] : outcomeLines(recorded(granted))),
    ...(shadow === null
      ? []
      : [labelled('With shadow', shadowLines({ ...shadow, granted: shadow.granted && recorded(shadow.granted) }))]),
    labelled('Policy', [`revision ${policyRevision}`]),
    labelled('To do', [whatToDo({ outcome, error, rules })]),
  ];
  return `${lines.flat().map(printable).join('\n')}\n`;
}

function labelled(label: string, values: readonly string[]): string[] {
  const shown = values.length > 0 ? values : ['–'];
  return shown.map((value, index) => `${(index === 0 ? label : '').padEnd(labelWidth)}${value}`);
}

function whoAsked(record: AuditRecord): string[] {
  if (record.subject === null) return ['not known: no evidence was verified'];
  const instance = record.instance === null ? [] : [`instance ${record.instance}`];
  return [record.subject, `attestor ${record.attestor ?? '–'}, assurance ${record.assurance ?? '–'}`, ...instance];
}

/** For whom it asked, and who acted before; nothing of a request without an actor. */
function delegatorLines({ facts, request }: AuditRecord): string[][] {
  const { delegator } = request;
  if (delegator === null) return [];
  return [labelled('For', whomFor(delegator, facts?.delegator?.actors ?? []))];
}

function whomFor({ subject, attestor, assurance }: Whom, actors: readonly string[]): string[] {
  if (subject === null) return ['not known: the subject_token was not accepted'];
  const through = actors.map((actor) => `through ${actor}`);
  return [subject, `attestor ${attestor}, assurance ${assurance}`, ...through];
}

type Whom = Pick<RecordedDelegator, 'subject' | 'attestor' | 'assurance'>;

function evidenceOf(record: AuditRecord): string[] {
  const hash = record.evidence_sha256 === null ? [] : [`SHA-256 ${record.evidence_sha256}`];
  const id = record.evidence_id === null ? [] : [`id ${record.evidence_id}`];
  const skew = record.skew_s ? [`issued ${record.skew_s} s in our future: compare the clocks`] : [];
  return [...hash, ...id, ...skew];
}

type Requested = Pick<RecordedRequest, 'resource' | 'scope' | 'requested_token_type' | 'authorization_details'>;

function requestLines(request: Requested): string[] {
  const { resource, scope, requested_token_type: type, authorization_details: details } = request;
  return [
    resource.length === 0 ? 'no resource named' : resource.join(' '),
    scope === null ? 'no scope named: all that is granted' : `scope ${scope.join(' ')}`,
    ...(type ? [type] : []),
    ...toolLines(details ?? undefined),
  ];
}

function ruleLines(rules: readonly RuleVerdict[] | null): string[] {
  if (rules === null) return ['none was looked at: the request ended before the policy'];
  if (rules.length === 0) return ['no rule is a candidate'];
  return rules.flatMap(({ rule, effect, shadow, verdict, clause, expected, seen }) => [
    `${marks[verdict]} ${rule} (${effect}${shadow ? ', in shadow' : ''})${clause === null ? ': every clause holds' : `: ${clause} ${verdict === 'unknown' ? 'is unknown' : verdict}`}`,
    ...(expected === null ? [] : [`    expected  ${expected}`]),
    ...(seen === null ? [] : [`    seen      ${seen}`]),
  ]);
}

/** One line a tool, as `AuthorizationDetails` have them. */
function toolLines(details: AuthorizationDetails = []): string[] {
  const tools = details.flatMap((entry) => entry.tools);
  return tools.map(({ name, arguments: schema }) => `tool ${name}, ${toldArguments(schema)}`);
}

const toldArguments = (schema: unknown) =>
  schema === undefined ? 'whatever its arguments are' : `with arguments ${JSON.stringify(schema)}`;

function grantLines({ resource, scope, authorization_details: details, ...rest }: RecordedGrant): string[] {
  const { lifetime, binding, jti } = rest;
  return [
    `scope ${scope.join(' ')} of ${resource}`,
    ...toolLines(details),
    `for ${lifetime} s, as token ${jti}${toldBinding(binding)}`,
  ];
}

/** As a record has it. */
const recorded = ({ authorizationDetails: details, ...granted }: Granted): Omit<RecordedGrant, 'jti'> => ({
  ...granted,
  ...(details && { authorization_details: details }),
});

/** What would have come of it with the rules in `mode: shadow` in force. */
function shadowLines({ reason, granted }: RecordedShadow): string[] {
  return granted === null ? [`nothing: ${reason}`] : outcomeLines(granted);
}

const outcomeLines = ({ resource, scope, lifetime, binding, ...rest }: Omit<RecordedGrant, 'jti'>): string[] => [
  `scope ${scope.join(' ')} of ${resource}`,
  ...toolLines(rest.authorization_details),
  `for ${lifetime} s${toldBinding(binding)}`,
];

function whatToDo({ outcome, error, rules: all }: Pick<AuditRecord, 'outcome' | 'error' | 'rules'>): string {
  const rules = all?.filter(({ shadow }) => !shadow) ?? null;
  if (outcome === 'permitted') return 'nothing';
  if (error === 'server_error') return 'Look for the decision id in the log of the service: it failed.';
  if (error === 'temporarily_unavailable') return 'Try again; if it stays, repair what the reason names.';
  if (error === 'use_dpop_nonce') return 'Nothing: the client sends the request again, with the nonce of the answer.';
  if (rules === null) return 'Correct in the request, or in the attestor that should accept it, what the reason names.';
  const denial = rules.find(({ effect, verdict }) => effect === 'deny' && verdict !== 'fails');
  if (denial !== undefined) return `If it should be permitted, see that the denial ${denial.rule} does not apply.`;
  const unknown = rules.find(({ verdict }) => verdict === 'unknown');
  if (unknown !== undefined) return `See why ${unknown.clause ?? 'a fact'} of ${unknown.rule} is not known.`;
  if (error === 'invalid_dpop_proof') return 'Send a DPoP proof with the request.';
  if (error === 'invalid_client') return 'Connect with a client certificate.';
  if (error === 'invalid_authorization_details')
    return 'Ask for tools that a rule grants, or leave authorization_details out.';
  if (error === 'invalid_scope') return 'Ask for a scope that a rule grants, or leave scope out.';
  return 'If it should be permitted, add a rule for this workload and resource, or change a clause that fails above.';
}
