import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { loadConfiguration } from '../../src/config/load.js';
import { lintPolicy } from '../../src/policy-tools/lint.js';
import { testPolicy } from '../../src/policy-tools/test.js';
import { root } from '../support/command-line.js';

const folder = join(root, 'examples/policies');
/** The configurations of each folder: all in it but the cases. */
const examples = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => join(name, file)))
  .filter((file) => file.endsWith('.yaml') && basename(file) !== 'cases.yaml');

describe('examples/policies', () => {
  it('are there', () => assert.ok(examples.length >= 5));

  for (const name of examples) {
    it(`${name}: every case comes out, every rule has held, every clause has held and failed, and lint has notes at most`, async () => {
      const file = join(folder, name);
      const configuration = await loadConfiguration(file);
      const found = (await lintPolicy(configuration, file)).filter(({ level }) => level !== 'note');
      assert.deepEqual(found, []);
      const { caseFiles } = configuration;
      const beside = [join(dirname(file), 'cases.yaml')];
      const { lines, passed } = await testPolicy(configuration, caseFiles.length > 0 ? caseFiles : beside);
      assert.ok(passed, lines.join('\n'));
      const [coverage = '', ...untried] = lines.slice(lines.findIndex((line) => line.includes(' rules held ')));
      assert.deepEqual(untried, []);
      assert.match(coverage, /^(\d+) of \1 rules held in some case; (\d+) of \2 clauses both held and failed$/);
    });
  }
});
