import assert from 'node:assert/strict';
import type { OutboundAnswer, OutboundRequest } from '../../attestors/attestor.js';
import { Unavailable } from '../../src/errors.js';
import type { TargetInquiry } from '../../src/exchange/look-up.js';
import { createExternal } from '../../src/external/authzen.js';
import type { ExternalLookup } from '../../src/policy/lookup.js';
import { factsOf, now as start } from '../policy/samples.js';
import { attestationAt } from '../support/attestation.js';

const url = 'https://pdp.example';
const lookupOf = (changes: Partial<ExternalLookup['ask']> = {}): ExternalLookup => ({
  kind: 'external',
  key: url,
  ask: { url, eachScope: false, deadline: 100, tokenFile: null, ...changes },
});
const inquiry = (changes: Partial<TargetInquiry> = {}): TargetInquiry => ({
  attestation: attestationAt(start),
  facts: factsOf(),
  asked: { resource: 'https://calendar.example/mcp', scope: null },
  scope: ['read'],
  decisionId: 'd-1',
  ...changes,
});
const answer = (body: string): OutboundAnswer => ({
  status: 200,
  contentType: 'application/json; charset=utf-8',
  body: Buffer.from(body),
});

function room(send: (url: string, request: OutboundRequest) => Promise<OutboundAnswer>) {
  const warnings: string[] = [];
  const clock = { now: start };
  const ask = createExternal({
    send,
    path: (relative) => `/nowhere/${relative}`,
    now: () => clock.now,
    warn: (message) => warnings.push(message),
  });
  return { ask, clock, warnings };
}

describe('external/authzen', () => {
  it('never rejects, whatever the way out throws, and ends in time even if that does not listen', async () => {
    for (const send of [
      () => Promise.reject(new Unavailable('outbound_address', 'no')),
      () => Promise.reject(new Error('a fault of ours')),
      () => new Promise<never>(() => {}),
    ]) {
      const { ask } = room(send);
      assert.deepEqual(await ask(lookupOf(), inquiry()), { unknown: { [`external.${url}`]: 'unavailable' } });
    }
  });

  it('tells of failures once a minute for each decision point, also when the clock is set back, and when one answers again', async () => {
    let fails = true;
    const { ask, clock, warnings } = room(async () => {
      if (fails) throw new Unavailable('outbound_failed', 'It failed.');
      return answer('{"decision":true}');
    });
    await ask(lookupOf(), inquiry());
    await ask(lookupOf(), inquiry());
    await ask(lookupOf({ url: 'https://other.example' }), inquiry());
    assert.deepEqual(warnings, [
      `external: ${url} gave no usable answer in decision d-1, and maybe in others: It failed.`,
      'external: https://other.example gave no usable answer in decision d-1, and maybe in others: It failed.',
    ]);
    fails = false;
    for (let times = 0; times < 3; times++) await ask(lookupOf(), inquiry());
    assert.deepEqual(warnings.slice(2), [`external: ${url} answers again`]);
    fails = true;
    await ask(lookupOf(), inquiry());
    clock.now += 60;
    await ask(lookupOf(), inquiry());
    clock.now -= 1000;
    await ask(lookupOf(), inquiry());
    assert.equal(warnings.length, 5);
  });

  it('has at most 256 requests to one decision point under way, and refuses more at once', async () => {
    const open: (() => void)[] = [];
    const { ask } = room(() => new Promise((resolve) => open.push(() => resolve(answer('{"decision":true}')))));
    const asked = Array.from({ length: 300 }, () => ask(lookupOf({ deadline: 5_000 }), inquiry()));
    while (open.length < 256) await new Promise(setImmediate);
    for (const end of open) end();
    const answers = await Promise.all(asked);
    assert.equal(answers.filter(({ external }) => external?.[url]?.decision).length, 256);
    assert.equal(open.length, 256);
  });

  it('leaves nothing out of a request that is too large: it is not sent', async () => {
    let sent = 0;
    const { ask, warnings } = room(async () => {
      sent += 1;
      return answer('{"decision":true}');
    });
    const selectors = Array.from({ length: 2_000 }, (_, index) => `k8s:pod-label:${'x'.repeat(40)}:${index}`);
    const large = inquiry({ attestation: attestationAt(start, { selectors }) });
    assert.equal((await ask(lookupOf(), large)).external, undefined);
    assert.equal(sent, 0);
    assert.match(warnings.join(), /would be over 65536 bytes/);
  });

  it('says what is not known of the workload, and nothing where it is', async () => {
    const bodies: string[] = [];
    const { ask } = room(async (_, { body }) => {
      bodies.push(String(body));
      return answer('{"decision":true}');
    });
    await ask(
      lookupOf(),
      inquiry({
        attestation: attestationAt(start, {
          environment: null,
          unknownSelectors: { 'k8s:pod-label': 'unavailable', 'k8s:node': 'missing' },
        }),
        facts: factsOf({}, { network: { ip: null } }),
      }),
    );
    const { subject, context } = JSON.parse(bodies[0] ?? '') as Record<string, Record<string, unknown>>;
    assert.deepEqual(subject?.properties, {
      attestor: 'one',
      assurance: 'medium',
      instance: 'pod:1',
      selectors: ['k8s:ns:a', 'k8s:sa:b'],
      unknown_selectors: ['k8s:node', 'k8s:pod-label'],
      'cerbos.roles': ['workload'],
    });
    assert.deepEqual(Object.keys(context ?? {}), ['time', 'scope', 'decision_id']);
  });
});
