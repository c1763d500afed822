import assert from 'node:assert/strict';
import type { Attestation } from '../../attestors/attestor.js';
import { gatherFacts } from '../../src/exchange/facts.js';
import type { Policy } from '../../src/policy/compile.js';
import { calendar, compileRules, now } from '../policy/samples.js';
import { attestationAt } from '../support/attestation.js';

const grant = { resource: calendar, scope: ['read'] };
const rule = (attestor: string, posture: unknown) => ({ workload: { attestor }, conditions: [{ posture }], grant });
const policy = compileRules({
  one: rule('prod-eu', { osImage: ['*'], images: { only: ['*'] }, nodeBooted: '<1d' }),
  two: rule('prod-us', { ready: true }),
});

const attestation = (facts: Readonly<Record<string, unknown>>, attestor = 'prod-eu'): Attestation =>
  attestationAt(now, {
    attestor,
    facts: Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, { value, observedAt: now - 1 }])),
  });

/** As the pipeline gathers it. */
const gathered = (compiled: Policy, from: Attestation) =>
  gatherFacts(from, { now, ip: null, reads: compiled.attestors.get(from.attestor)?.reads ?? [] }).workload.posture;

const postureOf = (facts: Readonly<Record<string, unknown>>, attestor?: string) =>
  gathered(policy, attestation(facts, attestor));

describe('exchange/facts', () => {
  it('takes for the age of evidence what its attestor says, else its iat, else nothing', () => {
    const issuedAt = (changes: Partial<Attestation>) =>
      gatherFacts(attestationAt(now, changes), { now, ip: null, reads: [] }).workload.evidenceIssuedAt;
    assert.equal(issuedAt({ claims: { iat: now - 9 } }), now - 9);
    assert.equal(issuedAt({ claims: { iat: now - 9 }, issuedAt: now - 1 }), now - 1);
    assert.equal(issuedAt({ claims: { iat: 'x' } }), null);
    assert.equal(issuedAt({}), null);
  });
});

describe('exchange/facts: posture', () => {
  const all = {
    podless: false,
    'posture.osImage': 'Talos',
    'posture.images': ['a', 'b'],
    'posture.ready': true,
    'posture.nodeBootedAt': now - 60.5,
    osImage: 'no posture',
  };

  it('is what the rules about this attestor read, with the time of observation, and nothing else', () => {
    const observed = (value: unknown) => ({ value, observedAt: now - 1 });
    assert.deepEqual(postureOf(all), {
      images: observed(['a', 'b']),
      nodeBootedAt: observed(now - 60.5),
      osImage: observed('Talos'),
    });
    assert.deepEqual(postureOf(all, 'prod-us'), { ready: observed(true) });
    assert.deepEqual(postureOf({ 'posture.ready': true }), {});
  });

  it('costs nothing where no rule reads any: it is always the same empty map', () => {
    const without = compileRules({ one: { workload: { attestor: 'prod-eu' }, grant } });
    const facts = [1, 2].map(() => gathered(without, attestation(all)));
    assert.equal(facts[0], facts[1]);
    assert.deepEqual(facts[0], {});
    assert.deepEqual(postureOf(all, 'prod-ap'), {});
  });

  it('is a frozen copy, whatever the attestor does with its own afterwards', () => {
    const images = ['a'];
    const posture = postureOf({ 'posture.images': images });
    images.push('b');
    assert.deepEqual(posture.images?.value, ['a']);
    for (const part of [posture, posture.images, posture.images?.value]) assert.ok(Object.isFrozen(part));
  });

  const unusable: readonly [what: string, value: unknown][] = [
    ['a number that is none', Number.NaN],
    ['a number without end', Number.POSITIVE_INFINITY],
    ['a big integer, which no record can hold', 1n],
    ['undefined', undefined],
    ['a map', { a: 1 }],
    ['a function', () => true],
    ['a list of other things', ['a', 1]],
    ['a text beyond 512 characters', 'a'.repeat(513)],
    ['a list beyond 256 entries', Array.from({ length: 257 }, () => 'a')],
    ['a list of a text beyond 512 characters', ['a'.repeat(513)]],
    ['a list with holes', new Array(3)],
  ];
  for (const [what, value] of unusable) {
    it(`has null for ${what}`, () => {
      assert.deepEqual(postureOf({ 'posture.images': value }).images, { value: null, observedAt: now - 1 });
    });
  }

  it('takes texts and lists up to their limits', () => {
    const images = Array.from({ length: 256 }, () => 'a'.repeat(512));
    assert.deepEqual(postureOf({ 'posture.images': images }).images?.value, images);
  });

  it('reads no fact from what every object inherits', () => {
    const facts = Object.create({ 'posture.osImage': { value: 'Talos', observedAt: now } });
    assert.deepEqual(gathered(policy, { ...attestation({}), facts }), {});
  });
});

describe('exchange/facts: claims', () => {
  const reading = compileRules({
    one: {
      workload: { attestor: 'prod-eu' },
      conditions: [{ cel: 'has(workload.claims.ref) && workload.claims["kubernetes.io"].namespace == "a"' }],
      grant,
    },
  });
  const factsWith = (compiled: Policy, claims: Readonly<Record<string, unknown>>, attestor = 'prod-eu') => {
    const reads = compiled.attestors.get(attestor)?.reads ?? [];
    return gatherFacts(attestationAt(now, { attestor, claims }), { now, ip: null, reads }).workload;
  };

  it('are those that the rules about this attestor name, with null for what the evidence does not have', () => {
    const claims = { 'kubernetes.io': { namespace: 'a', uids: [1, null] }, secret: 'x' };
    const expected = { ref: null, 'kubernetes.io': { namespace: 'a', uids: [1, null] } };
    assert.deepEqual(factsWith(reading, claims).claims, expected);
    assert.deepEqual(JSON.parse(JSON.stringify(factsWith(reading, claims).claims)), expected);
  });

  it('are not there at all where no rule names one', () => {
    assert.ok(!('claims' in factsWith(policy, { ref: 'x' })));
    assert.ok(!('claims' in factsWith(reading, { ref: 'x' }, 'prod-us')));
  });

  for (const [what, ref] of [
    ['too long a text', 'a'.repeat(4097)],
    ['too long names', { ['a'.repeat(4097)]: 1 }],
    ['too many values', Array.from({ length: 257 }, () => 1)],
    ['too many levels', [[[[[1]]]]]],
    ['what is no JSON', () => 1],
    ['a number without end', Number.POSITIVE_INFINITY],
  ] as const) {
    it(`leaves out ${what}, which is then unknown`, () =>
      assert.deepEqual(factsWith(reading, { ref }).claims, { 'kubernetes.io': null }));
  }

  it('keeps a claim by a name that objects have, as one of its own', () => {
    const strange = compileRules({
      one: { workload: { attestor: 'prod-eu' }, conditions: [{ cel: 'workload.claims["__proto__"] == 1' }], grant },
    });
    const claims = JSON.parse('{"__proto__": 1}') as Record<string, unknown>;
    assert.equal(JSON.stringify(factsWith(strange, claims).claims), '{"__proto__":1}');
    assert.equal(JSON.stringify(factsWith(strange, {}).claims), '{"__proto__":null}');
  });
});
