/** Policy decision points (conditions of kind external): what they cannot make the service do, and what they never get to see. */
import assert from 'node:assert/strict';
import { createExternal } from '../../src/external/authzen.js';
import { createOutbound } from '../../src/outbound.js';
import { factsOf } from '../policy/samples.js';
import { attestationAt } from '../support/attestation.js';
import { calendar, send, startService, type TestService } from '../support/service.js';
import { startUpstream, type Upstream } from '../support/upstream.js';

const now = 1_800_000_000;

describe('SSRF by a decision point (octo-sts CVE-2025-52477, CVE-2024-34079)', () => {
  let upstream: Upstream;
  const paths: unknown[] = [];
  before(async () => {
    upstream = await startUpstream((request, response) => {
      paths.push(request.url);
      response.writeHead(307, { location: '/permits', 'content-type': 'application/json' }).end('{"decision":true}');
    });
  });
  after(() => upstream.close());

  /** What is said of a decision point at this URL, and to operators. */
  async function asking(url: string, options: Partial<Parameters<typeof createOutbound>[0]>) {
    const outbound = createOutbound({ allow: [], literalHosts: new Set(), ...options });
    const warnings: string[] = [];
    const ask = createExternal({
      send: outbound.send,
      path: (relative) => relative,
      now: () => now,
      warn: (message) => warnings.push(message),
    });
    const lookup = { url, eachScope: false, deadline: 2_000, tokenFile: null };
    const answer = await ask(
      { kind: 'external', key: url, ask: lookup },
      {
        attestation: attestationAt(now),
        facts: factsOf(),
        asked: { resource: calendar, scope: null },
        scope: ['read'],
        decisionId: 'd-1',
      },
    );
    await outbound.close();
    return { answer, warnings };
  }

  it('a name that leads to an address that nobody allowed is not called, in whatever family it is written', async () => {
    for (const address of ['127.0.0.1', '169.254.169.254', '10.0.0.1', '::ffff:127.0.0.1', 'fd00::1']) {
      const url = `https://pdp.test:${upstream.port}`;
      const resolve = async () => [{ address, family: address.includes(':') ? 6 : 4 }];
      const { answer, warnings } = await asking(url, { resolve });
      assert.deepEqual(answer, { unknown: { [`external.${url}`]: 'unavailable' } });
      assert.match(warnings.join(), /may not be called/);
    }
    assert.equal(upstream.connections(), 0);
  });

  it('a literal address is called only where it stands in the configuration', async () => {
    const url = `http://127.0.0.1:${upstream.port}`;
    await asking(url, {});
    assert.equal(upstream.connections(), 0);
    await asking(url, { literalHosts: new Set(['127.0.0.1']) });
    assert.equal(upstream.connections(), 1);
  });

  it('a redirect is no answer and is not followed, and its body, which permits, is not believed', async () => {
    paths.length = 0;
    const url = `http://127.0.0.1:${upstream.port}`;
    const { answer, warnings } = await asking(url, { literalHosts: new Set(['127.0.0.1']) });
    assert.equal(answer.external, undefined);
    assert.deepEqual(paths, ['/access/v1/evaluation']);
    assert.match(warnings.join(), /status 307, not 200; redirects are not followed/);
  });
});

describe('Vault CVE-2024-8365: canary tokens and a decision point', () => {
  let pdp: Upstream;
  let service: TestService;
  let status = 200;
  const sent: string[] = [];
  const canary = 'canary-of-the-decision-point';

  before(async () => {
    pdp = await startUpstream((request, response) => {
      sent.push(JSON.stringify([request.url, request.rawHeaders]));
      request.on('data', (part) => sent.push(String(part)));
      request.on('end', () => {
        const body = status === 200 ? { decision: true } : { decision: true, context: canary };
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
    service = await startService({
      more: `conditions: { ask: { external: { authzen: "http://127.0.0.1:${pdp.port}", deadline: 2s } } }`,
      rules: `
  calendar-agent:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [ask]
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
  });
  after(async () => {
    await service.close();
    await pdp.close();
  });

  it('neither the evidence nor a claim of it nor an issued token reaches the decision point', async () => {
    status = 200;
    const token = await service.token();
    const { body } = await service.exchange({ subject_token: token });
    assert.equal(typeof body.access_token, 'string');
    const text = sent.join();
    assert.match(text, /"subject"/);
    for (const secret of [token, String(body.access_token)]) {
      for (const part of secret.split('.')) assert.ok(!text.includes(part));
    }
    assert.doesNotMatch(text, /"(iss|sub|aud|jti|claims|kubernetes\.io)"/);
  });

  it('what it says in an error is echoed nowhere', async () => {
    for (status of [400, 403, 500]) {
      const { body } = await service.exchange();
      const ready = await send(`${service.healthUrl}/readyz`, {});
      const places = [JSON.stringify([body, ready.body]), await service.auditText(), service.warnings.join()];
      assert.ok(!places.join().includes(canary));
    }
  });
});
