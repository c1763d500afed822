import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compileGlob } from '../../attestors/glob.js';

/** What the pattern means, said once more without any care for speed. */
function reference(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] !== '*') return pattern[0] === text[0] && text !== '' && reference(pattern.slice(1), text.slice(1));
  return reference(pattern.slice(1), text) || (text !== '' && reference(pattern, text.slice(1)));
}

describe('attestors/glob', () => {
  const rows: readonly [pattern: string, text: string, matches: boolean][] = [
    ['k8s:ns:agents', 'k8s:ns:agents', true],
    ['k8s:ns:agents', 'k8s:ns:agents2', false],
    ['k8s:ns:agents', 'xk8s:ns:agents', false],
    ['k8s:ns:*', 'k8s:ns:', true],
    ['k8s:ns:*', 'k8s:ns:a:b/c', true],
    ['k8s:ns:*', 'k8s:ns', false],
    ['*', '', true],
    ['**', 'anything\nat all', true],
    ['', '', true],
    ['', 'a', false],
    ['*-agent', 'calendar-agent-agent', true],
    ['*-agent', 'calendar-agents', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['*a', '*ba', true],
    ['a*b', 'a*xb', true],
  ];
  for (const [pattern, text, matches] of rows) {
    it(`${JSON.stringify(pattern)} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () => {
      assert.equal(compileGlob(pattern)(text), matches);
    });
  }

  for (const character of '.?+|()[]{}^$\\') {
    it(`takes ${character} literally`, () => {
      assert.equal(compileGlob(`a${character}b*`)(`a${character}bc`), true);
      assert.equal(compileGlob(`a${character}b*`)('abc'), false);
      assert.equal(compileGlob(`a${character}b*`)('axbc'), false);
    });
  }

  it('agrees with a naive reference on every pattern and text', () => {
    const short = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 9 });
    fc.assert(
      fc.property(short('ab:**'), short('ab:*'), (pattern, text) => {
        assert.equal(compileGlob(pattern)(text), reference(pattern, text));
      }),
      { numRuns: 5000 },
    );
  });

  it('stays linear on a*a*a*…b, where a backtracking matcher would not end', () => {
    // Work is counted, not timed: each step of the matcher reads one character of the text.
    const steps = (length: number): number => {
      let reads = 0;
      const text = new Proxy(Object('a'.repeat(length)) as object, {
        get(target, key) {
          if (key === 'length') return length;
          reads += 1;
          return Reflect.get(target, key) as unknown;
        },
      });
      assert.equal(compileGlob(`${'a*'.repeat(200)}b`)(text as unknown as string), false);
      return reads;
    };
    assert.ok(steps(10_000) <= 2 * 10_000, `${steps(10_000)} steps for 10,000 characters`);
    assert.ok(steps(20_000) <= 2.5 * steps(10_000));
  });
});
