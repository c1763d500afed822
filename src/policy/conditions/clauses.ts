/** The conditions of rules as clauses: one for each thing that a condition asks. */
import { type Clause, type Condition, type Hope, permittingUnknown, sharedCondition } from '../match.js';
import { checksOf } from './index.js';
import type { PostureSources } from './posture-sources.js';
import type { Conditions, RuleCondition } from './schema.js';

export interface RuleConditions {
  readonly clauses: readonly Clause[];
  /** Names of the facts and claims that they read, such as `posture.kubelet` and `claims.repository`. */
  readonly reads: readonly string[];
}

export type ConditionCompiler = (conditions: readonly RuleCondition[], hope: Hope) => RuleConditions;

/** @param named by name; each is compiled once for grants and once for denies, and shared by all rules that name it */
export function createConditionCompiler(named: Conditions, sources: PostureSources): ConditionCompiler {
  const compileCondition = conditionCompiler(sources);
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

const conditionCompiler =
  (sources: PostureSources) =>
  /** @param as how records name the condition: where it stands in the configuration */
  (as: string, condition: Conditions[string], hope: Hope, share = (each: Condition) => each): RuleConditions => {
    const { kind, checks } = checksOf(condition, sources);
    const permit = condition.unknown === 'permit' ? permittingUnknown : (each: Condition) => each;
    return {
      clauses: checks.map((check) => {
        const name = check.key === kind ? `${as}.${kind}` : `${as}.${kind}.${check.key}`;
        return Object.freeze({ ...share(permit(check.condition(hope))), name });
      }),
      reads: checks.flatMap(({ reads }) => reads),
    };
  };
