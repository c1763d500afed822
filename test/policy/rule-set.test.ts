import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AttestorRules, CompiledRule, Policy } from '../../src/policy/compile.js';
import { decide } from '../../src/policy/decide.js';
import type { Decision } from '../../src/policy/decision.js';
import { lookupsFor } from '../../src/policy/lookups.js';
import { candidateOf, sharedCondition } from '../../src/policy/match.js';
import { createRuleSet } from '../../src/policy/rule-set.js';
import { tellingOfAll } from '../../src/policy-cases/run.js';
import { asked, facts, rawPolicy } from './generated.js';
import { calendar, compile, compileRules, factsOf } from './samples.js';

const all = { resource: calendar, scope: null };
const grant = { resource: calendar, scope: ['read'] };

/** The same with an index over the rules, however few they are. */
function indexed(policy: Policy): Policy {
  const attestors = [...policy.attestors].map(([name, { all, covering, ...rest }]): [string, AttestorRules] => [
    name,
    {
      ...rest,
      all: createRuleSet(all.rules, 1),
      covering: new Map([...covering].map(([resource, { rules }]) => [resource, createRuleSet(rules, 1)])),
    },
  ]);
  return { ...policy, attestors: new Map(attestors) };
}

/** With clauses that count how often they are looked at. */
function counting(policy: Policy) {
  const looks = { rules: new Set<string>(), clauses: 0 };
  const counted = (rule: CompiledRule): CompiledRule => ({
    ...rule,
    clauses: rule.clauses.map((clause) => ({
      ...clause,
      rank(candidate) {
        looks.rules.add(rule.name);
        looks.clauses += 1;
        return clause.rank(candidate);
      },
    })),
  });
  const attestors = [...policy.attestors].map(([name, { all, covering, ...rest }]): [string, AttestorRules] => [
    name,
    {
      ...rest,
      all: createRuleSet(all.rules.map(counted)),
      covering: new Map([...covering].map(([uri, { rules }]) => [uri, createRuleSet(rules.map(counted))])),
    },
  ]);
  return { policy: { ...policy, attestors: new Map(attestors) }, looks };
}

const ofAccounts = (count: number): Record<string, unknown> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `rule-${index}`,
      { workload: { attestor: 'prod-eu', selectors: ['k8s:ns:agents', `k8s:sa:agent-${index}`] }, grant },
    ]),
  );
const namesOf = ({ rules }: Decision) => rules.map(({ rule }) => rule);
const agent7 = { selectors: ['k8s:ns:agents', 'k8s:sa:agent-7'] };

