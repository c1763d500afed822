/** `counterseal policy explain --facts`: what would be decided. */
import type { Configuration } from '../config/configuration.js';
import { candidatesOf } from '../policy/candidates.js';
import type { Policy } from '../policy/compile.js';
import { decide } from '../policy/decide.js';
import type { Decision } from '../policy/decision.js';
import { explainDecision } from '../policy/explain.js';
import type { Inputs } from '../policy/facts.js';
import { readSituation } from '../policy-cases/cases.js';
import { worldOf } from '../policy-cases/check.js';

/** @throws ConfigurationError with every problem of the file */
export async function whatIf(configuration: Configuration, file: string): Promise<string> {
  const { policy } = configuration;
  const inputs = await readSituation(file, worldOf(configuration));
  const decision = decide(policy, inputs.facts, inputs.asked);
  const missing = unanswered(policy, inputs, decision).map(
    (key) => `            The file has no answer under external: ${key}\n`,
  );
  return explainDecision(decision, inputs, policy.revision) + missing.join('');
}

/** Keys of decision points that rules which are unknown ask, and of which the file says nothing: nobody is asked here. */
function unanswered(policy: Policy, inputs: Inputs, { rules }: Decision): readonly string[] {
  const { external = {}, workload } = inputs.facts;
  const open = new Set(rules.flatMap(({ rule, verdict }) => (verdict === 'unknown' ? [rule] : [])));
  const lookups = candidatesOf(policy, inputs).flatMap((rule) => (open.has(rule.name) ? rule.lookups : []));
  const keys = lookups.flatMap(({ kind, key }) => (kind === 'external' ? [key] : []));
  return [...new Set(keys)].filter(
    (key) => !Object.hasOwn(external, key) && !Object.hasOwn(workload.unknown, `external.${key}`),
  );
}
