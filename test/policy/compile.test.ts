import assert from 'node:assert/strict';
import { PolicyError, type PolicyProblem } from '../../src/policy/compile.js';
import { attestors, calendar, compile, compileRules, selectorKinds } from './samples.js';

const workload = { attestor: 'prod-eu' };
const grant = { resource: calendar, scope: ['read'] };

function problemsOf(rules: unknown): readonly PolicyProblem[] {
  try {
    compileRules(rules, { patched: { posture: { kubelet: '>=1.33' } } });
  } catch (error) {
    assert.ok(error instanceof PolicyError);
    return error.problems;
  }
  return [];
}

describe('policy/compile', () => {
  const kinds = `one of ${selectorKinds.join(', ')}`;
  const crossable = 'environments of workloads, other than the resource’s own';
  const rows: [what: string, rule: unknown, problem: PolicyProblem][] = [
    [
      'an unknown attestor',
      { workload: { attestor: 'prod-ue' }, grant },
      {
        path: ['rules', 'one', 'workload', 'attestor'],
        message: 'no attestor has this name',
        expected: `one of ${[...attestors.keys()].join(', ')}`,
        found: 'prod-ue',
        nearest: 'prod-eu',
      },
    ],
    [
      'an unknown resource in a grant',
      { workload, grant: { resource: 'https://calender.example/mcp', scope: ['read'] } },
      {
        path: ['rules', 'one', 'grant', 'resource'],
        message: 'no resource has this URI',
        expected: `one of ${calendar}`,
        found: 'https://calender.example/mcp',
        nearest: calendar,
      },
    ],
    [
      'a scope that the resource does not have',
      { workload, grant: { resource: calendar, scope: ['read', 'wirte'] } },
      {
        path: ['rules', 'one', 'grant', 'scope', 1],
        message: 'the resource has no such scope',
        expected: 'one of read, write',
        found: 'wirte',
        nearest: 'write',
      },
    ],
    [
      'a deny that matches no resource',
      { workload, deny: { resource: 'https://mail.example/*' } },
      {
        path: ['rules', 'one', 'deny', 'resource'],
        message: 'no resource matches this',
        expected: `one of ${calendar}`,
        found: 'https://mail.example/*',
      },
    ],
    [
      'a selector of an unknown kind',
      { workload: { ...workload, selectors: ['k8s:ns:a', 'k8s:nod:a'] }, grant },
      {
        path: ['rules', 'one', 'workload', 'selectors', 1],
        message: 'the attestor gives no selectors of this kind',
        expected: kinds,
        found: 'k8s:nod',
        nearest: 'k8s:node',
      },
    ],
    [
      'a selector of an unknown kind in not',
      { workload: { ...workload, not: [{ environment: ['a'] }, { selectors: ['aws:role:x'] }] }, grant },
      {
        path: ['rules', 'one', 'workload', 'not', 1, 'selectors', 0],
        message: 'the attestor gives no selectors of this kind',
        expected: kinds,
        found: 'aws:role',
      },
    ],
    [
      'a crossing from the environment of the resource itself',
      { workload, grant, crossing: ['production'] },
      {
        path: ['rules', 'one', 'crossing', 0],
        message: 'this is the resource’s own environment, not one to cross from',
        expected: crossable,
        found: 'production',
      },
    ],
    [
      'a crossing from an environment that the workload match does not admit',
      { workload: { ...workload, environment: ['production', 'staging'] }, grant, crossing: ['stagin'] },
      {
        path: ['rules', 'one', 'crossing', 0],
        message: 'workload.environment does not admit this environment',
        expected: 'one of production, staging',
        found: 'stagin',
        nearest: 'staging',
      },
    ],
  ];
  const neverSupplied = (fact: string) =>
    `the attestor prod-ap never supplies posture.${fact}, so it would never be known: leave it out of this rule, or name another attestor`;
  const elsewhere = { attestor: 'prod-ap' };
  rows.push(
    [
      'a condition that there is none of',
      { workload, conditions: ['patched', 'pathced'], grant },
      {
        path: ['rules', 'one', 'conditions', 1],
        message: 'no condition has this name',
        expected: 'one of patched',
        found: 'pathced',
        nearest: 'patched',
      },
    ],
    [
      'a condition by name on a fact that the attestor never supplies',
      { workload: elsewhere, conditions: ['patched'], grant },
      { path: ['rules', 'one', 'conditions', 0], message: neverSupplied('kubelet') },
    ],
    [
      'a condition on the node of workloads of which nothing tells it',
      { workload: elsewhere, conditions: [{ behaviour: { distinctNodesPerHour: 1, exchangesPerHour: 9 } }], grant },
      {
        path: ['rules', 'one', 'conditions', 0, 'behaviour', 'distinctNodesPerHour'],
        message: neverSupplied('kubelet').replace('posture.kubelet', 'behaviour.distinctNodesPerHour'),
      },
    ],
    [
      'an expression on the node of workloads of which nothing tells it',
      { workload: elsewhere, conditions: [{ cel: 'behaviour.distinctNodesPerDay < 3' }], grant },
      {
        path: ['rules', 'one', 'conditions', 0, 'cel'],
        message: neverSupplied('kubelet').replace('posture.kubelet', 'behaviour.distinctNodesPerDay'),
      },
    ],
    [
      'a condition in place on a fact that the attestor never supplies',
      { workload: elsewhere, conditions: [{ posture: { nodeBooted: '<1d' } }], deny: { resource: '*' } },
      { path: ['rules', 'one', 'conditions', 0, 'posture', 'nodeBooted'], message: neverSupplied('nodeBootedAt') },
    ],
  );
  for (const [what, rule, problem] of rows) {
    it(`refuses ${what}, and says where and what was expected`, () =>
      assert.deepEqual(problemsOf({ one: rule }), [problem]));
  }

  for (const selector of ['k8s', 'k8s:ns', 'k8s:*:agents', '*', 'k8s:n*:x', '::']) {
    it(`refuses ${selector}: the kind of a selector is written out`, () => {
      const [problem, ...more] = problemsOf({ one: { workload: { ...workload, selectors: [selector] }, grant } });
      assert.deepEqual(problem?.path, ['rules', 'one', 'workload', 'selectors', 0]);
      assert.equal(problem?.found, selector === '::' ? ':' : selector);
      assert.deepEqual(more, []);
    });
  }

  it('reports every problem of every rule at once', () => {
    const problems = problemsOf({
      one: { workload: { attestor: 'nobody' }, grant: { resource: calendar, scope: ['x', 'y'] } },
      two: { workload, deny: { resource: 'https://nowhere.example/' } },
    });
    assert.deepEqual(
      problems.map(({ path }) => path.join('.')),
      ['rules.one.workload.attestor', 'rules.one.grant.scope.0', 'rules.one.grant.scope.1', 'rules.two.deny.resource'],
    );
  });

  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    it(`knows nothing by the name ${name} that every object inherits`, () => {
      const [problem] = problemsOf({ one: { workload: { attestor: name }, grant } });
      assert.equal(problem?.found, name);
      assert.equal(compileRules({ [name]: { workload, grant } }).attestors.get('prod-eu')?.all.rules[0]?.name, name);
      assert.equal(compileRules({}).attestors.get(name), undefined);
    });
  }

  it('indexes by attestor and resource, so that a decision sees only the rules that cover it', () => {
    const other = 'https://mail.example/';
    const policy = compile({
      resources: { [calendar]: { scope: ['read'] }, [other]: { scope: ['read'] } },
      rules: {
        z: { workload, grant },
        mail: { workload, grant: { resource: other, scope: ['read'] } },
        us: { workload: { attestor: 'prod-us' }, grant },
        all: { workload, deny: { resource: '*' } },
        exact: { workload, deny: { resource: other } },
      },
    });
    const names = (resource: string) =>
      policy.attestors
        .get('prod-eu')
        ?.covering.get(resource)
        ?.rules.map(({ name }) => name);
    assert.deepEqual(names(calendar), ['all', 'z']);
    assert.deepEqual(names(other), ['all', 'exact', 'mail']);
    assert.deepEqual(
      policy.attestors.get('prod-eu')?.all.rules.map(({ name }) => name),
      ['all', 'exact', 'mail', 'z'],
    );
    assert.equal(policy.ruleCount, 5);
    assert.ok(Object.isFrozen(policy));
  });

  it('knows of each attestor which facts of posture its rules read, and no other', () => {
    const conditions = {
      node: { posture: { kubelet: '>=1.33', maxAge: '60s' } },
      unused: { posture: { kernel: '>=6' } },
    };
    const policy = compileRules(
      {
        a: { workload, conditions: ['node', { posture: { podStarted: '>=1m', ready: true } }], grant },
        b: { workload, conditions: [{ posture: { images: { only: ['a'] } } }, 'node'], deny: { resource: '*' } },
        c: { workload: { attestor: 'prod-us' }, grant },
      },
      conditions,
    );
    assert.deepEqual(policy.attestors.get('prod-eu')?.reads, [
      'posture.images',
      'posture.kubelet',
      'posture.podStartedAt',
      'posture.ready',
    ]);
    assert.deepEqual(policy.attestors.get('prod-us')?.reads, []);
  });

  it('gives the revision 32 hexadecimal digits, that follow from resources, conditions, rules and environment', () => {
    const resources = { [calendar]: { scope: ['read'] } };
    const rules = { one: { workload, grant } };
    const { revision } = compile({ resources, rules });
    assert.match(revision, /^[0-9a-f]{32}$/);
    assert.equal(
      compile({ resources, rules: { one: { grant: { scope: ['read'], resource: calendar }, workload } } }).revision,
      revision,
    );
    assert.notEqual(compile({ resources, rules: {} }).revision, revision);
    assert.notEqual(compile({ resources, rules: { two: { workload, grant } } }).revision, revision);
    assert.notEqual(compile({ resources, rules, environment: 'staging' }).revision, revision);
    const revisionWith = (posture: unknown) => compile({ resources, conditions: { a: { posture } }, rules }).revision;
    const revisions = [{ kubelet: '>=1.9' }, { kubelet: '>=1.10' }, { kernel: '>=1.9' }, { nodeBooted: '<1d' }].map(
      revisionWith,
    );
    assert.equal(new Set([revision, ...revisions]).size, 5);
    assert.notEqual(
      compile({ resources: { [calendar]: { scope: ['read'], lifetime: '5m' } }, rules }).revision,
      revision,
    );
  });
});
