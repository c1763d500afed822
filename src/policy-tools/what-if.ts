/** `counterseal policy explain --facts`: what would be decided. */
import type { Configuration } from '../config/configuration.js';
import { decide } from '../policy/decide.js';
import { explainDecision } from '../policy/explain.js';
import { readSituation, worldOf } from '../policy-cases/cases.js';

/** @throws ConfigurationError with every problem of the file */
export async function whatIf(configuration: Configuration, file: string): Promise<string> {
  const { policy } = configuration;
  const inputs = await readSituation(file, worldOf(configuration));
  return explainDecision(decide(policy, inputs.facts, inputs.asked), inputs, policy.revision);
}
