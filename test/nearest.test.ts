import assert from 'node:assert/strict';
import { nearest } from '../src/nearest.js';

describe('config/nearest', () => {
  const known = ['selectors', 'environment', 'attestor', 'podless', 'not', 'prod-eu', 'prod-us'];
  const rows: readonly [word: string, suggestion: string | null][] = [
    ['selector', 'selectors'],
    ['enviroment', 'environment'],
    ['attestro', 'attestor'],
    ['Podless', 'podless'],
    ['nto', 'not'],
    ['prod-es', 'prod-eu'],
    ['prod-us', 'prod-us'],
    ['conditions', null],
    ['if', null],
    ['', null],
  ];
  for (const [word, suggestion] of rows) {
    it(`suggests ${suggestion ?? 'nothing'} for ${JSON.stringify(word)}`, () =>
      assert.equal(nearest(word, known), suggestion));
  }

  it('suggests nothing where nothing is known', () => assert.equal(nearest('word', []), null));
});
