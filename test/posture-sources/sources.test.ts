import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer } from '../../src/exchange/look-up.js';
import { createOutbound } from '../../src/outbound.js';
import type { WorkloadFacts } from '../../src/policy/facts.js';
import { postureSourcesSchema } from '../../src/posture-sources/schema.js';
import { createPostureSources } from '../../src/posture-sources/sources.js';
import { factsOf } from '../policy/samples.js';
import { attestationAt } from '../support/attestation.js';
import { startUpstream, type Upstream } from '../support/upstream.js';

const start = 1_800_000_000;
const secret = 'Bearer cs-canary-edr';
const json = { 'content-type': 'application/json' };

describe('posture-sources', () => {
  let upstream: Upstream;
  let folder: string;
  let now = start;
  let asked: string[] = [];
  let sent: IncomingMessage['headers'] = {};
  let answer: (response: ServerResponse) => void;
  let warnings: string[] = [];
  const outbound = createOutbound({ allow: [], literalHosts: new Set(['127.0.0.1']) });

  before(async () => {
    upstream = await startUpstream((request, response) => {
      asked.push(request.url ?? '');
      sent = request.headers;
      answer(response);
    });
    folder = await mkdtemp(join(tmpdir(), 'counterseal-sources-'));
    await writeFile(join(folder, 'token'), `${secret}\n`);
  });
  after(async () => {
    await outbound.close();
    await upstream.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    now = start;
    asked = [];
    warnings = [];
  });

  const answering = (body: unknown, status = 200, headers: Record<string, string> = json) => {
    answer = (response) =>
      response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  };

  /** Sources with one of the name `edr`, and how it is asked. */
  function open(changes: Record<string, unknown> = {}) {
    const edr = {
      type: 'http',
      url: `http://127.0.0.1:${upstream.port}/hosts/{k8s:node}?by={subject}`,
      facts: {
        healthy: { at: '/agent/healthy', type: 'boolean' },
        version: { at: '/agent/version', type: 'version' },
        risk: { at: '/risk/0', type: 'number' },
        seen: { at: '/a~1b~0c', type: 'time' },
        state: { at: '/state', type: 'text' },
      },
      ...changes,
    };
    const options = postureSourcesSchema.parse({ edr });
    const source = createPostureSources(options, {
      now: () => now,
      send: outbound.send,
      warn: (message) => warnings.push(message),
    });
    return (workload: Partial<WorkloadFacts> = {}, key = 'edr', { subject } = attestationAt(now)): Promise<Answer> => {
      const facts = factsOf({ selectors: ['k8s:node:n1', 'k8s:sa:x'], ...workload });
      const inquiry = {
        facts,
        attestation: attestationAt(now, { subject }),
        decisionId: 'd',
        asked: { resource: 'r', scope: null },
        scope: [],
      };
      return source({ kind: 'source', key }, inquiry);
    };
  }

  const whole = {
    agent: { healthy: true, version: '7.16.1', last_seen: '2027-01-15T07:59:00Z' },
    risk: [12.5],
    'a/b~c': start - 30,
    state: 'normal',
  };
  const causes = (cause: string) =>
    Object.fromEntries(['healthy', 'version', 'risk', 'seen', 'state'].map((name) => [`posture.edr.${name}`, cause]));

  it('gives the facts that are mapped, observed when it asked', async () => {
    answering(whole);
    assert.deepEqual(await open()(), {
      posture: {
        'edr.healthy': { value: true, observedAt: start },
        'edr.version': { value: '7.16.1', observedAt: start },
        'edr.risk': { value: 12.5, observedAt: start },
        'edr.seen': { value: start - 30, observedAt: start },
        'edr.state': { value: 'normal', observedAt: start },
      },
      unknown: {},
    });
    assert.deepEqual(asked, ['/hosts/n1?by=spiffe%3A%2F%2Fexample.com%2Fone%2Fns%2Fa%2Fsa%2Fb']);
    assert.equal(sent.accept, 'application/json');
  });

  it('takes the time of observation from the answer where it is told to, and knows nothing where that is not there', async () => {
    answering(whole);
    const { posture } = await open({ observedAt: '/agent/last_seen' })();
    assert.equal(posture?.['edr.healthy']?.observedAt, Date.parse('2027-01-15T07:59:00Z') / 1000);
    assert.deepEqual(await open({ observedAt: '/agent/gone' })(), { posture: {}, unknown: causes('missing') });
  });

  it('sends headers from files, read for each request, without the line end', async () => {
    answering(whole);
    const file = join(folder, 'token');
    const ask = open({ headers: { Authorization: { file } } });
    await ask();
    assert.equal(sent.authorization, secret);
    await writeFile(file, 'Bearer other');
    now += 61;
    await ask();
    assert.equal(sent.authorization, 'Bearer other');
  });

  for (const [what, body] of [
    ['nothing of it', {}],
    [
      'values of other types',
      { agent: { healthy: 'true', version: 7.1 }, risk: ['1'], 'a/b~c': 'yesterday', state: 5 },
    ],
    ['a list', []],
    ['null', 'null'],
    ['texts and numbers beyond all bounds', '{"agent":{"version":""},"risk":[1e999],"a/b~c":1e999,"state":null}'],
  ] as const) {
    it(`counts as missing what is not there, of ${what}`, async () => {
      answering(body);
      const { posture, unknown } = await open({
        facts: {
          healthy: { at: '/agent/healthy', type: 'boolean' },
          risk: { at: '/risk/0', type: 'number' },
          seen: { at: '/a~1b~0c', type: 'time' },
        },
      })();
      assert.deepEqual(posture, {});
      assert.deepEqual(unknown, {
        'posture.edr.healthy': 'missing',
        'posture.edr.risk': 'missing',
        'posture.edr.seen': 'missing',
      });
    });
  }

  it('reads no member that every object has', async () => {
    answering({ agent: {} });
    const facts = { a: { at: '/agent/constructor/name', type: 'text' }, b: { at: '/__proto__/x', type: 'text' } };
    assert.deepEqual((await open({ facts })()).posture, {});
  });

  for (const [what, respond] of [
    ['500', () => answering('{}', 500)],
    ['401', () => answering('{}', 401)],
    ['429', () => answering('{}', 429)],
    ['a redirect', () => answering('', 302, { location: '/elsewhere' })],
    ['HTML', () => answering('<html>', 200, { 'content-type': 'text/html' })],
    ['JSON of no type', () => answering(whole, 200, {})],
    ['JSON that is none', () => answering('{"agent":', 200)],
    ['over a mebibyte', () => answering(JSON.stringify('x'.repeat(1_100_000)))],
    [
      'nothing in time',
      () => {
        answer = () => {};
      },
    ],
    [
      'a connection that breaks',
      () => {
        answer = (response) => response.destroy();
      },
    ],
  ] as const) {
    it(`is unavailable after ${what}, says so once a minute and not what was sent, and asks again`, async () => {
      respond();
      await writeFile(join(folder, 'token'), secret);
      const ask = open({ headers: { authorization: { file: join(folder, 'token') } } });
      assert.deepEqual(await ask(), { posture: {}, unknown: causes('unavailable') });
      await ask();
      assert.equal(asked.length, 2, 'failures are not remembered');
      assert.equal(warnings.length, 1);
      assert.match(String(warnings[0]), /^source edr gave no usable answer in decision d, and maybe in others: /);
      assert.doesNotMatch(String(warnings[0]), /canary|html|xxx/);
      now += 60;
      await ask();
      assert.equal(warnings.length, 2);
    });
  }

  it('is unavailable without the file of a header, or with one that is no header', async () => {
    answering(whole);
    for (const [name, text] of [
      ['gone', null],
      ['two', 'a\nb'],
      ['none', '\n'],
      ['not-ascii', 'ä'],
    ] as const) {
      if (text !== null) await writeFile(join(folder, name), text);
      const ask = open({ headers: { authorization: { file: join(folder, name) } } });
      assert.deepEqual(await ask(), { posture: {}, unknown: causes('unavailable') });
    }
    assert.deepEqual(asked, []);
  });

  it('opens a circuit after five failures in a row, and then asks nobody for ten seconds', async () => {
    answering('{}', 503);
    const ask = open();
    for (let each = 0; each < 8; each++) {
      const { unknown } = await ask({}, 'edr', attestationAt(now, { subject: `spiffe://example.com/${each % 2}` }));
      assert.deepEqual(unknown, causes('unavailable'));
    }
    assert.equal(asked.length, 5);
    answering(whole);
    now += 11;
    assert.deepEqual((await ask()).unknown, {});
  });

  it('takes a host that the product does not know for one without facts, and remembers that too', async () => {
    answering('not found', 404, { 'content-type': 'text/plain' });
    const ask = open();
    assert.deepEqual(await ask(), { posture: {}, unknown: causes('missing') });
    await ask();
    assert.equal(asked.length, 1);
    assert.deepEqual(warnings, []);
  });

  it('uses an answer for maxAge and no longer, and none at all after a clock that was set back', async () => {
    answering(whole);
    const ask = open({ maxAge: '30s' });
    await ask();
    now = start + 30;
    assert.equal((await ask()).posture?.['edr.healthy']?.observedAt, start);
    assert.equal(asked.length, 1);
    answering('{}', 500);
    now = start + 31;
    assert.deepEqual((await ask()).unknown, causes('unavailable'), 'an old answer is not better than none');
    now = start - 1;
    await ask();
    assert.equal(asked.length, 3);
  });

  it('asks once for all who ask at the same time about one host, and for each host', async () => {
    let release = () => {};
    answer = (response) => {
      release = () => response.writeHead(200, json).end(JSON.stringify(whole));
      if (asked.length > 1) release();
    };
    const ask = open();
    const both = [ask(), ask()];
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    release();
    const [one, other] = await Promise.all(both);
    assert.deepEqual(one, other);
    assert.equal(asked.length, 1);
    await ask({ selectors: ['k8s:node:n2'] });
    assert.equal(asked.length, 2);
  });

  for (const [what, workload, cause] of [
    ['no selector of the kind', { selectors: [] }, 'missing'],
    ['two of them', { selectors: ['k8s:node:n1', 'k8s:node:n2'] }, 'missing'],
    ['one that would be another path', { selectors: ['k8s:node:..'] }, 'missing'],
    ['one that may not be the only one', { unknown: { 'k8s:node': 'missing' } }, 'missing'],
    ['a platform that did not answer', { selectors: [], unknown: { 'k8s:node': 'unavailable' } }, 'unavailable'],
  ] as const) {
    it(`asks nobody about a workload with ${what}`, async () => {
      answering(whole);
      assert.deepEqual(await open()(workload), { posture: {}, unknown: causes(cause) });
      assert.deepEqual(asked, []);
    });
  }
});
