import assert from 'node:assert/strict';
import { decide } from '../../../src/policy/decide.js';
import type { FactValue } from '../../../src/policy/facts.js';
import { type Condition, candidateOf, type Rank, sharedCondition } from '../../../src/policy/match.js';
import { cpuMilliseconds } from '../../support/cpu-time.js';
import { calendar, compileRules, factsOf, now } from '../samples.js';

const workload = { attestor: 'prod-eu' };
const grant = { resource: calendar, scope: ['read'] };

/** What a grant with this one condition comes to. */
function judged(asked: Readonly<Record<string, unknown>>, facts: Readonly<Record<string, unknown>>, observedAt = now) {
  const policy = compileRules({ one: { workload, conditions: [{ posture: asked }], grant } });
  const posture = Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, { value: value as FactValue, observedAt }]),
  );
  const [rule] = decide(policy, factsOf({ posture }), { resource: calendar, scope: null }).rules;
  return rule;
}

describe('policy/conditions/posture', () => {
  const flags = [
    'ready',
    'memoryPressure',
    'diskPressure',
    'pidPressure',
    'networkUnavailable',
    'privileged',
    'hostNamespaces',
    'runsAsRoot',
    'readOnlyRoot',
  ];
  for (const flag of flags) {
    it(`${flag} is compared with the fact of that name`, () => {
      for (const asked of [true, false]) {
        assert.equal(judged({ [flag]: asked }, { [flag]: asked })?.verdict, 'holds');
        assert.equal(judged({ [flag]: asked }, { [flag]: !asked })?.verdict, 'fails');
        assert.equal(judged({ [flag]: asked }, {})?.verdict, 'unknown');
      }
    });
  }

  const wrongTypes: readonly [asked: Readonly<Record<string, unknown>>, fact: string, wrong: readonly unknown[]][] = [
    [{ kubelet: '>=0' }, 'kubelet', [1.33, true, null, ['1.33'], '', 'new']],
    [{ kernel: '>=0' }, 'kernel', [6, null, [], 'Linux']],
    [{ osImage: ['*'] }, 'osImage', [1, null, ['Ubuntu'], false]],
    [
      { runtime: 'containerd >=0' },
      'runtime',
      ['containerd', 'containerd:/2', '://2', 'containerd://', 'containerd://x', 2, null],
    ],
    [{ ready: true }, 'ready', ['true', 1, null, [true]]],
    [{ nodeBooted: '>=1s' }, 'nodeBootedAt', [`${now - 60}`, null, true, [now - 60], Number.NaN, now + 61]],
    [{ podStarted: '>=1s' }, 'podStartedAt', ['', null, now + 61]],
    [{ restarts: '>=0' }, 'restarts', ['0', null, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, false]],
    [{ images: { only: ['*'] } }, 'images', ['a', null, ['a', null], [['a']], { 0: 'a', length: 1 }]],
  ];
  for (const [asked, fact, wrong] of wrongTypes) {
    it(`${fact} of a wrong type or form is unknown, and is said to be`, () => {
      for (const value of wrong) {
        const rule = judged(asked, { [fact]: value });
        assert.equal(rule?.verdict, 'unknown', JSON.stringify(value));
        assert.match(rule?.seen ?? '', /^unknown \(missing\): .+ cannot be compared$/);
      }
    });
  }

  it('reads no fact from what every object inherits', () => {
    const policy = compileRules({ one: { workload, conditions: [{ posture: { ready: true } }], grant } });
    const posture = Object.create({ ready: { value: true, observedAt: now } });
    assert.equal(decide(policy, factsOf({ posture }), { resource: calendar, scope: null }).reason, 'fact_unknown');
  });

  it('takes a fact that was observed at no time for one that is too old, with and without maxAge', () => {
    for (const asked of [{ ready: true }, { ready: true, maxAge: '60s' }]) {
      for (const observedAt of [Number.NaN, Number.NEGATIVE_INFINITY, null as unknown as number]) {
        assert.equal(judged(asked, { ready: true }, observedAt)?.seen, 'unknown (unavailable): observed at no time');
      }
    }
    assert.equal(judged({ ready: true }, { ready: true }, 0)?.verdict, 'holds');
  });

  it('quotes of a value no more than 512 characters, and nothing that looks like a token', () => {
    const token = `eyJhbGciOiJFUzI1NiJ9.${'e'.repeat(40)}.sig`;
    const values: readonly [Readonly<Record<string, unknown>>, string, unknown][] = [
      [{ osImage: ['x'] }, 'osImage', token],
      [{ runtime: 'x >=1' }, 'runtime', `${token}://1`],
      [{ kubelet: '>=1' }, 'kubelet', token],
      [{ images: { only: ['x'] } }, 'images', [token]],
    ];
    for (const [asked, fact, value] of values) {
      const { seen } = judged(asked, { [fact]: value }) ?? {};
      assert.match(seen ?? '', /\[token\]/);
      assert.ok(!seen?.includes('eeee'));
    }
    assert.equal(judged({ osImage: ['x'] }, { osImage: 'a'.repeat(1000) })?.seen?.length, 512);
  });

  it('is quick for patterns and lists that are made to be slow', () => {
    const only = Array.from({ length: 20 }, (_, index) => `${'*a'.repeat(100)}b${index}`);
    const images = Array.from({ length: 256 }, () => 'a'.repeat(512));
    const took = cpuMilliseconds(() => assert.equal(judged({ images: { only } }, { images })?.verdict, 'fails'));
    assert.ok(took < 5000, `${took} ms`);
  });
});

describe('policy/match sharedCondition', () => {
  it('is looked at once for a candidate, and anew for the next', () => {
    let looks = 0;
    const answers: readonly Rank[] = [2, 0];
    const condition: Condition = { expected: '', seen: () => '', rank: () => answers[looks++] ?? 3 };
    const shared = sharedCondition(condition);
    const [first, second] = [candidateOf(factsOf()), candidateOf(factsOf())];
    assert.deepEqual([shared.rank(first), shared.rank(first)], [2, 2]);
    assert.deepEqual([shared.rank(second), shared.rank(second)], [0, 0]);
    assert.equal(looks, 2);
  });

  it('is another for a grant than for a deny, for which unknown means the opposite', () => {
    const conditions = { fresh: { posture: { ready: true, maxAge: '60s' } } };
    const posture = { ready: { value: true, observedAt: now - 61 } };
    const decideWith = (rules: unknown) =>
      decide(compileRules(rules, conditions), factsOf({ posture }), { resource: calendar, scope: null });
    const granting = { workload, grant };
    const denying = { workload, conditions: ['fresh'], deny: { resource: '*' } };
    assert.equal(decideWith({ a: { ...granting, conditions: ['fresh'] } }).reason, 'fact_unavailable');
    for (const rules of [
      { a: { ...granting, conditions: ['fresh'] }, b: denying },
      { a: denying, b: { ...granting, conditions: ['fresh'] } },
    ]) {
      const { reason, fault } = decideWith(rules);
      assert.deepEqual([reason, fault], ['deny_unknown', 'dependency_unavailable']);
    }
  });
});
