/** A changed file: taken as a whole and at once, or not at all and loudly. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { calendar, payroll, send, startService, type TestService } from '../support/service.js';

const agents = (scope: string) => `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: "${calendar}", scope: [${scope}] }`;

describe('a changed configuration file', function () {
  this.timeout(30_000);
  let service: TestService;
  beforeEach(async () => {
    service = await startService({ rules: agents('read:calendar') });
  });
  afterEach(() => service.close());

  const scope = async () => (await service.exchange()).body.scope;
  async function until(isSo: () => Promise<boolean> | boolean, what: string): Promise<void> {
    const late = Date.now() + 10_000;
    while (!(await isSo())) {
      assert.ok(Date.now() < late, `${what} in time; warnings: ${service.warnings.join(' | ')}`);
      await sleep(100);
    }
  }
  const ready = async () => (await send(`${service.healthUrl}/readyz`, {})).body;
  const metrics = async () => (await fetch(`${service.healthUrl}/metrics`)).text();
  const refused = async () => (await ready()).policy_file_refused === true;

  it('decides by the new rules, whose revision is in records, readiness and metrics', async () => {
    assert.equal(await scope(), 'read:calendar');
    const { policy_revision: before } = await service.lastRecord();
    await service.rewrite({ rules: agents('write:events') });
    await until(async () => (await ready()).policy_revision !== before, 'the new policy');
    assert.equal(await scope(), 'write:events');
    const { policy_revision: after } = await service.lastRecord();
    assert.equal((await ready()).policy_revision, after);
    assert.deepEqual(service.warnings, [`policy ${after} is in force now`]);
    assert.match(await metrics(), new RegExp(`counterseal_policy_info\\{revision="${after}"\\} 1`));
    assert.ok(!(await metrics()).includes(before));
  });

  it('takes the clients with the rules', async () => {
    const selectors = ['k8s:ns:agents', 'k8s:ns:others'];
    const clients = (selector: string | undefined) =>
      `clients: { api: { workload: { attestor: prod-eu, selectors: ["${selector}"] }, introspect: ["${calendar}"] } }`;
    await service.close();
    service = await startService({ rules: agents('read:calendar'), more: clients(selectors[1]) });
    const introspect = async () => {
      const assertion = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
      const form = { token: 'x', client_assertion: await service.token(), client_assertion_type: assertion };
      const body = new URLSearchParams(form);
      return (await send(`${service.url}/introspect`, { method: 'POST', body })).status;
    };
    assert.equal(await introspect(), 401);
    await service.rewrite({ more: clients(selectors[0]) });
    await until(async () => (await introspect()) === 200, 'the new client');
  });

  for (const [title, changes, told] of [
    ['that is wrong', { rules: agents('read:calender') }, /counterseal\.yaml:\d+:\d+: .*read:calender/],
    ['that is empty', '', /counterseal\.yaml:1:1/],
    ['that is no YAML', 'a: [', /counterseal\.yaml:1/],
    [
      'with changes that need a restart, rules or none',
      { rules: agents('write:events'), audit: '{ durability: relaxed, sinks: [{ type: file, path: audit.jsonl }] }' },
      /audit changed too, and that needs a restart/,
    ],
    [
      'with another attestor',
      {
        attestors: `\n  prod-eu: { type: kubernetes, issuer: "https://other.example", keys: { jwksFile: jwks.json } }`,
      },
      /attestors changed too/,
    ],
    [
      'with the first client',
      { more: `clients: { api: { workload: { attestor: prod-eu }, introspect: ["${payroll}"] } }` },
      /clients changed too/,
    ],
  ] as const) {
    it(`changes nothing ${title}, and says so until it is mended`, async () => {
      const { policy_revision: before } = await ready();
      await service.rewrite(changes);
      await until(refused, 'the refusal');
      assert.equal(await scope(), 'read:calendar');
      assert.equal((await ready()).policy_revision, before);
      assert.match(service.warnings.join('\n'), told);
      assert.match(await metrics(), /counterseal_policy_file_refused 1/);
      await service.rewrite({});
      await until(async () => !(await refused()), 'the mended file');
      assert.match(await metrics(), /counterseal_policy_file_refused 0/);
    });
  }

  it('goes on when the file is gone, and takes it when it is back', async () => {
    const file = join(service.folder, 'counterseal.yaml');
    await rename(file, `${file}.away`);
    await until(refused, 'the refusal');
    assert.equal(await scope(), 'read:calendar');
    await rename(`${file}.away`, file);
    await until(async () => !(await refused()), 'the file');
  });

  it('follows the link of a ConfigMap', async () => {
    const at = (...parts: string[]) => join(service.folder, ...parts);
    const text = await readFile(at('counterseal.yaml'), 'utf8');
    await mkdir(at('v1'));
    await mkdir(at('v2'));
    for (const folder of ['v1', 'v2']) await copyFile(at('jwks.json'), at(folder, 'jwks.json'));
    await writeFile(at('v1', 'counterseal.yaml'), text);
    await symlink('v1', at('..data'));
    await rm(at('counterseal.yaml'));
    await symlink('..data/counterseal.yaml', at('counterseal.yaml'));
    await until(async () => !(await refused()), 'the same file by a link');
    await service.rewrite({ rules: agents('write:events') });
    await copyFile(at('v1', 'counterseal.yaml'), at('v2', 'counterseal.yaml'));
    await symlink('v2', at('..next'));
    await rename(at('..next'), at('..data'));
    await until(async () => (await scope()) === 'write:events', 'the new policy');
  });
});
