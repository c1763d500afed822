/** Claims inside others: what a path names, and what a rule makes of it. */
import assert from 'node:assert/strict';
import type { Delegation } from '../../src/exchange/delegation.js';
import { gatherFacts } from '../../src/exchange/facts.js';
import { claimAt } from '../../src/policy/claim-path.js';
import { decide } from '../../src/policy/decide.js';
import { attestationAt } from '../support/attestation.js';
import { calendar, compileRules, now } from './samples.js';

const claims = {
  azp: 'app',
  realm_access: { roles: ['staff', 'admins'], level: 3, nothing: null },
  'realm_access.roles': ['by a name with a dot'],
  'https://example.com/roles': ['by a URI'],
  'a/b': { 'c~d': true, 'c~1d': false },
  groups: ['staff'],
};

describe('a path of a claim', () => {
  for (const [name, expected] of [
    ['/realm_access/roles', ['staff', 'admins']],
    ['/realm_access/level', 3],
    ['realm_access.roles', ['by a name with a dot']],
    ['https://example.com/roles', ['by a URI']],
    ['/a~1b/c~0d', true],
    ['/a~1b/c~01d', false],
    ['/realm_access/nothing', null],
    ['/realm_access/other', null],
    ['/other/roles', null],
    ['/realm_access/roles/0', null],
    ['/realm_access/roles/length', null],
    ['/azp/length', null],
    ['/realm_access/nothing/more', null],
    ['/realm_access/constructor', null],
    ['/__proto__/constructor', null],
    ['realm_access/roles', null],
  ] as const) {
    it(`${name} names ${JSON.stringify(expected)}`, () => assert.deepEqual(claimAt(claims, name), expected));
  }
});

describe('a rule with a path', () => {
  const attestation = attestationAt(now, { attestor: 'prod-eu' });
  const decideOn = (
    asked: Record<string, unknown>,
    effect: 'grant' | 'deny',
    shown: Record<string, unknown> = claims,
  ) => {
    const workload = { attestor: 'prod-eu' };
    const grant = { resource: calendar, scope: ['read'] };
    const always = { workload, delegator: { attestor: 'people', claims: { azp: 'app' } }, grant };
    const delegator = { attestor: 'people', claims: { azp: 'app', ...asked } };
    const one = { workload, delegator, ...(effect === 'grant' ? { grant } : { deny: { resource: '*' } }) };
    const policy = compileRules(effect === 'grant' ? { one } : { one, always });
    const delegation: Delegation = {
      delegator: { subject: 'spiffe://example.com/people/anna', attestor: 'people', instance: 'anna' },
      ...{ actors: [], tokens: [], claims: shown, resource: null, targets: null, scope: null, mayAct: false },
      ...{ assurance: 'low', attestedAt: now, vouchesUntil: now + 60, evidenceId: 'id' },
    };
    const reads = policy.attestors.get('prod-eu')?.reads ?? [];
    const facts = gatherFacts(attestation, { now, ip: null, reads, delegation });
    return { facts, ...decide(policy, facts, { resource: calendar, scope: null }) };
  };

  it('of a list asks for an entry, of all else for the value, as of a claim itself', () => {
    for (const [asked, reason] of [
      [{ '/realm_access/roles': 'staff' }, 'granted'],
      [{ '/realm_access/roles': 'adm*' }, 'granted'],
      [{ '/realm_access/roles': 'people' }, 'no_rule_grants'],
      [{ '/realm_access/level': 3 }, 'granted'],
      [{ '/realm_access/level': '3' }, 'no_rule_grants'],
      [{ '/a~1b/c~0d': true }, 'granted'],
      [{ '/realm_access/other': 'staff' }, 'no_rule_grants'],
      [{ '/realm_access/roles': 'staff', groups: 'other' }, 'no_rule_grants'],
    ] as const) {
      assert.equal(decideOn(asked, 'grant').reason, reason, JSON.stringify(asked));
    }
  });

  it('denies what has it, and nobody else', () => {
    assert.equal(decideOn({ '/realm_access/roles': 'admins' }, 'deny').reason, 'denied_by_rule');
    assert.equal(decideOn({ '/realm_access/roles': 'people' }, 'deny').reason, 'granted');
  });

  it('a list that is too long for a record is not known: it grants nothing, and denies', () => {
    const long = { azp: 'app', realm_access: { roles: Array.from({ length: 300 }, (_, index) => `role-${index}`) } };
    assert.notEqual(decideOn({ '/realm_access/roles': 'role-1' }, 'grant', long).reason, 'granted');
    assert.equal(decideOn({ '/realm_access/roles': 'other' }, 'deny', long).reason, 'deny_unknown');
  });

  it('the record has what the path names, under the path, and nothing beside it', () => {
    const { facts, rules } = decideOn({ '/realm_access/roles': 'people' }, 'grant');
    assert.deepEqual(facts.delegator?.claims, { azp: 'app', '/realm_access/roles': ['staff', 'admins'] });
    const [verdict] = rules;
    assert.deepEqual(
      [verdict?.clause, verdict?.expected, verdict?.seen],
      ['delegator.claims./realm_access/roles', '"people"', '["staff","admins"]'],
    );
  });
});
