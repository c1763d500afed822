/** A record of the audit log, found again and told to a person. */
import { createReadStream } from 'node:fs';
import type { AuditRecord, RecordedGrant, RecordedShadow } from '../audit/record.js';
import { printable } from '../text.js';
import type { RuleVerdict, Verdict } from './decision.js';

/** Bytes. A longer line is no record of ours and is passed over. */
const longestLine = 1024 * 1024;
const lineEnd = 0x0a;
const marks: Readonly<Record<Verdict, string>> = { holds: '✓', fails: '✗', unknown: '?' };
const labelWidth = 12;

/**
 * The record with this id, or undefined. Reads the file of JSON lines from its start in bounded memory; a line that is
 * torn or is no record is passed over.
 * @throws Error that names the file and what to do about it, when it cannot be read
 */
export async function findRecord(file: string, decisionId: string): Promise<AuditRecord | undefined> {
  try {
    return await searchRecord(file, decisionId);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const remedy = remedies[code] ?? 'see that it is a file that can be read';
    throw new Error(`cannot read the audit file ${file} (${code}): ${remedy}`, { cause: error });
  }
}

const remedies: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist: name the path of a file sink in audit.sinks, or an older file that was rotated',
  EACCES: 'run this as the user of the service, or as another who may read the file',
  EISDIR: 'this is a folder: name a file in it',
};

async function searchRecord(file: string, decisionId: string): Promise<AuditRecord | undefined> {
  const needle = JSON.stringify(decisionId);
  for await (const lines of wholeLines(file)) {
    let at = lines.indexOf(needle);
    while (at >= 0) {
      const found = lines.indexOf(lineEnd, at);
      const end = found < 0 ? lines.length : found;
      const record = parseRecord(lines.toString('utf8', lines.lastIndexOf(lineEnd, at) + 1, end));
      if (record?.decision_id === decisionId) return record;
      at = lines.indexOf(needle, end);
    }
  }
  return undefined;
}

/** The file in pieces that begin and end where lines do. */
async function* wholeLines(file: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: longestLine })) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(lineEnd) + 1;
    if (end > 0) yield bytes.subarray(0, end);
    rest = bytes.length - end > longestLine ? Buffer.alloc(0) : bytes.subarray(end);
  }
  yield rest;
}

function parseRecord(line: string): AuditRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isRecord = typeof value === 'object' && value !== null && 'decision_id' in value && 'request' in value;
    return isRecord ? (value as AuditRecord) : undefined;
  } catch {
    return undefined;
  }
}

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
    labelled('Evidence', evidenceOf(record)),
    labelled('Selectors', record.selectors ?? []),
    labelled('Asked for', whatWasAsked(record)),
    labelled('Rules', ruleLines(record.rules)),
    labelled('Granted', record.granted === null ? ['nothing'] : grantLines(record.granted)),
    ...(record.shadow ? [labelled('With shadow', shadowLines(record.shadow))] : []),
    labelled('Policy', [`revision ${record.policy_revision}`]),
    labelled('To do', [whatToDo(record)]),
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

function evidenceOf(record: AuditRecord): string[] {
  const hash = record.evidence_sha256 === null ? [] : [`SHA-256 ${record.evidence_sha256}`];
  const id = record.evidence_id === null ? [] : [`id ${record.evidence_id}`];
  const skew = record.skew_s ? [`issued ${record.skew_s} s in our future: compare the clocks`] : [];
  return [...hash, ...id, ...skew];
}

function whatWasAsked(record: AuditRecord): string[] {
  const { resource, scope } = record.request;
  return [
    resource.length === 0 ? 'no resource named' : resource.join(' '),
    scope === null ? 'no scope named: all that is granted' : `scope ${scope.join(' ')}`,
    `by ${record.grant_type ?? 'no grant_type'}`,
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

function grantLines({ resource, scope, lifetime, jti }: RecordedGrant): string[] {
  return [`scope ${scope.join(' ')} of ${resource}`, `for ${lifetime} s, as token ${jti}`];
}

/** What would have come of it with the rules in `mode: shadow` in force. */
function shadowLines({ reason, granted }: RecordedShadow): string[] {
  if (granted === null) return [`nothing: ${reason}`];
  return [`scope ${granted.scope.join(' ')} of ${granted.resource}`, `for ${granted.lifetime} s`];
}

function whatToDo({ outcome, error, rules: all }: AuditRecord): string {
  const rules = all?.filter(({ shadow }) => !shadow) ?? null;
  if (outcome === 'permitted') return 'nothing';
  if (error === 'server_error') return 'Look for the decision id in the log of the service: it failed.';
  if (error === 'temporarily_unavailable') return 'Try again; if it stays, repair what the reason names.';
  if (rules === null) return 'Correct in the request, or in the attestor that should accept it, what the reason names.';
  const denial = rules.find(({ effect, verdict }) => effect === 'deny' && verdict !== 'fails');
  if (denial !== undefined) return `If it should be permitted, see that the denial ${denial.rule} does not apply.`;
  const unknown = rules.find(({ verdict }) => verdict === 'unknown');
  if (unknown !== undefined) return `See why ${unknown.clause ?? 'a fact'} of ${unknown.rule} is not known.`;
  if (error === 'invalid_scope') return 'Ask for a scope that a rule grants, or leave scope out.';
  return 'If it should be permitted, add a rule for this workload and resource, or change a clause that fails above.';
}
