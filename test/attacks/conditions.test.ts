/** What a compromised workload, a broken dependency or a careless folder may try on conditions. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Reader } from 'mmdb-lib';
import { createBreaker } from '../../attestors/breaker.js';
import { yamlFilesOf } from '../../src/config/folder.js';
import { Unavailable } from '../../src/errors.js';
import { answerOf } from '../../src/external/messages.js';
import { readPlaces } from '../../src/geo/places.js';
import { decide } from '../../src/policy/decide.js';
import { isTemplate } from '../../src/posture-sources/template.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { calendar, compile, compileRules, factsOf, now } from '../policy/samples.js';
import { exchange, workload } from '../support/behaviour.js';
import { mmdb } from '../support/mmdb.js';
import { calendar as served, startService } from '../support/service.js';

const all = { resource: calendar, scope: null };

describe('attacks: conditions', () => {
  it('eight first exchanges at once get nothing by a decision point that nobody asked', async function () {
    this.timeout(30_000);
    let asked = 0;
    const pdp: Server = createServer((request, response) => {
      asked += 1;
      request.resume().on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end('{"decision":false}');
      });
    });
    await new Promise<void>((done) => pdp.listen(0, '127.0.0.1', done));
    const { port } = pdp.address() as AddressInfo;
    const service = await startService({
      rules: `
  wide:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [{ behaviour: { firstUse: false } }, { external: { authzen: "http://127.0.0.1:${port}" }, unknown: permit }]
    grant: { resource: "${served}", scope: [write:events] }
  base:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    grant: { resource: "${served}", scope: [read:calendar] }`,
    });
    try {
      const tokens = await Promise.all(Array.from({ length: 8 }, () => service.token()));
      const answers = await Promise.all(tokens.map((token) => service.exchange({ subject_token: token })));
      const scopes = answers.map(({ body }) => body.scope ?? body.error);
      assert.ok(scopes.includes('read:calendar'));
      assert.ok(
        scopes.every((scope) => ['read:calendar', 'temporarily_unavailable'].includes(String(scope))),
        scopes.join(),
      );
      assert.equal((await service.exchange()).body.scope, 'read:calendar');
      assert.ok(asked > 0, 'once it is a rule that may grant, it is asked');
    } finally {
      await service.close();
      await new Promise((done) => pdp.close(done));
    }
  });

  it('the first use of a resource is that of a token: one that was refused at the same time is not remembered', async () => {
    const mail = 'https://mail.example/mcp';
    const calm = { distinctNetworksPerHour: 1 };
    const grant = (behaviour: object, resource: string, scope: string) => ({
      workload,
      conditions: [{ behaviour }],
      grant: { resource, scope: [scope] },
    });
    const policy = compile({
      resources: { [calendar]: { scope: ['read'] }, [mail]: { scope: ['send', 'admin'] } },
      rules: {
        calendar: grant(calm, calendar, 'read'),
        mail: grant(calm, mail, 'send'),
        known: grant({ ...calm, firstUse: false }, mail, 'admin'),
      },
    });
    const store = createMemoryStore({ now: () => now * 1000 });
    const asked = { resource: mail, scope: null };
    const [first, second] = await Promise.all([
      exchange(store, { policy, ip: '10.1.1.1' }),
      exchange(store, { policy, ip: '10.2.2.2', asked }),
    ]);
    assert.deepEqual([first.issued, second.issued], [true, false]);
    const later = await exchange(store, { policy, ip: '10.1.1.1', asked });
    assert.deepEqual(later.decision.granted?.scope, ['send']);
  });

  it('one workload for which a decision point fails does not close it to others; several do', async () => {
    const fails = async () => {
      throw new Unavailable('pdp_failed', 'It answers with status 500.');
    };
    const breaker = createBreaker({ name: 'pdp', prefix: 'pdp', now: () => now });
    for (let times = 0; times < 20; times++) await assert.rejects(breaker.run('evil', fails), /status 500/);
    assert.equal(await breaker.run('good', async () => 'ok'), 'ok');
    for (let times = 0; times < 5; times++) await assert.rejects(breaker.run(`agent-${times}`, fails), /status 500/);
    await assert.rejects(
      breaker.run('good', async () => 'ok'),
      (error) => error instanceof Unavailable && error.reason === 'pdp_circuit_open',
    );
  });

  it('ten thousand rules with patterns cost a workload without rights a record of 64 verdicts', () => {
    const rules = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [
        `rule-${index}`,
        {
          workload: { attestor: 'prod-eu', selectors: [`k8s:ns:team-${index}-*`] },
          grant: { resource: calendar, scope: ['read'] },
        },
      ]),
    );
    const { rules: told, detail, granted } = decide(compileRules(rules), factsOf(), all);
    assert.deepEqual([told.length, granted], [64, null]);
    assert.match(detail, / 9936 more rules are left out here\.$/);
  }).timeout(30_000);

  it('a file that would be passed over for its ending is refused, as a denial may stand in it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'counterseal-'));
    try {
      await writeFile(join(folder, 'rules.yaml'), 'rules: {}\n');
      await writeFile(join(folder, 'README.md'), 'what is here\n');
      assert.equal((await yamlFilesOf(folder)).fault, null);
      for (const name of ['deny.YAML', 'deny.yaml.txt', 'deny.yml~', 'deny.json']) {
        await writeFile(join(folder, name), 'rules: {}\n');
        assert.match(String((await yamlFilesOf(folder)).fault), /would be passed over/, name);
        await rm(join(folder, name));
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('no two workloads can be asked about at one URL: a part of it has one placeholder', () => {
    for (const url of [
      'https://edr.example/{k8s:ns}-{k8s:sa}',
      'https://edr.example/{k8s:ns}{k8s:sa}',
      'https://edr.example/?id={k8s:ns}.{k8s:sa}',
    ])
      assert.equal(isTemplate(url), false, url);
    for (const url of [
      'https://edr.example/{k8s:ns}/{k8s:sa}',
      'https://edr.example/x-{k8s:ns}?sa={k8s:sa}&uid={instance}',
    ])
      assert.equal(isTemplate(url), true, url);
  });

  it('a few bytes of a place database that point to each other unfold once', () => {
    const levels = 40;
    const text = 'X'.repeat(28);
    const networks = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [`${20 + index}.0.0.0/8`, index + text]),
    );
    const file = mmdb({ '1.32.0.0/16': { country: { iso_code: 'DE' } }, '9.0.0.0/8': text, ...networks });
    const { searchTreeSize } = new Reader(file).metadata;
    const content = Buffer.from(file);
    // Lists of two pointers to the next list, over the texts.
    let at = content.indexOf(text) - 1;
    for (let level = 0; level < levels; level++, at += 6) {
      const next = at + 6 - (searchTreeSize + 16);
      const pointer = [(1 << 5) | ((next >> 8) & 7), next & 255];
      content.set([2, 4, ...pointer, ...pointer], at);
    }
    content.set([(2 << 5) | 1, 65], at);
    const { locate } = readPlaces(content);
    const since = performance.now();
    assert.deepEqual(locate('9.1.2.3'), { country: null, subdivision: null });
    assert.ok(performance.now() - since < 500);
  });

  it('a decision point that quotes the bearer token brings it into no record', () => {
    const bearer = 'opaque-4e1f0c';
    const ask = { url: 'https://pdp.example', eachScope: false, deadline: 500, tokenFile: 'token' };
    const body = Buffer.from(
      JSON.stringify({ decision: false, context: { reason: `not with Bearer ${bearer}`, [bearer]: 1 } }),
    );
    const answer = answerOf({ status: 200, contentType: 'application/json', body }, { ask, scope: [], bearer });
    assert.deepEqual(answer, {
      decision: false,
      context: { reason: 'not with Bearer [bearer token]', '[bearer token]': 1 },
    });
  });
});
