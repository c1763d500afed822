import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Refusal } from '../../src/errors.js';
import { readForm } from '../../src/exchange/form.js';

const read = (text: string) => readForm(Buffer.from(text, 'latin1'));
const faultOf = (text: string) => {
  try {
    read(text);
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.fault;
  }
  return undefined;
};

describe('form reader (RFC 6749 appendix B)', () => {
  it('decodes plus, percent and UTF-8', () => {
    const form = read('a=x+y&b=%2B%20&c=%C3%A9%E2%82%AC&%64=e');
    assert.deepEqual(
      [...form.values],
      [
        ['a', 'x y'],
        ['b', '+ '],
        ['c', 'é€'],
        ['d', 'e'],
      ],
    );
  });

  it('treats an empty parameter as omitted (RFC 6749 §3.2)', () => {
    assert.deepEqual([...read('a=&b&=&c=1&&').values], [['c', '1']]);
  });

  it('collects resource and audience in order, and drops empty ones', () => {
    const form = read('resource=a&audience=x&resource=&resource=b');
    assert.deepEqual([form.resource, form.audience], [['a', 'b'], ['x']]);
  });

  for (const text of ['a=1&a=1', 'a=1&a=2', 'a=&a=1', 'a&a', 'a=1&%61=1', 'scope=x&scope=', 'x[]=1&x[]=2']) {
    it(`refuses a repeated parameter: ${text}`, () => assert.equal(faultOf(text), 'parameter_repeated'));
  }

  for (const text of ['a=%', 'a=%4', 'a=%zz', 'a=%ff', 'a=%C3', 'a=%ed%a0%80', '%=1', 'a=\xe9']) {
    it(`refuses what is no percent-encoded UTF-8: ${JSON.stringify(text)}`, () =>
      assert.equal(faultOf(text), 'body_not_form'));
  }

  it('keeps names of prototypes as plain names', () => {
    const form = read('__proto__=1&constructor=2&toString=3');
    assert.deepEqual([...form.values.keys()], ['__proto__', 'constructor', 'toString']);
    assert.equal(({} as Record<string, unknown>)[1], undefined);
  });

  it('takes no brackets apart', () => assert.equal(read('a[b]=1').values.get('a[b]'), '1'));

  it('stops at 64 parameters', () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => `p${index}=1`).join('&');
    assert.equal(read(many(64)).values.size, 64);
    assert.equal(faultOf(many(65)), 'too_many_parameters');
    assert.equal(faultOf(many(10_000)), 'too_many_parameters');
    assert.equal(faultOf(Array(10_000).fill('resource=a').join('&')), 'too_many_parameters');
  });

  it('never quotes a parameter name that could be a token', () => {
    const canary = 'eyJjYW5hcnkiOjF9.eyJjYW5hcnkiOjF9.c2ln';
    assert.throws(
      () => read(`${canary}=1&${canary}=2`),
      (error: Error) => !error.message.includes('eyJ'),
    );
  });

  it('reads back whatever URLSearchParams writes (property)', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.isWellFormed());
    const value = fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 20 }), (pairs) => {
        const single = pairs.filter(([key]) => key !== 'resource' && key !== 'audience');
        const form = read(new URLSearchParams(single).toString());
        assert.deepEqual(
          [...form.values],
          single.filter(([, text]) => text !== ''),
        );
      }),
    );
  });

  it('throws nothing but a refusal, whatever the bytes (property)', () => {
    const noise = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: fc.constantFrom(...'a=&%+2F;[]') }));
    fc.assert(
      fc.property(noise, (bytes) => {
        const body = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes);
        try {
          const form = readForm(body);
          assert.ok(![...form.values.values(), ...form.resource, ...form.audience].includes(''));
        } catch (error) {
          assert.ok(error instanceof Refusal);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
