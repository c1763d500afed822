/** `counterseal policy test`: the cases of a policy, and which rules and clauses they have tried. */
import type { Configuration } from '../config/configuration.js';
import type { Supply } from '../policy/check.js';
import { sourceFacts } from '../policy/conditions/posture-sources.js';
import { suppliedBy } from '../posture-sources/schema.js';
import { readCases, type World } from './cases.js';
import { createCoverage } from './coverage.js';
import type { Suite } from './junit.js';
import { withCandidates } from './replay.js';
import { type CaseResult, runCase } from './run.js';

export interface TestReport {
  readonly suites: readonly Suite[];
  /** Lines for a person. */
  readonly lines: readonly string[];
  readonly passed: boolean;
}

/** @throws ConfigurationError with every problem of the first file that has one */
export async function testPolicy(configuration: Configuration, files: readonly string[]): Promise<TestReport> {
  // With verdicts on every rule, so that a case may name any of them, however many there are.
  const policy = withCandidates(configuration.policy, ({ rules }) => rules);
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

/** What the attestors and sources of a configuration can give. */
export function worldOf({ attestors, environment, postureSources }: Configuration): World {
  const ofSources = sourceFacts(suppliedBy(postureSources));
  const supply = [...attestors].map(([name, { type, options }]): [string, Supply] => [
    name,
    {
      selectorKinds: [...type.selectorKinds, ...(type.mappedKinds?.(options) ?? [])],
      facts: [...type.facts, ...ofSources],
      ...(type.nodeKind && { nodeKind: type.nodeKind }),
    },
  ]);
  return { environment, attestors: new Map(supply) };
}

const suiteLines = ({ file, results }: Suite): string[] => [file, ...results.flatMap(resultLines)];

function resultLines({ name, place, faults }: CaseResult): string[] {
  if (faults.length === 0) return [`  ✓ ${name}`];
  return [`  ✗ ${name} (${place})`, ...faults.map((fault) => `      ${fault}`)];
}
