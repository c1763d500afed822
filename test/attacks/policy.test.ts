/** Attacks of THREATS on patterns and on a policy that is not there. */
import assert from 'node:assert/strict';
import { compilePolicy, PolicyError } from '../../src/policy/compile.js';
import { decide } from '../../src/policy/decide.js';
import { resourcesSchema, rulesSchema } from '../../src/policy/schema.js';
import { attestors, calendar, compile, compileRules, factsOf } from '../policy/samples.js';

const grant = { resource: calendar, scope: ['read'] };

/** Whether a workload with this one selector gets a token from a rule that asks for the pattern. */
function admits(pattern: string, selector: string): boolean {
  const policy = compileRules({ one: { workload: { attestor: 'prod-eu', selectors: [pattern] }, grant } });
  return decide(policy, factsOf({ selectors: [selector] }), { resource: calendar, scope: null }).granted !== null;
}

const label = (value: string) => `k8s:pod-label:${value}`;

describe('Fulcio CVE-2026-22772, Eclipse PIA CVE-2026-14336: a pattern matches the whole string and nothing else', () => {
  const rows: readonly [what: string, pattern: string, admitted: string, refused: readonly string[]][] = [
    [
      'an exact selector is no prefix, suffix or part',
      'k8s:ns:agents',
      'k8s:ns:agents',
      ['k8s:ns:agents2', 'k8s:ns:my-agents', 'k8s:ns:agent', 'k8s:ns:AGENTS', 'k8s:ns:agents\n', 'k8s:ns:'],
    ],
    [
      'a pattern is anchored at its end',
      label('*.example'),
      label('api.example'),
      [label('api.example.evil'), label('api.example\nx')],
    ],
    [
      'a pattern is anchored at its start',
      label('https://ok.example/*'),
      label('https://ok.example/x'),
      [label('xhttps://ok.example/x'), label('http://ok.example/x')],
    ],
    [
      'user information does not pass for a host',
      label('https://ok.example/*'),
      label('https://ok.example/'),
      [label('https://ok.example@evil.example/'), label('https://ok@evil.example/')],
    ],
    [
      'a host is not matched by its prefix',
      label('https://ok.example/*'),
      label('https://ok.example/a'),
      [label('https://ok.example.evil.example/a'), label('https://ok.example:8443/a')],
    ],
    ['a dot is a dot', label('https://ok.example/*'), label('https://ok.example/'), [label('https://okxexample/')]],
    ['a bar is no alternation', label('a|b'), label('a|b'), [label('a'), label('b'), label('a|'), label('ax')]],
    ['a bar beside a star is none either', label('a|*b'), label('a|xb'), [label('a'), label('b'), label('a|')]],
    [
      'anchors, groups and classes are literal',
      label('^(a)[b]?$*'),
      label('^(a)[b]?$'),
      [label('a'), label('ab'), label('(a)[b]')],
    ],
    ['a question mark is no wildcard', label('a?*'), label('a?'), [label('ab'), label('a')]],
    ['a star in the workload’s selector is no wildcard', 'k8s:ns:agents', 'k8s:ns:agents', ['k8s:ns:*', '*']],
    ['one kind does not pass for another', 'k8s:ns:*', 'k8s:ns:x', ['k8s:sa:x', 'k8s:ns', 'k8s:nsx:x', 'xk8s:ns:x']],
  ];
  for (const [what, pattern, admitted, refused] of rows) {
    it(what, () => {
      assert.equal(admits(pattern, admitted), true, `${pattern} admits ${admitted}`);
      for (const selector of refused) assert.equal(admits(pattern, selector), false, `${pattern} refuses ${selector}`);
    });
  }

  it('a target is compared byte for byte', () => {
    const policy = compileRules({ one: { workload: { attestor: 'prod-eu' }, grant } });
    const granted = (resource: string) => decide(policy, factsOf(), { resource, scope: null }).granted;
    assert.ok(granted(calendar));
    for (const other of [
      `${calendar}/`,
      `${calendar}?x`,
      `${calendar}/../mcp`,
      calendar.toUpperCase(),
      'https://calendar.example/%6dcp',
      'https://calendar.example:443/mcp',
      'https://calendar.example@evil.example/mcp',
      '*',
      '',
    ]) {
      assert.equal(granted(other), null, other);
    }
  });

  it('a scope token is compared byte for byte, and is no pattern', () => {
    const policy = compileRules({ one: { workload: { attestor: 'prod-eu' }, grant } });
    for (const scope of ['READ', 'rea', 'read:all', 'read ', '*', 'write']) {
      assert.equal(
        decide(policy, factsOf(), { resource: calendar, scope: [scope] }).reason,
        'scope_not_granted',
        scope,
      );
    }
  });

  it('a deny for a host leaves out no resource of it, and denies none of a host that looks like it', () => {
    const like = 'https://calendar.example.other/mcp';
    const workload = { attestor: 'prod-eu' };
    const policy = compile({
      resources: {
        [calendar]: { scope: ['read'] },
        [`${calendar}/deep/er`]: { scope: ['read'] },
        [like]: { scope: ['read'] },
      },
      rules: {
        stop: { workload, deny: { resource: 'https://calendar.example/*' } },
        one: { workload, grant },
        two: { workload, grant: { resource: `${calendar}/deep/er`, scope: ['read'] } },
        three: { workload, grant: { resource: like, scope: ['read'] } },
      },
    });
    const reason = (resource: string) => decide(policy, factsOf(), { resource, scope: null }).reason;
    assert.equal(reason(calendar), 'denied_by_rule');
    assert.equal(reason(`${calendar}/deep/er`), 'denied_by_rule');
    assert.equal(reason(like), 'granted');
  });
});

