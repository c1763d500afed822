import assert from 'node:assert/strict';
import type { AuditRecord } from '../../src/audit/record.js';
import { decide } from '../../src/policy/decide.js';
import { explainRecord } from '../../src/policy/explain.js';
import { record } from '../audit/fixtures.js';
import { calendar, compileRules, factsOf, now } from './samples.js';

const refused = (changes: Partial<AuditRecord>): AuditRecord =>
  record({ outcome: 'refused', error: 'invalid_target', granted: null, ...changes });

describe('explainRecord', () => {
  it('tells what was permitted', () => {
    assert.equal(
      explainRecord(record()),
      `PERMITTED  granted

Decision    d-1
Time        2026-11-02T09:30:00.125Z, took 1.25 ms
Where       production, eu-central-1; asked from 10.4.0.7
Who         spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent
            attestor prod-eu, assurance medium
            instance pod:6f1c
Evidence    SHA-256 ab12
            id jti-1
Selectors   k8s:ns:agents
            k8s:sa:calendar-agent
Asked for   https://calendar.example/mcp
            scope read:calendar
            by urn:ietf:params:oauth:grant-type:token-exchange
Rules       ✓ calendar-agent (grant): every clause holds
Granted     scope read:calendar of https://calendar.example/mcp
            for 600 s, as token t-1
Policy      revision rev-1
To do       nothing
`,
    );
  });

  it('tells which clause refused, what it expected and what it saw', () => {
    const explained = explainRecord(
      refused({
        reason: 'no_rule_grants',
        detail: 'No rule grants this workload anything of https://calendar.example/mcp.',
        rules: [
          {
            rule: 'calendar-agent',
            effect: 'grant',
            verdict: 'fails',
            clause: 'workload.selectors',
            expected: 'k8s:sa:calendar-agent',
            seen: 'k8s:sa:other',
          },
          {
            rule: 'quarantine',
            effect: 'deny',
            verdict: 'fails',
            clause: 'workload.selectors',
            expected: 'k8s:ns:quarantine',
            seen: 'k8s:ns:agents',
          },
        ],
      }),
    );
    assert.equal(
      explained.slice(0, explained.indexOf('Decision')),
      `REFUSED  no_rule_grants (the client got invalid_target)
  No rule grants this workload anything of https://calendar.example/mcp.

`,
    );
    assert.equal(
      explained.slice(explained.indexOf('Rules')),
      `Rules       ✗ calendar-agent (grant): workload.selectors fails
                expected  k8s:sa:calendar-agent
                seen      k8s:sa:other
            ✗ quarantine (deny): workload.selectors fails
                expected  k8s:ns:quarantine
                seen      k8s:ns:agents
Granted     nothing
Policy      revision rev-1
To do       If it should be permitted, add a rule for this workload and resource, or change a clause that fails above.
`,
    );
  });

  it('tells why evidence was refused, without a rule', () => {
    assert.equal(
      explainRecord(
        refused({
          error: 'invalid_request',
          reason: 'jwt_expired',
          detail: 'exp 1793611000 is past: it is 1793611800',
          subject: null,
          instance: null,
          assurance: null,
          evidence_id: null,
          selectors: null,
          facts: null,
          rules: null,
          skew_s: 4,
          region: null,
          request: { ...record().request, resource: [], scope: null },
        }),
      ),
      `REFUSED  jwt_expired (the client got invalid_request)
  exp 1793611000 is past: it is 1793611800

Decision    d-1
Time        2026-11-02T09:30:00.125Z, took 1.25 ms
Where       production; asked from 10.4.0.7
Who         not known: no evidence was verified
Evidence    SHA-256 ab12
            issued 4 s in our future: compare the clocks
Selectors   –
Asked for   no resource named
            no scope named: all that is granted
            by urn:ietf:params:oauth:grant-type:token-exchange
Rules       none was looked at: the request ended before the policy
Granted     nothing
Policy      revision rev-1
To do       Correct in the request, or in the attestor that should accept it, what the reason names.
`,
    );
  });

  it('tells which condition refused, of a decision about posture', () => {
    const workload = { attestor: 'prod-eu' };
    const grant = { resource: calendar, scope: ['read'] };
    const policy = compileRules(
      { agents: { workload, conditions: ['patched'], grant }, writers: { workload, conditions: ['recent'], grant } },
      { patched: { posture: { kubelet: '>=1.33.4' } }, recent: { posture: { ready: true, maxAge: '60s' } } },
    );
    const posture = {
      kubelet: { value: 'v1.31.2-eks-7f9249a', observedAt: now },
      ready: { value: true, observedAt: now - 95 },
    };
    const { rules } = decide(policy, factsOf({ posture }), { resource: calendar, scope: null });
    const explained = explainRecord(refused({ rules }));
    assert.equal(
      explained.slice(explained.indexOf('Rules'), explained.indexOf('Granted')),
      `Rules       ✗ agents (grant): conditions.patched.posture.kubelet fails
                expected  >=1.33.4
                seen      v1.31.2-eks-7f9249a
            ? writers (grant): conditions.recent.posture.ready is unknown
                expected  true, observed within 60 s
                seen      unknown (unavailable): observed 95 s ago
`,
    );
    assert.match(explained, /See why conditions\.recent\.posture\.ready of writers is not known/);
  });

  it('tells what was unknown', () => {
    const explained = explainRecord(
      refused({
        reason: 'unknown_facts',
        rules: [
          {
            rule: 'calendar-agent',
            effect: 'grant',
            verdict: 'unknown',
            clause: 'workload.environment',
            expected: 'production',
            seen: null,
          },
        ],
      }),
    );
    assert.match(
      explained,
      /^Rules {7}\? calendar-agent \(grant\): workload\.environment is unknown\n {16}expected {2}production$/m,
    );
    assert.match(explained, /^To do {7}See why workload\.environment of calendar-agent is not known\.$/m);
  });

  const denial = { rule: 'quarantine', effect: 'deny', clause: null, expected: null, seen: null } as const;
  const advice: Readonly<Record<string, [Partial<AuditRecord>, RegExp]>> = {
    'a denial': [{ rules: [{ ...denial, verdict: 'holds' }] }, /see that the denial quarantine does not apply/],
    'a denial that is unknown': [
      { rules: [{ ...denial, verdict: 'unknown' }] },
      /the denial quarantine does not apply/,
    ],
    'a scope': [{ error: 'invalid_scope' }, /Ask for a scope that a rule grants/],
    'a dependency': [{ error: 'temporarily_unavailable' }, /Try again/],
    'our failure': [{ error: 'server_error' }, /the log of the service/],
    'no candidate': [{ rules: [] }, /no rule is a candidate[\s\S]*add a rule/],
  };
  for (const [name, [changes, expected]] of Object.entries(advice)) {
    it(`says what to do about ${name}`, () => assert.match(explainRecord(refused(changes)), expected));
  }
});
