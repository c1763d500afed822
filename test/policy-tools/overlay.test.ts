import assert from 'node:assert/strict';
import { join } from 'node:path';
import { differenceOf, layersOf, type Overlay, renderOverlay } from '../../src/policy-tools/overlay.js';
import { yaml } from '../config/sample.js';
import { createFolder, type TestFolder } from '../support/folder.js';

const calendar = 'https://calendar.example/mcp';
const rule = (scope: string, more = '') =>
  `{ workload: { attestor: prod-eu }, ${more}grant: { resource: "${calendar}", scope: [${scope}] } }`;

describe('policy overlay', () => {
  let folder: TestFolder;
  before(async () => {
    folder = await createFolder();
    const configuration = (include: string) =>
      yaml({ resources: '', rules: '', more: `policy: { include: [${include}] }` });
    await folder.write({
      'production.yaml': configuration('base, production'),
      'staging.yaml': configuration('base, staging.d, again.yaml'),
      'one.yaml': yaml({ rules: `rules:\n  agent: ${rule('read:calendar')}` }),
      'base/a.yaml': `resources:
  ${calendar}: { scope: [read, write], lifetime: 10m }
rules:
  agent: ${rule('read')}
  sandbox: ${rule('read')}
`,
      'production/a.yaml': `resources:
  ${calendar}: { scope: [read, write], lifetime: 5m }
rules:
  agent: ${rule('read, write', 'conditions: [office], ')}
  sandbox: ~
  stop: { workload: { attestor: prod-eu }, deny: { resource: "*" } }
conditions:
  office: { environment: [production] }
`,
      'staging.d/a.yaml': 'rules: { sandbox: null }',
      'again.yaml': `rules:\n  sandbox: ${rule('read')}\n  agent: ${rule('read')}\n`,
    });
  });
  after(() => folder.remove());

  const told = (overlays: readonly Overlay[]) =>
    overlays.flatMap(renderOverlay).map((line) => line.replaceAll(`${folder.path}/`, ''));
  const layers = async (file: string) => told(await layersOf(join(folder.path, file)));
  const difference = async (file: string, other: string) =>
    told(await differenceOf(join(folder.path, file), join(folder.path, other)));

  it('tells of each later layer what it adds, replaces with which keys, and takes out, with the places of both', async () => {
    assert.deepEqual(await layers('production.yaml'), [
      'production: 2 added, 2 replaced, 1 removed',
      '  + conditions.office',
      '      here    production/a.yaml:8:3',
      `  ~ resources["${calendar}"]`,
      '      here    production/a.yaml:2:3',
      '      before  base/a.yaml:2:3',
      '      lifetime: "10m" → "5m"',
      '  ~ rules.agent',
      '      here    production/a.yaml:4:3',
      '      before  base/a.yaml:4:3',
      '      conditions: not there → ["office"]',
      '      grant.scope: ["read"] → ["read","write"]',
      '  - rules.sandbox',
      '      here    production/a.yaml:5:3',
      '      before  base/a.yaml:5:3',
      '  + rules.stop',
      '      here    production/a.yaml:6:3',
    ]);
  });

  it('compares each layer with all before it: one that was taken out is added, and one may say the same again', async () => {
    assert.deepEqual(
      (await layers('staging.yaml')).filter((line) => !/here|before/.test(line)),
      [
        'staging.d: 0 added, 0 replaced, 1 removed',
        '  - rules.sandbox',
        'again.yaml: 1 added, 1 replaced, 0 removed',
        '  ~ rules.agent',
        '      the same again',
        '  + rules.sandbox',
      ],
    );
  });

  it('has nothing to tell of a policy in one file', async () => assert.deepEqual(await layers('one.yaml'), []));

  it('tells what another configuration has otherwise, whatever files it stands in, and nothing of what is the same', async () => {
    assert.deepEqual((await difference('staging.yaml', 'one.yaml')).slice(1, 5), [
      `  ~ resources["${calendar}"]`,
      '      here    one.yaml:7:3',
      '      before  base/a.yaml:2:3',
      '      lifetime: "10m" → not there',
    ]);
    assert.match(
      (await difference('production.yaml', 'staging.yaml'))[0] ?? '',
      /^staging\.yaml: 1 added, 2 replaced, 2 removed$/,
    );
    assert.deepEqual(await difference('staging.yaml', 'staging.yaml'), [
      'staging.yaml: 0 added, 0 replaced, 0 removed',
    ]);
  });

  it('names the values and their places in JSON', async () => {
    const [{ changes = [] } = {}] = await layersOf(join(folder.path, 'production.yaml'));
    const sandbox = changes.find(({ entry }) => entry === 'rules.sandbox');
    assert.deepEqual(JSON.parse(JSON.stringify(sandbox)), {
      entry: 'rules.sandbox',
      change: 'removed',
      before: {
        place: join(folder.path, 'base/a.yaml:5:3'),
        value: { workload: { attestor: 'prod-eu' }, grant: { resource: calendar, scope: ['read'] } },
      },
      after: { place: join(folder.path, 'production/a.yaml:5:3'), value: null },
      keys: [],
    });
  });
});
