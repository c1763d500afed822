/** What a rule may say of delegators, what of it is refused at load, and who reads it afterwards. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PolicyError } from '../../src/policy/compile.js';
import { decide } from '../../src/policy/decide.js';
import { explainDecision } from '../../src/policy/explain.js';
import type { DelegatorFacts } from '../../src/policy/facts.js';
import { rulesSchema } from '../../src/policy/schema.js';
import { matrixOf, renderMatrix } from '../../src/policy-tools/matrix.js';
import { asked, facts, rawPolicy } from './generated.js';
import { calendar, compile, compileRules, factsOf, now } from './samples.js';

const workload = { attestor: 'prod-eu' };
const grant = { resource: calendar, scope: ['read'] };
const anna: DelegatorFacts = {
  attestor: 'people',
  subject: 'spiffe://example.com/people/anna',
  claims: { azp: 'app', groups: ['staff'] },
  resource: null,
  actors: [],
  scope: null,
  mayAct: false,
  assurance: 'low',
  vouchesUntil: now + 300,
};
const forAnna = { attestor: 'people', claims: { azp: 'app' } };

describe('rules with a delegator', () => {
  it('a denial of an actor is not got around by one more hop, and a grant for one is not for two', () => {
    const onwards = { attestor: 'people', resource: calendar };
    const reasonOf = (rules: Parameters<typeof compileRules>[0], actors: readonly string[]) =>
      decide(compileRules(rules), factsOf({}, { delegator: { ...anna, resource: calendar, actors } }), {
        resource: calendar,
        scope: null,
      }).reason;
    const denied = {
      all: { workload, delegator: onwards, grant },
      bad: { workload, delegator: { ...onwards, actors: ['spiffe://x/bad'] }, deny: { resource: '*' } },
    };
    assert.equal(reasonOf(denied, ['spiffe://x/good']), 'granted');
    assert.equal(reasonOf(denied, ['spiffe://x/bad']), 'denied_by_rule');
    assert.equal(reasonOf(denied, ['spiffe://x/good', 'spiffe://x/bad']), 'denied_by_rule');
    const granted = { one: { workload, delegator: { ...onwards, actors: ['spiffe://x/good'] }, grant } };
    assert.equal(reasonOf(granted, ['spiffe://x/good']), 'granted');
    assert.equal(reasonOf(granted, ['spiffe://x/good', 'spiffe://x/bad']), 'no_rule_grants');
  });

  it('the audience does not tie a token of a person to the workload: every token that is accepted has it', () => {
    const rules = { one: { workload, delegator: { attestor: 'people', claims: { aud: 'app' } }, grant } };
    const known = factsOf({}, { delegator: { ...anna, claims: { aud: 'app' } } });
    const { granted, rules: told } = decide(compileRules(rules), known, { resource: calendar, scope: null });
    assert.deepEqual([granted, told[0]?.clause], [null, 'delegator.mayAct']);
  });

  for (const [what, delegator, path] of [
    ['no attestor', {}, 'attestor'],
    ['claims that are none', { ...forAnna, claims: {} }, 'claims'],
    ['a pattern where the token is tied to the workload', { ...forAnna, claims: { azp: 'app*' } }, 'claims.azp'],
    ['claims of a token of ours', { ...forAnna, resource: calendar }, 'claims'],
    ['actors before evidence', { ...forAnna, actors: ['spiffe://example.com/*'] }, 'actors'],
    ['a path of one name', { ...forAnna, claims: { azp: 'app', '/azp': 'app' } }, 'claims./azp'],
    ['a path that ends in a slash', { ...forAnna, claims: { azp: 'app', '/a/': 'x' } }, 'claims./a/'],
    ['a path with a tilde alone', { ...forAnna, claims: { azp: 'app', '/a/b~2': 'x' } }, 'claims./a/b~2'],
    ['a key that it does not know', { ...forAnna, groups: ['staff'] }, ''],
  ] as const) {
    it(`refuses ${what}`, () => {
      const parsed = rulesSchema.safeParse({ one: { workload, delegator, grant } });
      const paths = parsed.error?.issues.map((issue) => issue.path.join('.'));
      assert.ok(paths?.includes(`one.delegator${path === '' ? '' : `.${path}`}`), String(paths));
    });
  }

  for (const [what, rule, path] of [
    ['an attestor that there is not', { delegator: { attestor: 'staff' } }, 'delegator.attestor'],
    [
      'a resource that there is not',
      { delegator: { attestor: 'people', resource: 'https://x.example' } },
      'delegator.resource',
    ],
    [
      'a condition on a delegator without one',
      { conditions: [{ cel: 'delegator.subject == "x"' }] },
      'conditions.0.cel',
    ],
    ['one that has a name', { conditions: ['named'] }, 'conditions.0'],
    [
      'a condition on claims of a token of ours',
      { delegator: { attestor: 'people', resource: calendar }, conditions: [{ cel: 'delegator.claims.a == "x"' }] },
      'conditions.0.cel',
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      const compiling = () =>
        compileRules({ one: { workload, ...rule, grant } }, { named: { cel: 'delegator.claims.a == 1.0' } });
      assert.throws(compiling, (error) => {
        assert.ok(error instanceof PolicyError);
        assert.deepEqual(
          error.problems.map((problem) => problem.path.join('.')),
          [`rules.one.${path}`],
        );
        return true;
      });
    });
  }

  it('CEL reads the delegator, its claims, and who acted before; of a request without one nothing is known', () => {
    const cel =
      'delegator.attestor == "people" && delegator.subject.endsWith("anna") && "staff" in delegator.claims.groups && size(delegator.actors) == 0 && delegator.assurance == "low" && workload.assurance == "medium"';
    const policy = compileRules({ one: { workload, delegator: forAnna, conditions: [{ cel }], grant } });
    assert.deepEqual(
      policy.attestors.get('prod-eu')?.reads.filter((name) => name.startsWith('delegator.claims')),
      ['delegator.claims.azp', 'delegator.claims.groups'],
    );
    const asks = { resource: calendar, scope: null };
    assert.equal(decide(policy, factsOf({}, { delegator: anna }), asks).reason, 'granted');
    const { rules } = decide(policy, factsOf({}, { delegator: { ...anna, claims: { azp: 'app' } } }), asks);
    assert.equal(rules[0]?.verdict, 'unknown');
    assert.equal(decide(policy, factsOf(), asks).rules[0]?.verdict, 'fails');
  });

  it('the matrix says for whom, and what is decided says through whom', () => {
    const policy = compileRules({
      own: { workload, grant },
      onwards: { workload, delegator: { attestor: 'people', resource: calendar, actors: ['spiffe://x/*'] }, grant },
    });
    const [row] = matrixOf(policy);
    assert.deepEqual(
      row?.grants.map(({ rule, delegator }) => [rule, delegator.map(({ clause }) => clause)]),
      [
        ['onwards', ['delegator.attestor', 'delegator.resource', 'delegator.actors']],
        ['own', []],
      ],
    );
    assert.match(renderMatrix(matrixOf(policy)).join('\n'), /for {5}delegator.attestor: people\n/);
    const inputs = {
      facts: factsOf({}, { delegator: { ...anna, actors: ['spiffe://x/agent'], resource: calendar } }),
      asked: { resource: calendar, scope: null },
    };
    const told = explainDecision(decide(policy, inputs.facts, inputs.asked), inputs, policy.revision);
    assert.match(
      told,
      /For {9}spiffe:\/\/example.com\/people\/anna\n {12}attestor people, assurance low\n {12}through spiffe:\/\/x\/agent\n/,
    );
  });
});

describe('properties of delegated decisions', () => {
  const delegator = fc
    .record({
      attestor: fc.constantFrom('people', 'people', 'prod-eu'),
      azp: fc.constantFrom('app', 'app', 'other', null),
      resource: fc.constantFrom(null, null, 'https://one.example/', 'https://two.example/'),
      actors: fc.subarray(['spiffe://x/a', 'spiffe://x/b']),
      scope: fc.option(fc.subarray(['admin', 'read', 'write']), { nil: null }),
      mayAct: fc.boolean(),
      assurance: fc.constantFrom('low' as const, 'medium' as const, 'high' as const),
      vouchesFor: fc.oneof(fc.constant(3600), fc.integer({ min: -5, max: 400 })),
    })
    .map(({ azp, vouchesFor, ...rest }): DelegatorFacts => {
      const claims = rest.resource === null ? { claims: { azp, sub: 'x' } } : {};
      return { ...rest, subject: 'spiffe://x/anna', ...claims, vouchesUntil: now + vouchesFor };
    });
  const forms = fc.constantFrom<unknown>(
    forAnna,
    { attestor: 'people' },
    { attestor: 'people', resource: 'https://one.example/' },
    { attestor: 'people', resource: 'https://two.example/', actors: ['spiffe://x/a'] },
    { attestor: 'prod-eu', claims: { sub: '*' } },
  );
  /** Rules as they are, of which some are given a delegator. */
  const delegating = fc.tuple(rawPolicy, fc.infiniteStream(fc.tuple(fc.nat(3), forms))).map(([raw, stream]) => ({
    ...raw,
    rules: Object.fromEntries(
      Object.entries(raw.rules).map(([name, rule]) => {
        const { done, value } = stream.next();
        return [name, done || value[0] === 0 ? rule : { ...rule, delegator: value[1] }];
      }),
    ),
  }));

  it('grant nothing beyond the scope and the time of the delegator, nor by a rule without one; and one claim less known never widens', () => {
    let issued = 0;
    fc.assert(
      fc.property(delegating, facts, asked, delegator, (raw, alone, request, whom) => {
        const policy = compile(raw);
        const { granted, rules } = decide(policy, { ...alone, delegator: whom }, request);
        for (const { rule, effect, verdict } of rules) {
          const { delegator: written } = raw.rules[rule] as { delegator?: unknown };
          if (effect === 'grant' && verdict !== 'fails') assert.ok(written !== undefined);
        }
        const lost = decide(policy, { ...alone, delegator: { ...whom, claims: {} } }, request).granted;
        assert.ok(lost === null || (granted !== null && lost.scope.every((token) => granted.scope.includes(token))));
        for (const { rule, verdict } of decide(policy, alone, request).rules) {
          const { delegator: written } = raw.rules[rule] as { delegator?: unknown };
          if (written !== undefined) assert.equal(verdict, 'fails');
        }
        if (granted === null) return;
        issued += 1;
        assert.ok(granted.scope.every((token) => whom.scope?.includes(token) ?? true));
        assert.ok(now + granted.lifetime <= Math.min(whom.vouchesUntil, alone.workload.vouchesUntil));
      }),
      { numRuns: 3000 },
    );
    assert.ok(issued > 12, `issued: ${issued}`);
  });
});
