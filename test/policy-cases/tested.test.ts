import assert from 'node:assert/strict';
import { join } from 'node:path';
import { ConfigurationError } from '../../src/config/load.js';
import { loadTested } from '../../src/policy-cases/tested.js';
import { yaml } from '../config/sample.js';
import { createFolder, type TestFolder } from '../support/folder.js';

const expecting = (reason: string) => `cases:
  - name: a stranger
    at: "2026-11-18T10:00:00Z"
    workload: { attestor: prod-eu }
    expect: { reason: ${reason} }
`;

describe('policy.tests', () => {
  let folder: TestFolder;
  before(async () => {
    folder = await createFolder();
  });
  after(() => folder.remove());

  async function problems(files: Readonly<Record<string, string | Uint8Array>>, tests = 'cases'): Promise<string> {
    await folder.write({ ...files, 'c.yaml': yaml({ more: `policy: { tests: ${tests} }` }) });
    try {
      await loadTested(join(folder.path, 'c.yaml'));
      return '';
    } catch (error) {
      assert.ok(error instanceof ConfigurationError, String(error));
      return error.message.replaceAll(`${folder.path}/`, '');
    }
  }

  it('gives the configuration when every case of every file comes out, the policy in the file itself', async () => {
    assert.equal(await problems({ 'cases/a.yaml': expecting('no_target'), 'cases/b.yml': expecting('no_target') }), '');
  });

  it('refuses it when one does not, and tells all that do not, with place, expected and got', async () => {
    const files = { 'cases/b.yml': expecting('denied_by_rule'), 'cases/c.yaml': expecting('no_rule_grants') };
    assert.equal(
      await problems(files),
      `cases/b.yml:2:5: cases[0]: "a stranger" comes out otherwise: reason: expected "denied_by_rule", got "no_target"
cases/c.yaml:2:5: cases[0]: "a stranger" comes out otherwise: reason: expected "no_rule_grants", got "no_target"`,
    );
  });

  it('refuses it when cases cannot be read or mean nothing', async () => {
    const told = await problems({ 'one.yaml': Buffer.from('cases: \xe9', 'latin1') }, 'one.yaml');
    assert.equal(told, 'one.yaml:1:1: cannot be read: it is not UTF-8: save it as UTF-8');
    assert.match(await problems({ 'one.yaml': 'cases: []' }, 'one.yaml'), /^one\.yaml:1:8: cases: wrong value/);
    assert.match(
      await problems({ 'one.yaml': expecting('no_target').replace('prod-eu', 'prod-us') }, 'one.yaml'),
      /^one\.yaml:4:27: cases\[0\]\.workload\.attestor: no attestor has this name/,
    );
  });
});
