/** Conditions of kind external over a running service, with an HTTP server as the policy decision point. */
import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { calendar, payroll, type ServiceOptions, startService, type TestService } from '../support/service.js';
import { startUpstream, type Upstream } from '../support/upstream.js';

interface Received {
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a JSON document of the other side
  readonly body: any;
}

type Respond = (response: ServerResponse, received: Received) => void;

const json = (value: unknown, status = 200, type = 'application/json'): Respond => {
  return (response) => response.writeHead(status, { 'content-type': type }).end(JSON.stringify(value));
};
const raw = (text: string): Respond => {
  return (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(text);
};
const permits = json({ decision: true });

describe('external: a policy decision point of a running service', function () {
  this.timeout(20_000);
  let pdp: Upstream;
  let respond: Respond;
  let received: Received[];
  let now = Date.now();
  let url = '';
  const services: TestService[] = [];

  before(async () => {
    pdp = await startUpstream((request, response) => {
      let text = '';
      request.on('data', (part) => {
        text += part;
      });
      request.on('end', () => {
        const one = { path: request.url, headers: request.headers, text, body: JSON.parse(text) };
        received.push(one);
        respond(response, one);
      });
    });
    url = `http://127.0.0.1:${pdp.port}/tenant`;
  });
  after(() => pdp.close());
  beforeEach(() => {
    respond = permits;
    received = [];
    now = Date.now();
  });
  afterEach(async () => {
    for (const service of services.splice(0)) await service.close();
  });

  async function start(more = '', options: ServiceOptions = {}): Promise<TestService> {
    const service = await startService({
      now: () => now,
      more: `conditions: { ask: { external: { authzen: "${url}", deadline: 2s${more} } } }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents", "k8s:sa:calendar-agent"] }
    conditions: [ask]
    grant: { resource: "${calendar}", scope: [read:calendar] }
  calendar-writer:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [ask]
    grant: { resource: "${calendar}", scope: [write:events] }
  payroll-job:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:finance"] }
    conditions: [ask]
    grant: { resource: "${payroll}", scope: [read:salaries] }`,
      ...options,
    });
    services.push(service);
    return service;
  }

  const clauseOf = async (service: TestService) => {
    const { rules, reason } = await service.lastRecord();
    const [verdict] = rules ?? [];
    return { reason, clause: verdict?.clause, expected: verdict?.expected, seen: verdict?.seen };
  };

  it('asks once for all rules that turn on it, as the specification has it, and not where something else fails', async () => {
    const service = await start();
    assert.equal((await service.exchange({ scope: 'read:calendar' })).status, 200);
    const { decision_id, facts, subject } = await service.lastRecord();
    assert.equal(received.length, 1);
    const [{ path, headers, body } = assert.fail()] = received;
    assert.equal(path, '/tenant/access/v1/evaluation');
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers.accept, 'application/json');
    assert.equal(headers['x-request-id'], decision_id);
    assert.equal(headers.authorization, undefined);
    assert.deepEqual(body, {
      subject: {
        type: 'workload',
        id: subject,
        properties: {
          attestor: 'prod-eu',
          assurance: body.subject.properties.assurance,
          environment: 'production',
          instance: body.subject.properties.instance,
          selectors: (await service.lastRecord()).selectors,
          unknown_selectors: body.subject.properties.unknown_selectors,
          'cerbos.roles': ['workload'],
        },
      },
      action: { name: 'exchange' },
      resource: { type: 'resource', id: calendar },
      context: {
        time: new Date(now).toISOString(),
        ip: '127.0.0.1',
        scope: ['read:calendar'],
        decision_id,
      },
    });
    assert.deepEqual(facts?.external, { [url]: { decision: true, context: null } });
    assert.equal((await service.exchange({ resource: payroll })).status, 400);
    assert.equal(received.length, 1, 'another rule, of which the workload fails, asks nobody');
  });

  it('a denial is a 400 whose record has the context, bounded and without what looks like a token', async () => {
    const service = await start();
    const token = (await service.token()).slice(0, 300);
    const context = { reason_admin: { 403: `policy 7 refuses ${token}` }, obligations: [1, true, null] };
    respond = json({ decision: false, context });
    const { status, body } = await service.exchange();
    assert.deepEqual([status, body.error], [400, 'invalid_target']);
    assert.ok(!JSON.stringify(body).includes('policy 7'));
    const { facts } = await service.lastRecord();
    assert.deepEqual(facts?.external, {
      [url]: {
        decision: false,
        context: { reason_admin: { 403: 'policy 7 refuses [token]' }, obligations: [1, true, null] },
      },
    });
    assert.deepEqual(await clauseOf(service), {
      reason: 'no_rule_grants',
      clause: 'conditions.ask.external',
      expected: `${url} permits the exchange`,
      seen: 'denied: policy 7 refuses [token]',
    });
    for (const huge of [{ a: 'x'.repeat(5_000) }, Array(300).fill(1), { a: { b: { c: { d: { e: 1 } } } } }]) {
      respond = json({ decision: false, context: huge });
      await service.exchange();
      assert.deepEqual((await service.lastRecord()).facts?.external, { [url]: { decision: false, context: null } });
    }
  });

  const failures: Readonly<Record<string, Respond>> = {
    'status 400': json('no', 400),
    'status 401': json({ decision: true }, 401),
    'status 201': json({ decision: true }, 201),
    'status 500': json({ decision: true }, 500),
    'a redirect': (response) => response.writeHead(307, { location: '/elsewhere' }).end(),
    'another content type': json({ decision: true }, 200, 'text/json'),
    'no content type': (response) => response.writeHead(200).end('{"decision":true}'),
    'what is no JSON': raw('{"decision":true'),
    'a list': raw('[{"decision":true}]'),
    null: raw('null'),
    'two decisions': raw('{"decision":false,"decision":true}'),
    'no decision': raw('{}'),
    'a decision that is text': raw('{"decision":"true"}'),
    'a decision that is 1': raw('{"decision":1}'),
    'more than 64 KiB': raw(`{"decision":true,"context":{"a":"${'x'.repeat(70_000)}"}}`),
    'an answer that breaks off': (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '50' });
      response.write('{"decision":true');
      setTimeout(() => response.destroy(), 10);
    },
    'a connection that closes': (response) => void response.destroy(),
  };
  for (const [what, failure] of Object.entries(failures)) {
    it(`${what} is no answer: 503, and the record says unavailable`, async () => {
      const service = await start();
      respond = failure;
      const { status, body } = await service.exchange();
      assert.deepEqual([status, body.error], [503, 'temporarily_unavailable']);
      const { facts } = await service.lastRecord();
      assert.equal(facts?.external, undefined);
      assert.equal(facts?.unknown[`external.${url}`], 'unavailable');
      assert.deepEqual(await clauseOf(service), {
        reason: 'fact_unavailable',
        clause: 'conditions.ask.external',
        expected: `${url} permits the exchange`,
        seen: 'unknown (unavailable)',
      });
      assert.equal(received.length, 1);
      const [warning = '', ...others] = service.warnings.filter((line) => line.startsWith('external:'));
      assert.match(
        warning,
        /^external: http:\/\/127\.0\.0\.1:\d+\/tenant gave no usable answer in decision [0-9a-f-]{36}, /,
      );
      await service.exchange();
      assert.deepEqual(others, [], 'told once, not for each request');
      respond = permits;
      assert.equal((await service.exchange()).status, 200);
      assert.equal(service.warnings.at(-1), `external: ${url} answers again`);
    });
  }

  it('waits no longer than the deadline, also for a body that comes byte by byte', async () => {
    const service = await start('', {
      more: `conditions: { ask: { external: { authzen: "${url}", deadline: 200ms } } }`,
    });
    const slow: Respond[] = [
      () => {},
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(timer));
      },
    ];
    for (const each of slow) {
      respond = each;
      const before = performance.now();
      assert.equal((await service.exchange()).status, 503);
      const took = performance.now() - before;
      assert.ok(took >= 190 && took < 1_500, `took ${took} ms`);
    }
    assert.ok(service.warnings.some((line) => line.includes('did not answer within 200 ms')));
  });

  it('a decision point that is down is not called after five failures, and is tried again by one request after ten seconds', async () => {
    const service = await start();
    respond = json('down', 500);
    for (let times = 0; times < 7; times++) {
      const subject_token = await service.token({ serviceAccount: `agent-${times % 2}` });
      assert.equal((await service.exchange({ subject_token })).status, 503);
    }
    assert.equal(received.length, 5);
    now += 10_000;
    await Promise.all([service.exchange(), service.exchange(), service.exchange()]);
    assert.equal(received.length, 6);
    respond = permits;
    now += 10_000;
    assert.equal((await service.exchange()).status, 200);
    assert.equal((await service.exchange()).status, 200);
    assert.equal(received.length, 8);
  });

  it('answers with 4xx do not open the circuit: whoever can provoke them could close it to everybody', async () => {
    const service = await start();
    respond = json('bad', 400);
    for (let times = 0; times < 8; times++) assert.equal((await service.exchange()).status, 503);
    respond = permits;
    assert.equal((await service.exchange()).status, 200);
  });

  it('sends the bearer token of the file, read anew when it changes, and is unavailable without it', async () => {
    const file = (folder: string) => join(folder, 'pdp-token');
    const service = await start(', token: { file: pdp-token }', {
      prepare: (folder) => writeFile(file(folder), 'first.token==\n'),
    });
    await service.exchange();
    assert.equal(received.at(-1)?.headers.authorization, 'Bearer first.token==');
    await writeFile(`${file(service.folder)}.new`, 'second-token');
    await rename(`${file(service.folder)}.new`, file(service.folder));
    await service.exchange();
    assert.equal(received.at(-1)?.headers.authorization, 'Bearer second-token');
    for (const wrong of ['', 'two words', 'a\r\nX-Evil: 1']) {
      await writeFile(file(service.folder), wrong);
      assert.equal((await service.exchange()).status, 503);
    }
    assert.equal(received.length, 2);
    assert.ok(!service.warnings.join().includes('two words'));
  });

  it('each: scope asks for each token in one request; all have to be permitted, and the record names those that are not', async () => {
    const service = await start(', each: scope');
    const key = `${url} each scope`;
    const answers = (...decisions: unknown[]) => json({ decision: true, evaluations: decisions });
    respond = answers({ decision: true }, { decision: true });
    assert.equal((await service.exchange()).status, 200);
    const [{ path, body } = assert.fail()] = received;
    assert.equal(path, '/tenant/access/v1/evaluations');
    assert.deepEqual(
      [body.action, body.evaluations, body.options],
      [
        undefined,
        [{ action: { name: 'read:calendar' } }, { action: { name: 'write:events' } }],
        { evaluations_semantic: 'execute_all' },
      ],
    );
    assert.deepEqual(Object.keys(body).sort(), ['context', 'evaluations', 'options', 'resource', 'subject']);

    respond = answers({ decision: true }, { decision: false, context: { reason: 'read only' } });
    assert.equal((await service.exchange()).status, 400);
    assert.deepEqual((await service.lastRecord()).facts?.external, {
      [key]: { decision: false, context: { 'write:events': { reason: 'read only' } } },
    });
    const { expected, seen } = await clauseOf(service);
    assert.deepEqual([expected, seen], [`${url} permits each scope`, 'denied: write:events (read only)']);

    respond = answers({ decision: true });
    assert.equal((await service.exchange({ scope: 'read:calendar' })).status, 200);
    assert.deepEqual(received.at(-1)?.body.evaluations, [{ action: { name: 'read:calendar' } }]);
    const asked = received.length;
    assert.equal((await service.exchange({ scope: 'other' })).status, 400);
    assert.equal(received.length, asked, 'nothing that could be granted: nobody is asked');

    const short = [answers(), answers({ decision: true }), answers({ decision: false }), json({ decision: true })];
    const wrong = [answers({ decision: true }, {}), answers({ decision: true }, null)];
    const long = answers({ decision: true }, { decision: true }, { decision: true });
    for (const each of [...short, ...wrong, long]) {
      respond = each;
      assert.equal((await service.exchange()).status, 503);
    }
  });

  it('an address that no URL had at start takes a restart: what may be called does not change while it runs', async () => {
    const service = await start('', { more: 'conditions: { ask: { network: { cidr: [127.0.0.0/8] } } }' });
    assert.equal((await service.exchange()).status, 200);
    assert.equal(received.length, 0);
    await service.rewrite({ more: `conditions: { ask: { external: { authzen: "${url}" } } }` });
    for (let times = 0; times < 80 && !service.warnings.some((line) => /taken/.test(line)); times++) await sleep(50);
    assert.match(service.warnings.join(), /an address in a URL changed too, and that needs a restart/);
  });

  it('takes a changed condition without a restart', async () => {
    const service = await start();
    await service.exchange();
    const more = `conditions: { ask: { external: { authzen: "${url}/other", each: scope } } }`;
    await service.rewrite({ more });
    for (let times = 0; times < 80 && !service.warnings.some((line) => /in force/.test(line)); times++) await sleep(50);
    respond = json({ evaluations: [{ decision: true }, { decision: true }] });
    assert.equal((await service.exchange()).status, 200);
    assert.equal(received.at(-1)?.path, '/tenant/other/access/v1/evaluations');
  });
});
