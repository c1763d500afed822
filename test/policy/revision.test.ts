import assert from 'node:assert/strict';
import { revisionOf } from '../../src/policy/revision.js';

describe('policy/revision', () => {
  it('is the start of the SHA-256 over JSON with sorted keys', () => {
    // printf '{"a":[{"c":null,"d":1},"x"],"b":true}' | sha256sum
    const expected = '2289827ee5c3dd6276a85401b386e6ee';
    assert.equal(revisionOf({ b: true, a: [{ d: 1, c: null }, 'x'] }), expected);
    assert.equal(revisionOf({ a: [{ c: null, d: 1 }, 'x'], b: true, left: undefined }), expected);
  });

  const different: readonly [what: string, one: unknown, other: unknown][] = [
    ['a value', { a: 1 }, { a: 2 }],
    ['the order of a list', { a: ['x', 'y'] }, { a: ['y', 'x'] }],
    ['text and a number', { a: '1' }, { a: 1 }],
    ['an object and the list of its entries', { a: { b: 1 } }, { a: [['b', 1]] }],
    ['where one key ends and the next begins', { ab: 'c' }, { a: 'bc' }],
    ['a key that is named like the prototype', JSON.parse('{"__proto__":{"a":1}}'), {}],
  ];
  for (const [what, one, other] of different) {
    it(`tells apart by ${what}`, () => assert.notEqual(revisionOf(one), revisionOf(other)));
  }
});
