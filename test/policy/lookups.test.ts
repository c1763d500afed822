import assert from 'node:assert/strict';
import { decide } from '../../src/policy/decide.js';
import { lookupsFor } from '../../src/policy/lookups.js';
import { calendar, compile, compileRules, factsOf } from './samples.js';

const asked = { resource: calendar, scope: null };
const cerbos = { external: { authzen: 'https://cerbos.example' } };
const topaz = { external: { authzen: 'https://topaz.example' } };

const grant = (selector: string, ...conditions: readonly unknown[]) => ({
  workload: { attestor: 'prod-eu', selectors: [selector] },
  conditions,
  grant: { resource: calendar, scope: ['read'] },
});

const agents = factsOf({ selectors: ['k8s:ns:agents'] });
const keys = (wanted: ReturnType<typeof lookupsFor>) => wanted?.lookups.map(({ key }) => key) ?? [];

describe('policy: who is asked for a decision', () => {
  it('is nobody, when no rule of the attestor asks', () => {
    const policy = compileRules({ one: { ...grant('k8s:ns:agents'), conditions: undefined } });
    assert.equal(lookupsFor(policy, agents, asked), null);
  });

  it('is each once, however many rules ask the same', () => {
    const policy = compileRules({ one: grant('k8s:ns:agents', cerbos), two: grant('k8s:ns:*', cerbos, topaz) });
    assert.deepEqual(keys(lookupsFor(policy, agents, asked)), ['https://cerbos.example', 'https://topaz.example']);
  });

  it('is nobody for a rule of which something else fails, wherever that stands', () => {
    const production = { environment: ['staging'] };
    const policy = compileRules({
      one: grant('k8s:ns:agents', cerbos, production),
      two: grant('k8s:ns:agents', topaz),
    });
    assert.deepEqual(keys(lookupsFor(policy, agents, asked)), ['https://topaz.example']);
    const [verdict] = decide(policy, agents, asked).rules;
    assert.equal(verdict?.clause, 'conditions[1].environment');
  });

  it('is asked for a rule of which something else is unknown, and for a denial', () => {
    const facts = factsOf({ selectors: [], unknown: { 'k8s:ns': 'unavailable' } });
    const policy = compileRules({
      one: grant('k8s:ns:agents', cerbos),
      two: { workload: { attestor: 'prod-eu' }, conditions: [topaz], deny: { resource: '*' } },
    });
    assert.deepEqual(keys(lookupsFor(policy, facts, asked)), ['https://cerbos.example', 'https://topaz.example']);
  });

  it('is nobody for a resource that no such rule is about, or that does not exist', () => {
    const policy = compileRules({ one: grant('k8s:ns:agents', cerbos) });
    assert.equal(lookupsFor(policy, agents, { resource: 'https://other.example/', scope: null }), null);
  });

  it('is asked about the only target, where the request names none, and about none where there are several', () => {
    const nameless = { resource: null, scope: null };
    const payroll = 'https://payroll.example';
    const one = grant('k8s:ns:agents', cerbos);
    const resources = { [calendar]: { scope: ['read'] }, [payroll]: { scope: ['read'] } };
    assert.equal(lookupsFor(compile({ resources, rules: { one } }), agents, nameless)?.target, calendar);
    const two = { ...one, grant: { resource: payroll, scope: ['read'] } };
    assert.equal(lookupsFor(compile({ resources, rules: { one, two } }), agents, nameless), null);
  });
});
