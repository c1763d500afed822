/** Changed files of an included policy, and of its tests: taken as a whole and at once, or not at all and loudly. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { calendar, send, startService, type TestService } from '../support/service.js';

const resources = `resources: { "${calendar}": { scope: [read:calendar, write:events], lifetime: 10m } }\n`;
const agents = 'workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }';
const grant = (scope: string) =>
  `rules: { agent: { ${agents}, grant: { resource: "${calendar}", scope: [${scope}] } } }\n`;
const deny = `rules: { stop: { ${agents}, deny: { resource: "*" } } }\n`;
const cases = (scope: string) => `cases:
  - name: an agent
    at: "2026-11-18T10:00:00Z"
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    expect: { reason: granted, granted: { resource: "${calendar}", scope: [${scope}], lifetime: 600 } }
`;

describe('a changed file of an included policy', function () {
  this.timeout(30_000);
  let service: TestService;
  afterEach(() => service.close());

  const at = (...parts: string[]) => join(service.folder, ...parts);

  /** @param policy the block of the configuration */
  async function started(policy: string, files: Readonly<Record<string, string>>): Promise<void> {
    const prepare = async (folder: string) => {
      const file = join(folder, 'counterseal.yaml');
      const [head = ''] = (await readFile(file, 'utf8')).split('resources:');
      const all = { ...files, 'counterseal.yaml': `${head}policy: ${policy}\n` };
      for (const [name, text] of Object.entries(all)) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), text);
      }
    };
    service = await startService({ prepare });
  }

  async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
    const late = Date.now() + 10_000;
    while (!(await isSo())) {
      assert.ok(Date.now() < late, `${what} in time; warnings: ${service.warnings.join(' | ')}`);
      await sleep(100);
    }
  }

  async function write(name: string, text: string): Promise<void> {
    await writeFile(at(name), text);
    await service.noteFiles();
  }

  const scope = async () => (await service.exchange()).body.scope;
  const ready = async () => (await send(`${service.healthUrl}/readyz`, {})).body;
  const refused = async () => (await ready()).policy_file_refused === true;
  const taken = (revision: unknown) =>
    until(async () => (await ready()).policy_revision !== revision, 'the new policy');

  it('decides by what the folder says, as files in it change, come and go', async () => {
    await started('{ include: [base, more] }', { 'base/a.yaml': resources, 'more/a.yaml': grant('read:calendar') });
    assert.equal(await scope(), 'read:calendar');
    let { policy_revision: before } = await ready();
    await write('more/a.yaml', grant('write:events'));
    await taken(before);
    assert.equal(await scope(), 'write:events');
    ({ policy_revision: before } = await ready());
    await write('base/stop.yaml', deny);
    await taken(before);
    assert.equal((await service.exchange()).status, 400);
    ({ policy_revision: before } = await ready());
    await rm(at('base/stop.yaml'));
    await taken(before);
    assert.equal(await scope(), 'write:events');
  });

  it('changes nothing when one of them is wrong, and says so with its place until it is mended', async () => {
    await started('{ include: [base] }', { 'base/a.yaml': resources, 'base/b.yaml': grant('read:calendar') });
    for (const [file, text, told] of [
      ['base/b.yaml', grant('read:calender'), /base\/b\.yaml:1:\d+: .*read:calender/],
      ['base/c.yaml', '', /base\/c\.yaml:1:1: the file is empty/],
    ] as const) {
      await write(file, text);
      await until(refused, 'the refusal');
      assert.match(service.warnings.join('\n'), told);
      assert.equal(await scope(), 'read:calendar');
      await (file === 'base/c.yaml' ? rm(at(file)) : write(file, grant('read:calendar')));
      await until(async () => !(await refused()), 'the mended file');
    }
  });

  it('goes on when a folder is gone, and takes it when it is back; also one that is named before it is there', async () => {
    await started('{ include: [base] }', { 'base/a.yaml': `${resources}${grant('read:calendar')}` });
    await rename(at('base'), at('away'));
    await until(refused, 'the refusal');
    assert.equal(await scope(), 'read:calendar');
    await rename(at('away'), at('base'));
    await until(async () => !(await refused()), 'the folder');
    const text = await readFile(at('counterseal.yaml'), 'utf8');
    await writeFile(at('counterseal.yaml'), text.replace('[base]', '[base, later]'));
    await until(refused, 'the refusal');
    await mkdir(at('later'));
    await write('later/a.yaml', grant('write:events'));
    await until(async () => (await scope()) === 'write:events', 'the new folder');
    assert.equal(await refused(), false);
  });

  it('takes no policy whose tests fail, tells the case, and takes it with tests that it passes', async () => {
    await started('{ include: [base], tests: tests }', {
      'base/a.yaml': `${resources}${grant('read:calendar')}`,
      'tests/a.yaml': cases('read:calendar'),
    });
    await write('base/a.yaml', `${resources}${grant('write:events')}`);
    await until(refused, 'the refusal');
    assert.equal(await scope(), 'read:calendar');
    assert.match(
      service.warnings.join('\n'),
      /tests\/a\.yaml:2:5: cases\[0\]: "an agent" comes out otherwise: granted: expected \{.*read:calendar.*\}, got \{.*write:events/,
    );
    assert.match(await (await fetch(`${service.healthUrl}/metrics`)).text(), /counterseal_policy_file_refused 1/);
    await write('tests/a.yaml', cases('write:events'));
    await until(async () => (await scope()) === 'write:events', 'the new policy');
    assert.equal(await refused(), false);
    await write('tests/b.yaml', 'cases: []');
    await until(refused, 'the refusal of tests that cannot be read');
    assert.match(service.warnings.join('\n'), /tests\/b\.yaml:1:8: cases: wrong value/);
  });

  it('follows the link of a ConfigMap that is mounted as the folder', async () => {
    const [first, second] = [`${resources}${grant('read:calendar')}`, `${resources}${grant('write:events')}`];
    const mounted = { 'base/..v1/a.yaml': first, 'base/..v2/a.yaml': second };
    await started('{ include: [own] }', { ...mounted, 'own/a.yaml': first });
    await symlink('..v1', at('base/..data'));
    await symlink('..data/a.yaml', at('base/a.yaml'));
    const text = await readFile(at('counterseal.yaml'), 'utf8');
    await writeFile(at('counterseal.yaml'), text.replace('[own]', '[base]'));
    await sleep(2_500);
    assert.equal(await scope(), 'read:calendar');
    await symlink('..v2', at('base/..data_tmp'));
    await rename(at('base/..data_tmp'), at('base/..data'));
    await service.noteFiles();
    await until(async () => (await scope()) === 'write:events', 'the new policy');
    assert.deepEqual(
      service.warnings.filter((warning) => warning.includes('not taken')),
      [],
    );
  });
});
