/** What the pipeline does when a room fails, and what it leaves in the record. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { auditLine } from '../../src/audit/line.js';
import type { AuditRecord } from '../../src/audit/record.js';
import { Refusal, Rejected, Unavailable } from '../../src/errors.js';
import { createBehaviour } from '../../src/exchange/behaviour.js';
import { createPipeline, type Rooms } from '../../src/exchange/pipeline.js';
import { compilePolicy } from '../../src/policy/compile.js';
import { conditionsSchema } from '../../src/policy/conditions/schema.js';
import { resourcesSchema, rulesSchema } from '../../src/policy/schema.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { attestationAt } from '../support/attestation.js';
import { keep, replay } from '../support/records.js';
import { calendar, grantType, jwtType, startService } from '../support/service.js';
import { posted } from '../support/wire.js';

const now = 1_800_000_000;
const policy = compilePolicy({
  resources: resourcesSchema.parse({ [calendar]: { scope: ['read'] } }),
  conditions: {},
  rules: rulesSchema.parse({
    one: { workload: { attestor: 'one', selectors: ['k8s:ns:a'] }, grant: { resource: calendar, scope: ['read'] } },
  }),
  attestors: new Map([['one', { selectorKinds: ['k8s:ns'], facts: [] }]]),
  environment: 'production',
});
const attestation = attestationAt(now, { selectors: ['k8s:ns:a'], claims: { iat: now + 7.5 } });

const nothingRevoked: Rooms['revocation'] = {
  note: () => undefined,
  refresh: () => assert.fail('nothing was passed on'),
  isRevoked: () => assert.fail('nothing was passed on'),
};

function rooms(changes: Partial<Rooms> = {}) {
  const records: AuditRecord[] = [];
  const warnings: string[] = [];
  let signed = 0;
  const all: Rooms = {
    issuer: 'https://sts.example',
    signer: {
      algorithms: ['ES256'],
      publicKeys: () => [],
      close: async () => {},
      sign: async () => {
        signed += 1;
        return 'signed';
      },
    },
    attest: async () => attestation,
    dpop: { verify: async () => assert.fail(), claim: async () => {}, nonce: () => assert.fail() },
    delegate: async () => assert.fail('nobody is asked for'),
    behaviour: { read: (_, { facts }) => facts, count: () => undefined },
    lookUp: (_, { facts }) => facts,
    policy: () => policy,
    revocation: nothingRevoked,
    audit: {
      append: async (record) => void records.push(keep(auditLine(record), policy)),
      admit: () => true,
      close: async () => {},
    },
    deployment: { environment: 'production', region: null },
    drafts: {},
    now: () => now * 1000,
    warn: (message) => void warnings.push(message),
    observe: () => {},
    ...changes,
  };
  return { run: createPipeline(all), records, warnings, signed: () => signed };
}

const form = { grant_type: grantType, subject_token_type: jwtType, subject_token: 'a.b.c', resource: calendar };
const wire = (changes: Record<string, string> = {}) => posted({ ...form, ...changes });

describe('pipeline', () => {
  it('records who, what, where and when of a permitted request', async () => {
    const { run, records } = rooms();
    assert.equal((await run(wire())).status, 200);
    const [record] = records;
    assert.ok(record);
    const { decision_id, granted, ...rest } = record;
    assert.match(decision_id, /^[0-9a-f-]{36}$/);
    assert.match(granted?.jti ?? '', /^[0-9a-f-]{36}$/);
    assert.deepEqual({ ...granted, jti: '' }, { resource: calendar, scope: ['read'], lifetime: 600, jti: '' });
    assert.deepEqual(rest, {
      time: '2027-01-15T08:00:00.000Z',
      outcome: 'permitted',
      error: null,
      reason: 'granted',
      detail: 'Granted by "one".',
      grant_type: grantType,
      attestor: 'one',
      subject: attestation.subject,
      instance: 'pod:1',
      assurance: 'medium',
      evidence_sha256: createHash('sha256').update('a.b.c').digest('hex'),
      evidence_id: 'id-1',
      selectors: ['k8s:ns:a'],
      facts: {
        now,
        environment: 'production',
        unknown: {},
        podless: false,
        posture: {},
        assurance: 'medium',
        evidenceIssuedAt: now + 7.5,
        vouchesUntil: now + 600,
        network: { ip: '192.0.2.1' },
      },
      shadow: null,
      alert: null,
      request: {
        ...{ resource: [calendar], scope: null, requested_token_type: null, authorization_details: null },
        ...{ actor: null, delegator: null },
      },
      rules: [{ rule: 'one', effect: 'grant', verdict: 'holds', clause: null, expected: null, seen: null }],
      policy_revision: policy.revision,
      environment: 'production',
      region: null,
      address: '192.0.2.1',
      duration_ms: 0,
      skew_s: 7.5,
    });
  });

  it('makes no token of what could not be counted, and records it', async () => {
    const count = async () => {
      throw new Unavailable('store_unavailable', 'The store did not count the token.');
    };
    const { run, records, signed } = rooms({ behaviour: { read: (_, { facts }) => facts, count } });
    assert.deepEqual([(await run(wire())).status, signed()], [503, 0]);
    assert.deepEqual([records[0]?.outcome, records[0]?.reason], ['refused', 'store_unavailable']);
  });

  it('refuses what is refused once it is counted, and records what was decided last', async () => {
    const limited = compilePolicy({
      resources: resourcesSchema.parse({ [calendar]: { scope: ['read'] } }),
      conditions: {},
      rules: rulesSchema.parse({
        one: {
          workload: { attestor: 'one' },
          conditions: [{ behaviour: { exchangesPerHour: 3 } }],
          grant: { resource: calendar, scope: ['read'] },
        },
      }),
      attestors: new Map([['one', { selectorKinds: ['k8s:ns'], facts: [] }]]),
      environment: 'production',
    });
    // Another replica is ahead of what was read here.
    const store = { ...createMemoryStore({ now: () => now * 1000 }), get: async () => undefined };
    const written: AuditRecord[] = [];
    const { run, signed } = rooms({
      policy: () => limited,
      behaviour: createBehaviour({ store, nodeKinds: new Map() }),
      audit: {
        append: async (record) => void written.push(keep(auditLine(record), limited)),
        admit: () => true,
        close: async () => {},
      },
    });
    const statuses = [];
    for (let round = 0; round < 5; round++) statuses.push((await run(wire())).status);
    assert.deepEqual([statuses, signed()], [[200, 200, 200, 400, 400], 3]);
    assert.deepEqual(
      written.map(({ facts }) => facts?.behaviour?.exchangesPerHour),
      [1, 2, 3, 4, 5],
    );
    assert.equal(written[4]?.rules?.[0]?.seen, '5 with this one, since 2027-01-15T08:00Z');
  });

  it('records the claims that the policy reads, so that the decision can be made again from the record', async () => {
    const cel = 'workload.claims.repository == "acme/app" && !has(workload.claims.fork)';
    const reading = compilePolicy({
      resources: resourcesSchema.parse({ [calendar]: { scope: ['read'] } }),
      conditions: conditionsSchema.parse({ ours: { cel } }),
      rules: rulesSchema.parse({
        one: { workload: { attestor: 'one' }, conditions: ['ours'], grant: { resource: calendar, scope: ['read'] } },
      }),
      attestors: new Map([['one', { selectorKinds: ['k8s:ns'], facts: [] }]]),
      environment: 'production',
    });
    const seen: unknown[] = [];
    for (const repository of ['acme/app', 'acme/other']) {
      const records: AuditRecord[] = [];
      const { run } = rooms({
        policy: () => reading,
        attest: async () => ({ ...attestation, claims: { repository, email: 'nobody@example.com' } }),
        audit: {
          append: async (record) => void records.push(keep(auditLine(record), reading)),
          admit: () => true,
          close: async () => {},
        },
      });
      await run(wire());
      const [record] = records;
      assert.ok(record);
      replay(record, reading);
      seen.push([record.outcome, record.facts?.claims, record.rules?.[0]?.seen]);
    }
    assert.deepEqual(seen, [
      ['permitted', { repository: 'acme/app', fork: null }, null],
      [
        'refused',
        { repository: 'acme/other', fork: null },
        'false: claims.fork absent, claims.repository "acme/other"',
      ],
    ]);
  });

  it('records the posture that the policy reads, so that the decision can be made again from the record', async () => {
    const reading = compilePolicy({
      resources: resourcesSchema.parse({ [calendar]: { scope: ['read'] } }),
      conditions: conditionsSchema.parse({ node: { posture: { kubelet: '>=1.33', maxAge: '60s' } } }),
      rules: rulesSchema.parse({
        one: { workload: { attestor: 'one' }, conditions: ['node'], grant: { resource: calendar, scope: ['read'] } },
      }),
      attestors: new Map([['one', { selectorKinds: ['k8s:ns'], facts: ['posture.kubelet'] }]]),
      environment: 'production',
    });
    const observed = (value: unknown) => ({ value, observedAt: now - 5 });
    const kubelets = [
      [observed('v1.36.3'), 200],
      [observed('v1.32.0'), 400],
      [observed(/1.36/), 400],
    ] as const;
    const seen: unknown[] = [];
    for (const [kubelet, status] of kubelets) {
      const { run, records } = rooms({
        policy: () => reading,
        attest: async () => ({
          ...attestation,
          facts: { 'posture.kubelet': kubelet, 'posture.kernel': observed('6.1') },
        }),
        audit: {
          append: async (record) => void records.push(keep(auditLine(record), reading)),
          admit: () => true,
          close: async () => {},
        },
      });
      assert.equal((await run(wire())).status, status);
      const [record] = records;
      assert.ok(record);
      replay(record, reading);
      seen.push(record.facts?.posture, record.rules?.[0]?.seen);
    }
    assert.deepEqual(seen, [
      { kubelet: observed('v1.36.3') },
      null,
      { kubelet: observed('v1.32.0') },
      'v1.32.0',
      { kubelet: observed(null) },
      'unknown (missing): something else cannot be compared',
    ]);
  });

  it('has every field of the record on every path (Vault CVE-2024-8365)', async () => {
    const { run, records } = rooms();
    await run(wire());
    await run({ ...wire(), method: 'GET' });
    await run({ ...wire(), body: 'too_large' });
    await run(wire({ grant_type: 'password' }));
    await run(wire({ scope: 'other' }));
    const [first, ...others] = records.map((record) => Object.keys(record));
    assert.equal(others.length, 4);
    for (const fields of others) assert.deepEqual(fields, first);
  });

  it('keeps the record before the answer leaves', async () => {
    const order: string[] = [];
    const { run } = rooms({
      audit: {
        admit: () => true,
        close: async () => {},
        append: () => new Promise((resolve) => setTimeout(() => resolve(void order.push('kept')), 20)),
      },
    });
    await run(wire());
    order.push('answered');
    assert.deepEqual(order, ['kept', 'answered']);
  });

  for (const [title, request] of [
    ['a permitted request', wire()],
    ['a refused one', wire({ scope: 'other' })],
  ] as const) {
    it(`a sink that fails means 503 and no token for ${title}`, async () => {
      const append = () => Promise.reject(new Refusal('audit_unavailable', 'audit_sink_failed', 'disk full'));
      const { run } = rooms({ audit: { append, admit: () => true, close: async () => {} } });
      const answer = await run(request);
      assert.equal(answer.status, 503);
      assert.equal(answer.headers['Retry-After'], '1');
      const body = JSON.parse(answer.body);
      assert.deepEqual(
        [body.error, body.access_token, body.decision_id],
        ['temporarily_unavailable', undefined, undefined],
      );
    });
  }

  it('a condition on posture that the attestor does not know stops a grant, from the configuration file on', async () => {
    const service = await startService({
      more: 'conditions: { patched: { posture: { kubelet: ">=1.33.4" } } }',
      rules: `
  one:
    workload: { attestor: prod-eu, selectors: ["k8s:ns:agents"] }
    conditions: [patched]
    grant: { resource: "${calendar}", scope: ["read:calendar"] }`,
    });
    // The attestor of this service has no API server to ask for nodes.
    const answer = await service.exchange();
    const { rules, facts } = await service.lastRecord();
    await service.close();
    assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_target']);
    assert.deepEqual(facts?.posture, {});
    const clause = { clause: 'conditions.patched.posture.kubelet', expected: '>=1.33.4', seen: 'unknown (missing)' };
    assert.deepEqual(rules, [{ rule: 'one', effect: 'grant', verdict: 'unknown', ...clause }]);
  });

  it('a full disk means 503, over the real sink', async function () {
    if (process.platform !== 'linux') return this.skip(); // /dev/full is Linux's
    const service = await startService({
      audit: '{ durability: strict, sinks: [{ type: file, path: audit.jsonl }, { type: file, path: /dev/full }] }',
    });
    const answer = await service.exchange();
    assert.deepEqual([answer.status, answer.body.error], [503, 'temporarily_unavailable']);
    await service.close();
  });

  it('a dependency that fails is 503 with Retry-After, and the record says which', async () => {
    const { run, records } = rooms({
      attest: () => Promise.reject(new Unavailable('review_unavailable', 'the API server answered 500', 7)),
    });
    const answer = await run(wire());
    assert.deepEqual([answer.status, answer.headers['Retry-After']], [503, '7']);
    assert.deepEqual([records[0]?.reason, records[0]?.detail], ['review_unavailable', 'the API server answered 500']);
  });

  it('a fault of our own is 500: the client learns nothing of it, the operator’s log has the stack', async () => {
    const { run, records, warnings } = rooms({
      attest: () => Promise.reject(new TypeError('secret internals')),
    });
    const answer = await run(wire());
    assert.equal(answer.status, 500);
    assert.equal(answer.body.includes('internals'), false);
    assert.equal(records[0]?.reason, 'internal');
    assert.match(warnings[0] ?? '', /secret internals[\s\S]* at /);
  });

  it('a signer that fails gives no token', async () => {
    const { run, records } = rooms({
      signer: {
        algorithms: ['ES256'],
        publicKeys: () => [],
        close: async () => {},
        sign: () => Promise.reject(new Unavailable('key_unavailable', 'the key cannot be used')),
      },
    });
    const answer = await run(wire());
    assert.equal(answer.status, 503);
    assert.deepEqual([records[0]?.outcome, records[0]?.granted], ['refused', null]);
  });

  it('a token that could not be revoked does not leave: 503, and the record grants nothing', async () => {
    const note = () => Promise.reject(new Unavailable('store_unavailable', 'disk full'));
    const { run, records } = rooms({ revocation: { ...nothingRevoked, note } });
    const answer = await run(wire());
    assert.deepEqual([answer.status, JSON.parse(answer.body).access_token], [503, undefined]);
    assert.deepEqual([records[0]?.reason, records[0]?.granted], ['store_unavailable', null]);
  });

  it('a token whose workload ended meanwhile does not leave: the evidence is at fault', async () => {
    const note = () => {
      throw new Rejected('instance_ended', 'pod:1 ended: pod_deleted.');
    };
    const { run, records } = rooms({ revocation: { ...nothingRevoked, note } });
    const answer = await run(wire());
    const { error, access_token } = JSON.parse(answer.body);
    assert.deepEqual([answer.status, error, access_token], [400, 'invalid_request', undefined]);
    assert.deepEqual([records[0]?.reason, records[0]?.granted], ['instance_ended', null]);
  });

  it('a token of ours that is revoked while the next is made of it: that one does not leave', async () => {
    const rules = rulesSchema.parse({
      onwards: {
        ...{ workload: { attestor: 'one' }, delegator: { attestor: 'one', resource: calendar } },
        grant: { resource: calendar, scope: ['read'] },
      },
    });
    const resources = resourcesSchema.parse({ [calendar]: { scope: ['read'] } });
    const supply = new Map([['one', { selectorKinds: ['k8s:ns'], facts: [] }]]);
    const onwards = compilePolicy({ resources, conditions: {}, rules, attestors: supply, environment: 'production' });
    const link = (name: string) => ({ subject: `spiffe://example.com/one/${name}`, attestor: 'one', instance: name });
    const delegate: Rooms['delegate'] = async () => ({
      ...{ delegator: link('anna'), actors: [link('agent')], tokens: ['second', 'first'], claims: null },
      ...{ resource: calendar, scope: ['read'], targets: null, mayAct: false, assurance: 'low', evidenceId: 'second' },
      ...{ attestedAt: now - 5, vouchesUntil: now + 60 },
    });
    const events: unknown[] = [];
    const revocation: Rooms['revocation'] = {
      note: () => void events.push('noted') as undefined,
      refresh: async () => void events.push('read'),
      isRevoked: (token) => events.push(token) > 0,
    };
    const records: AuditRecord[] = [];
    const append = async (record: AuditRecord) => void records.push(keep(auditLine(record), onwards));
    const audit = { append, admit: () => true, close: async () => {} };
    const { run, signed } = rooms({ policy: () => onwards, delegate, revocation, audit });
    const type = 'urn:ietf:params:oauth:token-type:access_token';
    const actor = { actor_token: 'd.e.f', actor_token_type: jwtType };
    const answer = await run(wire({ subject_token_type: type, ...actor }));
    assert.deepEqual([answer.status, JSON.parse(answer.body).access_token, signed()], [400, undefined, 1]);
    assert.deepEqual([records[0]?.reason, records[0]?.granted], ['token_revoked', null]);
    const links = [link('agent'), link('anna')];
    assert.deepEqual(events.slice(-2), ['read', { id: 'second', ancestors: ['first'], issuedAt: now - 5, links }]);
  });

  it('notes who holds the token, as the token says it', async () => {
    const noted: unknown[] = [];
    const { run } = rooms({ revocation: { ...nothingRevoked, note: (issue) => void noted.push(issue) as undefined } });
    assert.equal((await run(wire())).status, 200);
    const { attestor, instance, subject, attestedAt } = attestation;
    assert.deepEqual(noted, [
      { attestor, instance, subject, attestedAt, resource: calendar, issuedAt: now, expiresAt: now + 600 },
    ]);
  });

  it('nothing is signed for a request that is refused', async () => {
    const { run, signed } = rooms();
    await run(wire({ scope: 'other' }));
    await run(wire({ client_id: 'somebody' }));
    assert.equal(signed(), 0);
  });

  it('beyond the budget, a refusal without verified evidence is answered and not written', async () => {
    const audit = { append: async () => assert.fail('written'), admit: () => false, close: async () => {} };
    const answer = await rooms({ audit }).run(wire({ grant_type: 'password' }));
    const body = JSON.parse(answer.body);
    assert.deepEqual([answer.status, body.error, body.decision_id], [400, 'unsupported_grant_type', undefined]);
  });

  it('a refusal with verified evidence is written whatever the budget says', async () => {
    const records: AuditRecord[] = [];
    const append = async (record: AuditRecord) => void records.push(record);
    await rooms({ audit: { append, admit: () => false, close: async () => {} } }).run(wire({ scope: 'other' }));
    assert.equal(records[0]?.reason, 'scope_not_granted');
  });
});
