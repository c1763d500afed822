/** Rules that ask a source of posture, over a running service. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { calendar, startService, type TestService } from '../support/service.js';
import { startUpstream, type Upstream } from '../support/upstream.js';

describe('posture-sources: a running service', () => {
  let upstream: Upstream;
  let service: TestService;
  let asked: string[] = [];
  let answer: (response: ServerResponse) => void;

  before(async () => {
    upstream = await startUpstream((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      answer(response);
    });
    service = await startService({
      prepare: (folder) => writeFile(join(folder, 'edr-token'), 'Bearer cs-canary\n'),
      rules: `
  agents:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [{ posture: { sources: { edr: { healthy: true, version: ">=7.10" } }, maxAge: 10m } }]
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
      more: `
postureSources:
  edr:
    type: http
    url: "http://127.0.0.1:${upstream.port}/hosts/{k8s:sa}"
    headers: { authorization: { file: edr-token } }
    facts: { healthy: { at: /agent/ok, type: boolean }, version: { at: /agent/v, type: version } }`,
    });
  });
  after(async () => {
    await service.close();
    await upstream.close();
  });
  beforeEach(() => {
    asked = [];
  });

  const answering = (body: unknown, status = 200) => {
    answer = (response) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const exchangeOf = async (serviceAccount: string, namespace = 'agents') =>
    service.exchange({ subject_token: await service.token({ serviceAccount, namespace }) });

  it('grants by what the source says, asks once for maxAge, and records what the decision was made from', async () => {
    answering({ agent: { ok: true, v: '7.16' } });
    assert.equal((await exchangeOf('one')).status, 200);
    assert.equal((await exchangeOf('one')).status, 200);
    assert.deepEqual(asked, ['/hosts/one Bearer cs-canary']);
    const { facts } = await service.lastRecord();
    assert.deepEqual(
      Object.entries(facts?.posture ?? {}).map(([name, { value }]) => [name, value]),
      [
        ['edr.healthy', true],
        ['edr.version', '7.16'],
      ],
    );
    assert.doesNotMatch(await service.auditText(), /canary/);
  });

  it('refuses what the source says is not so, or does not know', async () => {
    answering({ agent: { ok: true, v: '7.9' } });
    assert.equal((await exchangeOf('old')).status, 400);
    const [rule] = (await service.lastRecord()).rules ?? [];
    assert.deepEqual([rule?.clause, rule?.seen], ['conditions[0].posture.sources.edr.version', '7.9']);
    answering({}, 404);
    assert.equal((await exchangeOf('unheard-of')).status, 400);
    assert.equal((await service.lastRecord()).facts?.unknown['posture.edr.healthy'], 'missing');
  });

  it('answers 503 where the source does not answer', async () => {
    answering({}, 500);
    assert.equal((await exchangeOf('two')).status, 503);
    assert.equal((await service.lastRecord()).facts?.unknown['posture.edr.healthy'], 'unavailable');
    assert.match(
      service.warnings.join('\n'),
      /source edr gave no usable answer in decision \S+, and maybe in others: the status is 500/,
    );
    assert.doesNotMatch(service.warnings.join('\n'), /canary/);
  });

  it('asks nobody where another clause fails already', async () => {
    answering({ agent: { ok: true, v: '7.16' } });
    assert.equal((await exchangeOf('three', 'others')).status, 400);
    assert.deepEqual(asked, []);
  });
});
