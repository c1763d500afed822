/** A configuration whose policy has passed the cases that `policy.tests` names: no other is taken into service. */
import type { Configuration } from '../config/configuration.js';
import { loadConfiguration } from '../config/load.js';
import { ConfigurationError, type Problem } from '../config/problem.js';
import { readCases, worldOf } from './cases.js';
import { runCase } from './run.js';

/** @throws ConfigurationError with every problem of the file, and then with every case that comes out otherwise */
export async function loadTested(file: string): Promise<Configuration> {
  const configuration = await loadConfiguration(file);
  const failed: Problem[] = [];
  for (const caseFile of configuration.caseFiles) failed.push(...(await failedCases(configuration, caseFile)));
  if (failed.length > 0) throw new ConfigurationError(failed);
  return configuration;
}

async function failedCases(configuration: Configuration, file: string): Promise<readonly Problem[]> {
  const cases = await readCases(file, worldOf(configuration));
  return cases.flatMap((each) => {
    const { name, faults } = runCase(configuration.policy, each);
    return faults.length === 0 ? [] : [each.tell(`${JSON.stringify(name)} comes out otherwise: ${faults.join('; ')}`)];
  });
}
