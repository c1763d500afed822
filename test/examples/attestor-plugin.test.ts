/** The tests that the example package brings, run as its author runs them: from its folder, on the public exports. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installExample } from '../support/plugin-folder.js';

const folder = await mkdtemp(join(tmpdir(), 'counterseal-example-'));
const example = await installExample(folder);

describe('examples/attestor-plugin', () => {
  after(() => rm(folder, { recursive: true }));
});
await import(pathToFileURL(join(example, 'test/machine-key.test.js')).href);
