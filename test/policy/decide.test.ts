import assert from 'node:assert/strict';
import { decide } from '../../src/policy/decide.js';
import type { Decision } from '../../src/policy/decision.js';
import type { Asked, Facts } from '../../src/policy/facts.js';
import { calendar, compile, compileRules, factsOf, now } from './samples.js';

const all: Asked = { resource: calendar, scope: null };

describe('policy/decide', () => {
  const one = { workload: { attestor: 'prod-eu' }, grant: { resource: calendar, scope: ['write', 'read'] } };
  const two = { workload: { attestor: 'prod-eu', selectors: ['k8s:ns:a'] }, deny: { resource: '*' } };

  it('returns frozen values', () => {
    const decision = decide(compileRules({ one, two }), factsOf(), all);
    assert.deepEqual(decision.granted, {
      resource: calendar,
      scope: ['read', 'write'],
      lifetime: 600,
      algorithm: null,
    });
    for (const part of [decision, decision.granted, decision.granted?.scope, decision.rules, ...decision.rules]) {
      assert.ok(Object.isFrozen(part));
    }
  });

  it('names in the detail what a person needs to know', () => {
    const detail = (facts: Facts, request: Asked = all) => decide(compileRules({ one, two }), facts, request).detail;
    assert.equal(detail(factsOf()), 'Granted by "one".');
    assert.equal(
      detail(factsOf({ vouchesUntil: now + 90 })),
      'Granted by "one". After 90 s it is ended by the evidence.',
    );
    const until = { ...one, conditions: [{ time: { notAfter: new Date((now + 40) * 1000).toISOString() } }] };
    assert.equal(
      decide(compileRules({ until }), factsOf({ vouchesUntil: now + 90 }), all).detail,
      'Granted by "until". After 40 s it is ended by conditions[0].time.notAfter of "until".',
    );
    assert.equal(detail(factsOf({ selectors: ['k8s:ns:a'] })), 'The rule "two" denies this target.');
    assert.equal(
      detail(factsOf({ selectors: [], unknown: { 'k8s:ns': 'missing' } })),
      'It is not known whether the rule "two" applies: workload.selectors expects k8s:ns:a and saw unknown (missing).',
    );
  });

  it('does not depend on the order in which selectors come', () => {
    const policy = compileRules({ one, two });
    const selectors = ['k8s:sa:x', 'k8s:ns:a'];
    assert.equal(decide(policy, factsOf({ selectors }), all).reason, 'denied_by_rule');
    assert.equal(decide(policy, factsOf({ selectors: selectors.toReversed() }), all).reason, 'denied_by_rule');
  });

  it('takes a cause that it does not know for a missing fact', () => {
    const unknown = { 'k8s:ns': 'mystery' as 'missing' };
    const decision = decide(compileRules({ one, two }), factsOf({ selectors: [], unknown }), all);
    assert.equal(decision.fault, 'target_refused');
  });

  for (const [what, vouchesUntil, clock] of [
    ['an end that is no number', Number.NaN, now],
    ['a clock that is no number', now + 60, Number.NaN],
    ['an end and a clock without end', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ] as const) {
    it(`grants nothing on ${what}`, () => {
      const decision = decide(compileRules({ one }), { ...factsOf({ vouchesUntil }), now: clock }, all);
      assert.equal(decision.reason, 'no_time_left');
      assert.equal(decision.granted, null);
    });
  }

  it('counts whole seconds, so that exp is never beyond what the evidence vouches for', () => {
    const lifetime = (clock: number, vouchesUntil: number) =>
      decide(compileRules({ one }), { ...factsOf({ vouchesUntil }), now: clock }, all).granted?.lifetime;
    assert.equal(lifetime(now + 0.9, now + 60.1), 60);
    assert.equal(lifetime(now + 0.1, now + 60.9), 60);
    assert.equal(lifetime(now, now + 600.5), 600);
  });

  it('evaluates only the rules that cover the target, of ten thousand', () => {
    const resources: Record<string, unknown> = { [calendar]: { scope: ['read', 'write'] } };
    const rules: Record<string, unknown> = { one };
    for (let index = 0; index < 10_000; index++) {
      resources[`https://r${index}.example/`] = { scope: ['read'] };
      const grant = { resource: `https://r${index}.example/`, scope: ['read'] };
      rules[`other-${index}`] = { workload: { attestor: 'prod-eu', selectors: ['k8s:ns:x'] }, grant };
    }
    const decision = decide(compile({ resources, rules }), factsOf(), all);
    assert.deepEqual(
      decision.rules.map(({ rule }) => rule),
      ['one'],
    );
  });
});

describe('policy/decide without a target, of an attestor with many rules', () => {
  const rulesOf = (count: number, holding: number): Record<string, unknown> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => {
        const selectors = [index % (count / holding) === 0 ? 'k8s:ns:agents*' : 'k8s:ns:other*'];
        const grant = { resource: `https://r${index}.example/`, scope: ['read'] };
        return [`rule-${index}`, { workload: { attestor: 'prod-eu', selectors }, grant }];
      }),
    );
  const decideAmong = (count: number, holding: number): Decision => {
    const rules = rulesOf(count, holding);
    const resources = Object.keys(rules).map((_, index) => [`https://r${index}.example/`, { scope: ['read'] }]);
    return decide(compile({ resources: Object.fromEntries(resources), rules }), factsOf(), {
      resource: null,
      scope: null,
    });
  };

  it('tells 64 of them, first those that do not fail, in the order of their names, and how many it left out', () => {
    const { rules, detail } = decideAmong(5000, 20);
    assert.equal(rules.length, 64);
    assert.equal(rules.filter(({ verdict }) => verdict === 'holds').length, 20);
    const names = rules.map(({ rule }) => rule);
    assert.deepEqual(names, names.toSorted());
    assert.equal(
      detail,
      'No target was named, and 20 could be granted: name one. 4936 of 5000 rules are left out here.',
    );
    assert.equal(decideAmong(200, 100).rules.length, 64);
  });

  it('tells all when there are no more than 50', () => {
    const { rules, detail } = decideAmong(50, 2);
    assert.equal(rules.length, 50);
    assert.equal(detail, 'No target was named, and 2 could be granted: name one.');
  });

  it('decides the same again', () => assert.deepEqual(decideAmong(5000, 20), decideAmong(5000, 20)));
});
