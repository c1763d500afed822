import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfiguration } from '../../src/config/load.js';
import { renderProblems } from '../../src/config/problem.js';
import { lintPolicy } from '../../src/policy-tools/lint.js';
import { calendar } from '../policy/samples.js';

export const head = `issuer: https://sts.example
trustDomain: example.com
environment: production
store: { type: embedded, path: store }
audit: { durability: relaxed, sinks: [{ type: stdout }] }
attestors:
  eu: { type: kubernetes, issuer: "https://eu.example", keys: { jwksFile: eu.json } }
  us: { type: kubernetes, issuer: "https://us.example", api: in-cluster, live: {} }
resources: { ${calendar}: { scope: [read, write] } }
`;
export const grant = `grant: { resource: ${calendar}, scope: [read] }`;
export const agents = 'workload: { attestor: us, selectors: ["k8s:ns:agents"] }';

/** A folder for the files of one suite, and what is found in them. */
export function createLinting() {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-lint-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Findings without the file, as `line:column: path: message`; the first rule stands in line 12. */
  async function lint(rules: readonly string[], given: { start?: string; conditions?: string } = {}) {
    return (await told(rules, given)).filter((line) => !line.includes(': note: '));
  }

  /** The notes alone, in the same form. */
  async function notes(rules: readonly string[], attestor = '', now?: number) {
    const start = head.replace('resources:', `${attestor}\nresources:`);
    return (await told(rules, { start, now })).filter((line) => line.includes(': note: '));
  }

  async function told(
    rules: readonly string[],
    { start = head, conditions = '{}', now }: { start?: string; conditions?: string; now?: number | undefined },
  ) {
    const file = join(folder, 'counterseal.yaml');
    const source = `${start}conditions: ${conditions}\nrules:\n${rules.map((rule) => `  ${rule}\n`).join('')}`;
    await writeFile(file, source);
    const problems = await lintPolicy(parseConfiguration(file, source), file, now);
    return renderProblems(problems)
      .replaceAll(`${file}:`, '')
      .split('\n')
      .filter((line) => line !== '');
  }

  return { lint, notes, folder: () => folder };
}
