/** Which rules and clauses the cases of a policy have tried. */

import { candidatesOf } from '../policy/candidates.js';
import type { Policy } from '../policy/compile.js';
import type { Inputs } from '../policy/facts.js';
import { type Clause, candidateOf } from '../policy/match.js';

/** What every grant asks for without writing it. */
const unwritten = new Set(['delegator', 'environment', 'workload.podless']);

interface Tried {
  held: boolean;
  failed: boolean;
}

interface TriedRule extends Tried {
  readonly clauses: Map<string, Tried>;
}

export interface Coverage {
  /** Notes the rules that are candidates of a case. */
  note(inputs: Inputs): void;
  /** Lines for a person: the counts, then what no case has tried. */
  report(): readonly string[];
}

export function createCoverage(policy: Policy): Coverage {
  const rules = new Map(
    [...policy.attestors.values()]
      .flatMap(({ all }) => all.rules)
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map((rule): [string, TriedRule] => [
        rule.name,
        {
          held: false,
          failed: false,
          clauses: new Map(writtenClauses(rule.clauses).map((each) => [label(each), fresh()])),
        },
      ]),
  );
  return {
    note(inputs) {
      const candidate = candidateOf(inputs.facts, inputs.asked);
      for (const { name, clauses } of candidatesOf(policy, inputs)) {
        const tried = rules.get(name);
        if (tried === undefined) continue;
        const ranks = clauses.map((clause) => clause.rank(candidate));
        mark(tried, Math.min(3, ...ranks));
        for (const [index, clause] of clauses.entries()) {
          const triedClause = tried.clauses.get(label(clause));
          if (triedClause !== undefined) mark(triedClause, ranks[index] ?? 1);
        }
      }
    },
    report: () => reportOf(rules),
  };
}

const fresh = (): Tried => ({ held: false, failed: false });
const writtenClauses = (clauses: readonly Clause[]) => clauses.filter(({ name }) => !unwritten.has(name));
const label = ({ name, expected }: Clause) => `${name} (${expected})`;

function mark(tried: Tried, rank: number): void {
  if (rank === 3) tried.held = true;
  if (rank === 0) tried.failed = true;
}

function reportOf(rules: ReadonlyMap<string, TriedRule>): string[] {
  const clauses = [...rules].flatMap(([rule, tried]) =>
    [...tried.clauses].map(([clause, each]) => ({ what: `${rule}: ${clause}`, ...each })),
  );
  const heldRules = [...rules.values()].filter(({ held }) => held).length;
  const both = clauses.filter(({ held, failed }) => held && failed).length;
  return [
    `${heldRules} of ${rules.size} rules held in some case; ${both} of ${clauses.length} clauses both held and failed`,
    ...[...rules].flatMap(([rule, { held }]) => (held ? [] : [`  never held    ${rule}`])),
    ...clauses.flatMap(({ what, held }) => (held ? [] : [`  never held    ${what}`])),
    ...clauses.flatMap(({ what, failed }) => (failed ? [] : [`  never failed  ${what}`])),
  ];
}
