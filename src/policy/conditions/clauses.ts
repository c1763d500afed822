/** The conditions of rules as clauses: one for each fact that a condition asks about. */
import { type Clause, type Condition, type Hope, sharedCondition } from '../match.js';
import { postureChecks, postureCondition } from './posture.js';
import type { Conditions, RuleCondition } from './schema.js';

export interface RuleConditions {
  readonly clauses: readonly Clause[];
  /** Names of the facts of posture that they read, without `posture.`. */
  readonly reads: readonly string[];
}

export type ConditionCompiler = (conditions: readonly RuleCondition[], hope: Hope) => RuleConditions;

/** @param named by name; each is compiled once for grants and once for denies, and shared by all rules that name it */
export function createConditionCompiler(named: Conditions): ConditionCompiler {
  const compileNamed = (hope: Hope) =>
    new Map(
      Object.entries(named).map(([name, condition]) => [
        name,
        compileCondition(`conditions.${name}`, condition, hope, sharedCondition),
      ]),
    );
  const byName = { holds: compileNamed('holds'), fails: compileNamed('fails') };
  return (conditions, hope) => {
    const compiled = conditions.map((condition, index) => {
      if (typeof condition !== 'string') return compileCondition(`conditions[${index}]`, condition, hope);
      const found = byName[hope].get(condition);
      if (found === undefined) throw new Error(`no condition is named ${condition}`);
      return found;
    });
    return { clauses: compiled.flatMap(({ clauses }) => clauses), reads: compiled.flatMap(({ reads }) => reads) };
  };
}

/** @param as how records name the condition: where it stands in the configuration */
function compileCondition(
  as: string,
  { posture }: Conditions[string],
  hope: Hope,
  share = (condition: Condition) => condition,
): RuleConditions {
  const checks = postureChecks(posture);
  return {
    clauses: checks.map((check) =>
      Object.freeze({ ...share(postureCondition(check, hope)), name: `${as}.posture.${check.key}` }),
    ),
    reads: checks.map(({ fact }) => fact),
  };
}
