/** `counterseal policy test`: the cases of a policy, and which rules and clauses they have tried. */
import type { Configuration } from '../config/configuration.js';
import { readCases } from '../policy-cases/cases.js';
import { worldOf } from '../policy-cases/check.js';
import { type CaseResult, runCase, tellingOfAll } from '../policy-cases/run.js';
import { createCoverage } from './coverage.js';
import type { Suite } from './junit.js';

export interface TestReport {
  readonly suites: readonly Suite[];
  /** Lines for a person. */
  readonly lines: readonly string[];
  readonly passed: boolean;
}

/** @throws ConfigurationError with every problem of the first file that has one */
export async function testPolicy(configuration: Configuration, files: readonly string[]): Promise<TestReport> {
  const policy = tellingOfAll(configuration.policy);
  const world = worldOf(configuration);
  const coverage = createCoverage(policy);
  const suites: Suite[] = [];
  for (const file of files) {
    const cases = await readCases(file, world);
    for (const each of cases) coverage.note(each);
    suites.push({ file, results: cases.map((each) => runCase(policy, each)) });
  }
  const results = suites.flatMap((suite) => suite.results);
  const failed = results.filter(({ faults }) => faults.length > 0).length;
  const lines = [
    ...suites.flatMap(suiteLines),
    '',
    `${results.length - failed} passed, ${failed} failed`,
    ...coverage.report(),
  ];
  return { suites, lines, passed: failed === 0 };
}

const suiteLines = ({ file, results }: Suite): string[] => [file, ...results.flatMap(resultLines)];

function resultLines({ name, place, faults }: CaseResult): string[] {
  if (faults.length === 0) return [`  ✓ ${name}`];
  return [`  ✗ ${name} (${place})`, ...faults.map((fault) => `      ${fault}`)];
}