describe('policy/rule-set', function () {
  this.timeout(60_000);

  it('comes to the same with and without an index: what is granted, the fault, the reason, and who is asked', () => {
    const [narrower, granted] = [{ runs: 0 }, { runs: 0 }];
    fc.assert(
      fc.property(rawPolicy, facts, asked, (raw, known, request) => {
        const policy = compile(raw);
        const [without, within] = [decide(policy, known, request), decide(indexed(policy), known, request)];
        assert.deepEqual(
          [within.granted, within.fault, within.reason],
          [without.granted, without.fault, without.reason],
        );
        assert.deepEqual(lookupsFor(indexed(policy), known, request), lookupsFor(policy, known, request));
        const told = without.rules.filter(({ rule }) => namesOf(within).includes(rule));
        assert.deepEqual(within.rules, told, 'the verdicts are those of all, in the same order');
        const left = without.rules.filter(({ rule }) => !namesOf(within).includes(rule));
        for (const { verdict, clause } of left)
          assert.deepEqual([verdict, clause?.startsWith('workload.')], ['fails', true]);
        if (left.length > 0) narrower.runs += 1;
        if (without.granted !== null) granted.runs += 1;
      }),
      { numRuns: 3000 },
    );
    assert.ok(narrower.runs > 300 && granted.runs > 150, `${narrower.runs} left a rule out, ${granted.runs} granted`);
  });

  it('looks at the few of ten thousand rules that are about the workload, with a target and without', () => {
    const rules = {
      ...ofAccounts(10_000),
      any: { workload: { attestor: 'prod-eu', selectors: ['k8s:ns:age*'] }, grant },
      other: { workload: { attestor: 'prod-eu', not: [{ selectors: ['k8s:sa:agent-7'] }] }, deny: { resource: '*' } },
    };
    const { policy, looks } = counting(compileRules(rules));
    assert.deepEqual(namesOf(decide(policy, factsOf(agent7), all)), ['any', 'other', 'rule-7']);
    assert.deepEqual([...looks.rules].sort(), ['any', 'other', 'rule-7']);
    assert.ok(looks.clauses <= 12, `${looks.clauses} clauses`);
    assert.equal(decide(policy, factsOf(agent7), { resource: null, scope: null }).reason, 'granted');
    assert.deepEqual([...looks.rules].sort(), ['any', 'other', 'rule-7']);
  });

  it('tells all of fewer than 64 rules of a resource, and of more how many are left out of a refusal', () => {
    const few = decide(compileRules(ofAccounts(63)), factsOf({ selectors: ['k8s:ns:agents'] }), all);
    assert.deepEqual([few.rules.length, few.detail], [63, 'No rule grants this target to this workload.']);
    const many = decide(compileRules(ofAccounts(64)), factsOf({ selectors: ['k8s:ns:agents'] }), all);
    assert.deepEqual(
      [many.rules.length, many.detail],
      [0, 'No rule grants this target to this workload. 64 more rules are left out here.'],
    );
    const scope = decide(compileRules(ofAccounts(65)), factsOf(agent7), { ...all, scope: ['write'] });
    assert.deepEqual(namesOf(scope), ['rule-7']);
    assert.match(scope.detail, / 64 more rules are left out here\.$/);
    assert.equal(decide(compileRules(ofAccounts(65)), factsOf(agent7), all).detail, 'Granted by "rule-7".');
  });

  it('leaves no rule out whose kind of selector is not known: a denial that may apply stops the grant', () => {
    const rules = {
      ...ofAccounts(100),
      stop: {
        workload: { attestor: 'prod-eu', selectors: ['k8s:pod-label:quarantine:true'] },
        deny: { resource: '*' },
      },
    };
    const policy = compileRules(rules);
    assert.equal(decide(policy, factsOf(agent7), all).reason, 'granted');
    for (const cause of ['missing', 'unavailable'] as const) {
      const lost = factsOf({ ...agent7, unknown: { 'k8s:pod-label': cause } });
      assert.equal(decide(policy, lost, all).reason, 'deny_unknown');
    }
    const lost = factsOf({ selectors: ['k8s:ns:agents'], unknown: { 'k8s:sa': 'unavailable' } });
    const decision = decide(policy, lost, all);
    assert.deepEqual([decision.reason, decision.rules.length], ['fact_unavailable', 64]);
    assert.match(decision.detail, / 37 more rules are left out here\.$/);
  });

  it('goes by the selector that the fewest rules share, wherever it stands', () => {
    const { policy, looks } = counting(
      compileRules({
        ...ofAccounts(100),
        last: { workload: { attestor: 'prod-eu', selectors: ['k8s:node:n', 'k8s:ns:agents'] }, grant },
      }),
    );
    decide(policy, factsOf(agent7), all);
    assert.deepEqual([...looks.rules], ['rule-7']);
    decide(policy, factsOf({ selectors: [...agent7.selectors, ...agent7.selectors, 'k8s:node:n'] }), all);
    assert.deepEqual([...looks.rules].sort(), ['last', 'rule-7']);
  });

  it('looks at what named conditions read once, however many rules share them', () => {
    const names = ['hours', 'net', 'prod', 'patched', 'first', 'second'];
    const conditions = {
      hours: { time: { from: '00:00', to: '23:59', zone: 'Europe/Berlin' } },
      net: { network: { cidr: ['10.0.0.0/8'] } },
      prod: { environment: ['production'] },
      patched: { posture: { ready: true } },
      first: { cel: 'posture.restarts < 4' },
      second: { cel: 'workload.assurance == "medium"' },
    };
    const rules = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        `r${index}`,
        { workload: { attestor: 'prod-eu' }, conditions: names, grant },
      ]),
    );
    const policy = compileRules(rules, conditions);
    const posture = { ready: { value: true, observedAt: 1 }, restarts: { value: 1, observedAt: 1 } };
    const reads = { ip: 0, ready: 0, restarts: 0, assurance: 0 };
    const known = factsOf({ posture });
    const watched = <Part extends object>(part: Part): Part =>
      new Proxy(part, {
        get(target, key, receiver) {
          if (Object.hasOwn(reads, key)) reads[key as keyof typeof reads] += 1;
          return Reflect.get(target, key, receiver);
        },
      });
    const { workload, network } = known;
    const decision = decide(
      policy,
      { ...known, network: watched(network), workload: watched({ ...workload, posture: watched(posture) }) },
      all,
    );
    assert.equal(decision.reason, 'granted');
    assert.deepEqual(reads, { ip: 1, ready: 1, restarts: 1, assurance: 1 });
  });

  it('asks a shared condition once in a decision whether it holds, and once until when', () => {
    const asks = { rank: 0, until: 0 };
    const condition = {
      expected: '',
      rank: () => {
        asks.rank += 1;
        return 3 as const;
      },
      seen: () => '',
      until: () => {
        asks.until += 1;
        return 7;
      },
    };
    const shared = sharedCondition(condition);
    for (const candidate of [candidateOf(factsOf()), candidateOf(factsOf())]) {
      for (let rule = 0; rule < 20; rule++) {
        assert.deepEqual([shared.rank(candidate), shared.until?.(candidate)], [3, 7]);
      }
    }
    assert.deepEqual(asks, { rank: 2, until: 2 });
  });

  it('can be asked for verdicts on all rules, which come to the same', () => {
    const policy = compileRules(ofAccounts(100));
    const whole = decide(tellingOfAll(policy), factsOf(agent7), all);
    assert.equal(whole.rules.length, 100);
    assert.deepEqual(whole.granted, decide(policy, factsOf(agent7), all).granted);
  });
});
