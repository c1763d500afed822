/** A configuration whose policy has passed the cases that `policy.tests` names: no other is taken into service. */
import { setImmediate as immediate } from 'node:timers/promises';
import type { Configuration } from '../config/configuration.js';
import { loadConfiguration } from '../config/load.js';
import { ConfigurationError, type Problem } from '../config/problem.js';
import type { Policy } from '../policy/compile.js';
import { type ReadyCase, readCases } from './cases.js';
import { worldOf } from './check.js';
import { runCase, tellingOfAll } from './run.js';

/** @throws ConfigurationError with every problem of the file, and then with every case that comes out otherwise */
export async function loadTested(file: string): Promise<Configuration> {
  const configuration = await loadConfiguration(file);
  const failed: Problem[] = [];
  const policy = tellingOfAll(configuration.policy);
  const world = worldOf(configuration);
  for (const file of configuration.caseFiles) {
    for (const each of await readCases(file, world)) {
      failed.push(...faultOf(policy, each));
      // Exchanges go on meanwhile.
      await immediate();
    }
  }
  if (failed.length > 0) throw new ConfigurationError(failed);
  return configuration;
}

function faultOf(policy: Policy, each: ReadyCase): readonly Problem[] {
  const { name, faults } = runCase(policy, each);
  return faults.length === 0 ? [] : [each.tell(`${JSON.stringify(name)} comes out otherwise: ${faults.join('; ')}`)];
}