describe('octo-sts, an allow-list that is deleted fails open: without a policy nothing is issued', () => {
  const asks = [
    { resource: calendar, scope: null },
    { resource: calendar, scope: ['read'] },
    { resource: calendar, scope: [] },
    { resource: null, scope: null },
  ];

  for (const [what, policy] of [
    ['nothing at all', compile({ resources: {}, rules: {} })],
    ['resources but no rules', compile({ resources: { [calendar]: { scope: ['read'] } }, rules: {} })],
    ['only denies', compileRules({ stop: { workload: { attestor: 'prod-us' }, deny: { resource: '*' } } })],
    ['only rules for others', compileRules({ other: { workload: { attestor: 'prod-us' }, grant } })],
  ] as const) {
    it(`a policy of ${what} issues nothing`, () => {
      for (const asked of asks) {
        const decision = decide(policy, factsOf(), asked);
        assert.equal(decision.granted, null);
        assert.equal(decision.fault, 'target_refused');
      }
    });
  }

  for (const value of [undefined, null, '', 'rules', [], 0, false, { one: null }, { one: {} }, { one: [] }]) {
    it(`${value === undefined ? 'undefined' : JSON.stringify(value)} is no policy: it is refused, not taken for an empty one`, () => {
      assert.equal(rulesSchema.safeParse(value).success, false);
      assert.equal(resourcesSchema.safeParse(value).success, false);
    });
  }

  it('a rule about what is not configured is refused at load, so that nothing is left of it half way', () => {
    const rules = rulesSchema.parse({ one: { workload: { attestor: 'prod-eu' }, grant } });
    const input = { resources: {}, conditions: {}, rules, environment: 'production' };
    assert.throws(() => compilePolicy({ ...input, attestors }), PolicyError);
    assert.throws(() => compilePolicy({ ...input, attestors: new Map() }), PolicyError);
  });

  it('a deny whose resource is misspelt is refused at load, not left without effect', () => {
    const stop = { workload: { attestor: 'prod-eu' }, deny: { resource: 'https://calender.example/*' } };
    assert.throws(() => compileRules({ stop }), PolicyError);
  });
});
