/** What `counterseal policy` and its commands do. */
import { writeFile } from 'node:fs/promises';
import { fail, load, orProblems, print } from './terminal.js';

interface ExplainCommand {
  readonly audit?: string;
  readonly config?: string;
  readonly facts?: string;
}

export async function explainCommand(
  decisionId: string | undefined,
  { audit, config, facts }: ExplainCommand,
): Promise<void> {
  if (decisionId === undefined && audit === undefined && config !== undefined && facts !== undefined) {
    return explainSituation(config, facts);
  }
  if (decisionId === undefined || audit === undefined || config !== undefined || facts !== undefined) {
    return fail(
      'error: give a decision id and --audit for what was decided, or --config and --facts for what would be',
    );
  }
  const { findRecord } = await import('../audit/read.js');
  const { explainRecord } = await import('../policy/explain.js');
  const record = await findRecord(audit, decisionId);
  if (record === undefined) {
    fail(
      `${audit} holds no record with decision_id ${JSON.stringify(decisionId)}: look in the older files, or on the other replicas.`,
    );
  }
  process.stdout.write(explainRecord(record));
}

async function explainSituation(config: string, file: string): Promise<void> {
  const configuration = await load(config);
  const { whatIf } = await import('../policy-tools/what-if.js');
  process.stdout.write(await orProblems(whatIf(configuration, file)));
}

export async function diffCommand({
  config,
  against,
  json,
}: {
  config: string;
  against: string;
  json?: true;
}): Promise<void> {
  const configuration = await load(config);
  const { diffPolicy, renderDifference, renderSummary } = await import('../policy-tools/diff.js');
  const summary = await diffPolicy(configuration, against, (difference) =>
    print(json ? [JSON.stringify(difference)] : [...renderDifference(difference), '']),
  );
  print([json ? JSON.stringify({ summary }) : renderSummary(summary)]);
  process.exitCode = summary.same === summary.decisions ? 0 : 1;
}

export async function matrixCommand({ config, json }: { config: string; json?: true }): Promise<void> {
  const configuration = await load(config);
  const { matrixOf, renderMatrix } = await import('../policy-tools/matrix.js');
  const matrix = matrixOf(configuration.policy);
  print(json ? JSON.stringify(matrix, null, 2).split('\n') : renderMatrix(matrix));
}

export async function lintCommand({ config, strict }: { config: string; strict?: true }): Promise<void> {
  const configuration = await load(config);
  const { lintPolicy } = await import('../policy-tools/lint.js');
  const problems = await lintPolicy(configuration, config);
  if (problems.length === 0) return print([`${config}: nothing found`]);
  const { renderProblems } = await import('../config/problem.js');
  print(renderProblems(problems).split('\n'));
  process.exitCode = strict || problems.some(({ level }) => level === undefined) ? 1 : 0;
}

interface OverlayCommand {
  readonly config: string;
  readonly with?: string;
  readonly json?: true;
}

export async function overlayCommand({ config, with: other, json }: OverlayCommand): Promise<void> {
  const { differenceOf, layersOf, renderOverlay } = await import('../policy-tools/overlay.js');
  const overlays = await orProblems(other === undefined ? layersOf(config) : differenceOf(config, other));
  if (json) return print(JSON.stringify(overlays, null, 2).split('\n'));
  const none = `${config}: nothing overlays anything: policy.include has no second entry`;
  print(overlays.length === 0 ? [none] : overlays.flatMap(renderOverlay));
}

export async function testCommand(
  named: readonly string[],
  options: { config: string; junit?: string },
): Promise<void> {
  const configuration = await load(options.config);
  const files = named.length > 0 ? named : configuration.caseFiles;
  if (files.length === 0) return fail(`error: name files with cases: ${options.config} has no policy.tests`);
  const { testPolicy } = await import('../policy-tools/test.js');
  const { lines, suites, passed } = await orProblems(testPolicy(configuration, files));
  print(lines);
  if (options.junit !== undefined) {
    const { junit } = await import('../policy-tools/junit.js');
    await writeFile(options.junit, junit(suites));
  }
  process.exitCode = passed ? 0 : 1;
}
