/** Policy in files and folders: what the layers come to, and where what is wrong with them stands. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, rename, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Configuration } from '../../src/config/configuration.js';
import { ConfigurationError, loadConfiguration } from '../../src/config/load.js';
import { createFolder, type TestFolder } from '../support/folder.js';
import { problemsOf, type sample, yaml } from './sample.js';

const calendar = 'https://calendar.example/mcp';
const rule = (scope: string) =>
  `{ workload: { attestor: prod-eu }, grant: { resource: "${calendar}", scope: [${scope}] } }`;
const resources = `resources:\n  ${calendar}: { scope: [read, write] }\n`;
const base = `${resources}rules:\n  agent: ${rule('read')}\n`;
const included = (include: string, more = '') =>
  yaml({ resources: '', rules: '', more: `policy: { include: ${include}${more} }` });

describe('config: policy.include', () => {
  let folder: TestFolder;
  beforeEach(async () => {
    folder = await createFolder();
  });
  afterEach(() => folder.remove());

  async function load(files: Readonly<Record<string, string | Uint8Array>>, include: string): Promise<Configuration> {
    await folder.write({ ...files, 'c.yaml': included(include) });
    return loadConfiguration(join(folder.path, 'c.yaml'));
  }

  /** The rendered problems without the folder's path. */
  async function problems(loading: Promise<Configuration>): Promise<readonly string[]> {
    const error = await loading.then(
      () => assert.fail('it was loaded'),
      (cause: unknown) => cause,
    );
    assert.ok(error instanceof ConfigurationError, String(error));
    return error.message.replaceAll(`${folder.path}/`, '').split('\n');
  }

  const rulesOf = ({ policy }: Configuration) => policy.attestors.get('prod-eu')?.all.rules.map(({ name }) => name);

  it('takes all files of a folder, by whatever of the two endings, and a file by its own name', async () => {
    const files = {
      'base/a.yaml': resources,
      'base/b.yml': `rules:\n  one: ${rule('read')}\n`,
      'base/README.md': '# no policy',
      'base/.draft.yaml': 'rules: {',
      'more.yaml': `rules:\n  two: ${rule('write')}\n`,
    };
    assert.deepEqual(rulesOf(await load(files, '[base, more.yaml]')), ['one', 'two']);
  });

  it('a later layer replaces an entry as a whole, adds others, and takes out with null', async () => {
    const files = {
      'base/a.yaml': `${resources}rules:\n  one: ${rule('read')}\n  two: ${rule('read')}\n  three: ${rule('read')}\n`,
      'production/a.yaml': `rules:\n  one: ${rule('write')}\n  two: null\n  four: ${rule('read')}\n`,
    };
    const { policy } = await load(files, '[base, production]');
    const grants = policy.attestors.get('prod-eu')?.all.rules.map(({ name, grant }) => [name, grant?.scope]);
    assert.deepEqual(grants, [
      ['four', ['read']],
      ['one', ['write']],
      ['three', ['read']],
    ]);
  });

  it('an entry that was taken out may come again', async () => {
    const again = `rules: { agent: ${rule('write')} }`;
    const files = { 'a.yaml': base, 'b.yaml': 'rules: { agent: null }', 'c/c.yaml': again };
    assert.deepEqual(rulesOf(await load(files, '[a.yaml, b.yaml, c]')), ['agent']);
  });

  it('the revision is that of the same policy in one file', async () => {
    const { policy } = await load(
      { 'base/a.yaml': resources, 'base/b.yaml': `rules:\n  agent: ${rule('read')}\n` },
      '[base]',
    );
    const one = yaml({ resources: resources.trim(), rules: `rules:\n  agent: ${rule('read')}` });
    await folder.write({ 'one.yaml': one });
    assert.equal(policy.revision, (await loadConfiguration(join(folder.path, 'one.yaml'))).policy.revision);
    const overlaid = await load(
      { 'x.yaml': base.replace('[read] }', '[write] }'), 'y.yaml': base },
      '[x.yaml, y.yaml]',
    );
    assert.equal(overlaid.policy.revision, policy.revision);
  });

  it('takes the clients of included files, and names that every object has', async () => {
    const clients = `clients: { toString: { workload: { attestor: prod-eu }, introspect: ["${calendar}"] } }\n`;
    const configuration = await load(
      { 'a.yaml': `${resources}${clients}rules: { constructor: ${rule('read')} }` },
      '[a.yaml]',
    );
    assert.deepEqual([rulesOf(configuration), configuration.clients.length], [['constructor'], 1]);
    assert.deepEqual(await problems(load({ 'a.yaml': 'rules: { __proto__: null }' }, '[a.yaml]')), [
      'a.yaml:1:10: unusable key (expected another name, found "__proto__")',
    ]);
    const none = load({ 'a.yaml': base, 'b.yaml': 'rules: { valueOf: null }' }, '[a.yaml, b.yaml]');
    assert.deepEqual(await problems(none), [
      'b.yaml:1:10: rules.valueOf: null takes out what an earlier layer has, and none has this',
    ]);
  });

  it('follows the links of mounted ConfigMaps', async () => {
    await folder.write({ 'base/..2026_11/a.yaml': base });
    await symlink('..2026_11', join(folder.path, 'base/..data'));
    await symlink('..data/a.yaml', join(folder.path, 'base/a.yaml'));
    assert.deepEqual(rulesOf(await load({}, '[base]')), ['agent']);
  });

  it('every problem has the place of the file that its entry stands in', async () => {
    const files = {
      'base/a.yaml': `${resources}conditions:\n  office: { time: { days: [mon], from: "08:00", to: "18:00", zone: Europe/Berlin } }\n`,
      'base/b.yaml': `rules:\n  agent: ${rule('read')}\n  other:\n    workload: { attestor: prod-us }\n    conditions: [offise]\n    deny: { resource: "*" }\n`,
      'production/a.yaml': `rules:\n\n  agent: ${rule('wriet')}\n`,
    };
    assert.deepEqual(await problems(load(files, '[base, production]')), [
      'base/b.yaml:4:27: rules.other.workload.attestor: no attestor has this name (expected one of prod-eu, found "prod-us"; did you mean prod-eu?)',
      'base/b.yaml:5:18: rules.other.conditions[0]: no condition has this name (expected one of office, found "offise"; did you mean office?)',
      `production/a.yaml:3:104: rules.agent.grant.scope[0]: the resource has no such scope (expected one of read, write, found "wriet"; did you mean write?)`,
    ]);
  });

  it('what is wrong with an entry is told although a later layer replaces it', async () => {
    const files = {
      'a.yaml': `${resources}rules:\n  agent: { deny: {} }\n`,
      'b.yaml': `rules: { agent: ${rule('read')} }`,
    };
    assert.match(
      (await problems(load(files, '[a.yaml, b.yaml]'))).join('\n'),
      /^a\.yaml:4:10: rules\.agent\.workload: missing key/,
    );
  });

  it('one name in two files of a layer is refused, with both places', async () => {
    const files = { 'base/a.yaml': base, 'base/b.yaml': `rules:\n  agent: ${rule('write')}\n` };
    assert.deepEqual(await problems(load(files, '[base]')), [
      'base/b.yaml:2:3: rules.agent: base/a.yaml:4:3 has this name too, in the same layer: keep one of them',
    ]);
  });

  it('null for what no earlier layer has is refused, with the name that is near', async () => {
    const files = { 'a.yaml': base, 'b.yaml': 'rules: { agnet: null }' };
    assert.deepEqual(await problems(load(files, '[a.yaml, b.yaml]')), [
      'b.yaml:1:10: rules.agnet: null takes out what an earlier layer has, and none has this (did you mean agent?)',
    ]);
    assert.match(
      (await problems(load({ 'a.yaml': 'rules: { agent: null }' }, '[a.yaml]'))).join(),
      /and none has this/,
    );
  });

  it('says nothing of what only seems to be missing because its file is wrong', async () => {
    const files = { 'a.yaml': base.replace('read] }', 'read], lifetime: x }'), 'b.yaml': 'rules: { agent: null }' };
    assert.equal((await problems(load(files, '[a.yaml, b.yaml]'))).length, 1);
  });

  it('a section stands in the file or in what it includes, not in both', async () => {
    await folder.write({ 'a.yaml': base, 'c.yaml': yaml({ resources: '', more: 'policy: { include: [a.yaml] }' }) });
    assert.deepEqual(await problems(loadConfiguration(join(folder.path, 'c.yaml'))), [
      'c.yaml:7:1: rules: with policy.include it stands in the included files: move it there',
    ]);
  });

  it('says of a section that no file has that it is missing, where the files are named', async () => {
    assert.deepEqual(await problems(load({ 'a.yaml': 'rules: {}' }, '[a.yaml]')), [
      'c.yaml:1:20: resources: missing key (expected a map from resource URI to resource)',
    ]);
    assert.equal((await load({ 'a.yaml': 'rules: {}\nresources: {}' }, '[a.yaml]')).policy.ruleCount, 0);
  });

  const absent = 'it cannot be read: there is no such file (ENOENT): check its path';
  for (const [what, files, include, ...told] of [
    ['a path that is not there', {}, '[none]', `c.yaml:1:21: policy.include[0]: ${absent}`],
    [
      'an empty folder',
      { 'base/README.md': '' },
      '[base]',
      'c.yaml:1:21: policy.include[0]: it has no file *.yaml or *.yml in it',
    ],
    [
      'a folder with a folder in it',
      { 'policy/base/a.yaml': base, 'policy/b.yaml': 'rules: {}' },
      '[policy]',
      'c.yaml:1:21: policy.include[0]: it has the folder base in it: name that one by itself',
    ],
    ['an empty file', { 'a.yaml': '' }, '[a.yaml]', 'a.yaml:1:1: the file is empty'],
    [
      'a file of a comment',
      { 'base/a.yaml': base, 'base/b.yaml': '# nothing' },
      '[base]',
      'base/b.yaml:1:1: the file is empty',
    ],
    [
      'a list',
      { 'a.yaml': '- a' },
      '[a.yaml]',
      'a.yaml:1:1: wrong value (expected a map with resources, conditions, rules, clients, found a list)',
    ],
    [
      'sections without a value',
      { 'a.yaml': 'rules:' },
      '[a.yaml]',
      'a.yaml:1:7: rules: wrong value (expected a map from name to rule, found null)',
    ],
    [
      'keys of the configuration, and misspelt ones',
      { 'a.yaml': `${base}issuer: https://evil.example\nrule: {}\nconstructor: {}` },
      '[a.yaml]',
      'a.yaml:5:1: issuer: unknown key (expected only resources, conditions, rules, clients in an included file)',
      'a.yaml:6:1: rule: unknown key (expected only resources, conditions, rules, clients in an included file; did you mean rules?)',
      'a.yaml:7:1: constructor: unknown key (expected only resources, conditions, rules, clients in an included file)',
    ],
    [
      'what is not UTF-8',
      { 'a.yaml': Buffer.from('rules: { \xe9: null }', 'latin1') },
      '[a.yaml]',
      'a.yaml:1:1: cannot be read: it is not UTF-8: save it as UTF-8',
    ],
    [
      'the same path twice',
      { 'a.yaml': base },
      '[a.yaml, a.yaml]',
      'c.yaml:1:20: policy.include: wrong value (expected a list of at least one path, each once, found a list)',
    ],
  ] as const) {
    it(`refuses ${what}`, async () => assert.deepEqual(await problems(load(files, include)), told));
  }

  it('refuses aliases that unfold without end, with their place', async () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [at, from] of ['ba', 'cb', 'dc'].map((pair) => [pair[0], pair[1]])) {
      bomb.push(`${at}: &${at} [${Array.from({ length: 10 }, () => `*${from}`).join()}]`);
    }
    const told = await problems(load({ 'a.yaml': bomb.join('\n') }, '[a.yaml]'));
    assert.match(told.join('\n'), /^a\.yaml:2:8: not usable YAML: Excessive alias count/);
  });

  it('refuses a file of more than 4 MiB without reading it', async () => {
    await folder.write({ 'a.yaml': base });
    await truncate(join(folder.path, 'a.yaml'), 2 ** 40);
    assert.deepEqual(await problems(load({}, '[a.yaml]')), [
      'a.yaml:1:1: cannot be read: it has more than 4 MiB: divide it',
    ]);
  });

  it('does not wait for a pipe, alone or in a folder', async () => {
    await mkdir(join(folder.path, 'base'));
    for (const pipe of ['pipe.yaml', 'base/pipe.yaml']) execFileSync('mkfifo', [join(folder.path, pipe)]);
    assert.deepEqual(await problems(load({}, '[pipe.yaml, base]')), [
      'c.yaml:1:21: policy.include[0]: it is neither a file nor a folder: name one',
      'c.yaml:1:32: policy.include[1]: pipe.yaml in it is no file: take it away',
    ]);
  });

  it('refuses a link that leads nowhere, and one that leads to itself', async () => {
    await mkdir(join(folder.path, 'base'));
    await symlink('gone.yaml', join(folder.path, 'base/a.yaml'));
    await symlink('loop', join(folder.path, 'loop'));
    assert.deepEqual(await problems(load({}, '[base, loop]')), [
      `c.yaml:1:21: policy.include[0]: ${absent}`,
      'c.yaml:1:27: policy.include[1]: it cannot be read: ELOOP: check its path and rights',
    ]);
  });

  it('refuses tests that are not there', async () => {
    await folder.write({ 'a.yaml': base, 'c.yaml': included('[a.yaml]', ', tests: none') });
    assert.deepEqual(await problems(loadConfiguration(join(folder.path, 'c.yaml'))), [
      `c.yaml:1:37: policy.tests: ${absent}`,
    ]);
  });

  it('never takes half of one state and half of another', async () => {
    const files = Array.from({ length: 10 }, (_, index) => `base/r${index}.yaml`);
    for (const [state, scope] of [
      ['v0', 'read'],
      ['v1', 'write'],
    ] as const) {
      const rules = files.map((file, index) => [file.replace('base', state), `rules: { r${index}: ${rule(scope)} }`]);
      await folder.write({ [`${state}/a.yaml`]: resources, ...Object.fromEntries(rules) });
    }
    const swap = async (state: number) => {
      await symlink(`v${state}`, join(folder.path, 'next'));
      await rename(join(folder.path, 'next'), join(folder.path, 'base'));
    };
    await swap(0);
    await folder.write({ 'c.yaml': included(`[base/a.yaml, ${files.join(', ')}]`) });
    for (let turn = 1; turn <= 40; turn += 1) {
      const loading = loadConfiguration(join(folder.path, 'c.yaml')).catch((error: unknown) => error as Error);
      for (let waited = 0; waited < turn; waited += 1) await new Promise(setImmediate);
      await swap(turn % 2);
      const loaded = await loading;
      if (loaded instanceof Error) assert.match(loaded.message, /the files changed while they were read: try again$/);
      else
        assert.equal(
          new Set(loaded.policy.attestors.get('prod-eu')?.all.rules.map(({ grant }) => String(grant?.scope))).size,
          1,
        );
    }
  });
});

describe('config: policy, read as a text alone', () => {
  const check = (changes: Partial<typeof sample>, ...told: readonly string[]) =>
    assert.deepEqual(problemsOf(yaml(changes)), told);

  it('refuses what it would have to read', () =>
    check(
      { more: 'policy: { include: [a] }' },
      'c.yaml:1:20: policy.include: files cannot be included where only a text is read',
    ));

  it('refuses unknown keys and wrong values', () =>
    check(
      { more: 'policy: { tets: a, include: [] }' },
      'c.yaml:1:11: policy.tets: unknown key (did you mean tests?)',
      'c.yaml:1:29: policy.include: files cannot be included where only a text is read',
      'c.yaml:1:29: policy.include: wrong value (expected a list of at least one path, found an empty list)',
    ));
});
