/** `counterseal policy matrix`: who can reach what, as the rules say it. */
import type { AuthorizationDetails, Tool } from '../authorization-details/details.js';
import type { AttestorRules, CompiledRule, Policy } from '../policy/compile.js';
import type { Clause } from '../policy/match.js';

/** What the rules say of one resource. */
export interface MatrixResource {
  readonly resource: string;
  /** Empty: nobody can reach it. Sorted by attestor and rule. */
  readonly grants: readonly MatrixGrant[];
}

export interface MatrixRule {
  readonly rule: string;
  readonly attestor: string;
  /** Judged and recorded, without effect. */
  readonly shadow: boolean;
  /** Whose workloads; all must hold. Empty: every workload of the attestor. */
  readonly workload: readonly string[];
  /** For whom they ask: what the rule asks of the delegator, by the names that records have. Empty: for themselves or, of a denial, for anybody. */
  readonly delegator: readonly MatrixClause[];
  /** What else must hold, by the names that records have. */
  readonly conditions: readonly MatrixClause[];
}

export interface MatrixGrant extends MatrixRule {
  readonly scope: readonly string[];
  /** Null: the resource lists no tools. */
  readonly authorizationDetails: AuthorizationDetails | null;
  /** Seconds, at most: conditions and evidence may shorten it. */
  readonly lifetime: number;
  /** Rules that may deny it to some of these workloads, or at some times. */
  readonly denies: readonly MatrixRule[];
}

export interface MatrixClause {
  readonly clause: string;
  readonly expected: string;
}

export function matrixOf({ attestors, resources }: Policy): readonly MatrixResource[] {
  const sorted = [...attestors].sort(([one], [other]) => (one < other ? -1 : 1));
  return [...resources]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([resource, { lifetime }]) => ({
      resource,
      grants: sorted.flatMap(([attestor, rules]) => grantsOf(attestor, rules, resource, lifetime)),
    }));
}

function grantsOf(attestor: string, { covering }: AttestorRules, resource: string, longest: number): MatrixGrant[] {
  const rules = covering.get(resource)?.rules ?? [];
  const denies = rules.filter(({ effect }) => effect === 'deny').map((rule) => rowOf(attestor, rule));
  return rules.flatMap((rule) =>
    rule.grant === null
      ? []
      : [
          {
            ...rowOf(attestor, rule),
            scope: [...rule.grant.scope].sort(),
            authorizationDetails: rule.grant.authorizationDetails,
            lifetime: Math.min(longest, rule.grant.lifetime),
            denies,
          },
        ],
  );
}

function rowOf(attestor: string, { name, shadow, clauses }: CompiledRule): MatrixRule {
  return {
    rule: name,
    attestor,
    shadow,
    workload: clauses.filter((clause) => isOfWorkload(clause) && !isUnwritten(clause)).map(({ expected }) => expected),
    delegator: clauses.filter((clause) => isOfDelegator(clause) && !isUnwritten(clause)).map(told),
    conditions: clauses.filter((clause) => !isOfWorkload(clause) && !isOfDelegator(clause)).map(told),
  };
}

const told = ({ name, expected }: Clause): MatrixClause => ({ clause: name, expected });

/** Of the workload itself, its environment included; the others are circumstances. */
const isOfWorkload = ({ name }: Clause) => name.startsWith('workload.') || name === 'environment';

const isOfDelegator = ({ name }: Clause) => name === 'delegator' || name.startsWith('delegator.');

/** What every grant asks for without writing it: only tokens of Kubernetes and requests with an actor can fail. */
const isUnwritten = ({ name }: Clause) => name === 'workload.podless' || name === 'delegator';

/** Lines for a person: a block for each resource, and in it one for each rule that grants it. */
export function renderMatrix(matrix: readonly MatrixResource[]): string[] {
  return matrix.flatMap(({ resource, grants }, index) => [
    ...(index === 0 ? [] : ['']),
    resource,
    ...(grants.length === 0 ? ['  nobody'] : grants.flatMap(grantLines)),
  ]);
}

function grantLines({ scope, authorizationDetails, lifetime, denies, ...row }: MatrixGrant): string[] {
  const tools = authorizationDetails?.flatMap((entry) => entry.tools) ?? [];
  return [
    `  ${headOf(row)}`,
    `      gets    ${scope.join(' ')}, for ${lifetime} s at most`,
    ...labelled('tools', tools.map(toolLine)),
    ...labelled('who', row.workload),
    ...labelled('for', row.delegator.map(conditionLine)),
    ...labelled('when', row.conditions.map(conditionLine)),
    ...labelled('unless', denies.map(denyLine)),
  ];
}

const headOf = ({ rule, attestor, shadow }: MatrixRule) =>
  `${rule} (workloads of ${attestor}${shadow ? '; in shadow: without effect' : ''})`;

const toolLine = ({ name, arguments: schema }: Tool) =>
  schema === undefined ? name : `${name}: ${JSON.stringify(schema)}`;

const conditionLine = ({ clause, expected }: MatrixClause) => `${clause}: ${expected}`;

function denyLine({ rule, shadow, workload, delegator, conditions }: MatrixRule): string {
  const all = [...workload, ...[...delegator, ...conditions].map(conditionLine)];
  return `${rule}${shadow ? ' (in shadow: without effect)' : ''}: ${all.length === 0 ? 'always' : all.join(' and ')}`;
}

const labelled = (label: string, lines: readonly string[]) =>
  lines.map((line, index) => `      ${(index === 0 ? label : '').padEnd(7)} ${line}`);
