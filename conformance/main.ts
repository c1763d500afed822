/** `counterseal-conformance`: the only reader of argv here. */
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { cases } from './cases/index.js';
import { loadProfile, ProfileError } from './profile.js';
import { renderJson } from './report/json.js';
import { renderJunit } from './report/junit.js';
import { renderCounts, renderResult } from './report/table.js';
import { runSuite } from './suite.js';

interface Options {
  readonly profile: string;
  readonly only?: string;
  readonly junit?: string;
  readonly json?: string;
}

async function run({ profile: file, only = '', junit, json }: Options): Promise<void> {
  const profile = await loadProfile(file);
  const chosen = cases.filter(({ id }) => id.startsWith(only));
  if (chosen.length === 0) throw new ProfileError(`no case begins with ${only}`);
  const print = (text: string) => void process.stdout.write(`${text}\n`);
  const results = await runSuite(profile, { cases: chosen, tell: (result) => print(renderResult(result)) });
  print(renderCounts(results));
  if (junit !== undefined) await writeFile(junit, renderJunit(profile, results));
  if (json !== undefined) await writeFile(json, renderJson(profile, results));
  if (results.some(({ verdict }) => verdict === 'fail')) process.exitCode = 1;
}

const { version } = createRequire(import.meta.url)('counterseal/package.json') as { readonly version: string };

new Command('counterseal-conformance')
  .description(
    'Holds a server for token exchange and workload federation against the standards: exit 1 when a case fails.',
  )
  .version(version)
  .requiredOption('--profile <file>', 'what the server is: where, what it claims, how evidence for it is come by')
  .option('--only <start>', 'cases whose name begins so')
  .option('--junit <file>', 'also writes the results as JUnit XML')
  .option('--json <file>', 'also writes the results as JSON')
  .action(run)
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`counterseal-conformance: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
