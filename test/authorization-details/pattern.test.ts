/** Patterns mean the same here and in ECMA-262, and cost little whoever wrote them. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isPattern, matchesPattern } from '../../src/authorization-details/pattern.js';
import { cpuMilliseconds } from '../support/cpu-time.js';

describe('authorization-details/pattern', () => {
  it('is about the whole text', () => {
    for (const pattern of [
      '^a$',
      '^$',
      '^(?:a|b)$',
      '^(a|b)+$',
      '^[a|b]$',
      '^a\\|b$',
      '^[A-Z0-9]{4}(?:-[A-Z0-9]{4}){0,7}$',
      '^.*$',
      '^[^/]+$',
    ])
      assert.ok(isPattern(pattern), pattern);
    for (const pattern of [
      '',
      'a',
      '^a',
      'a$',
      '^a|b$',
      '^(a)|(b)$',
      '^a$|^b$',
      '^a\\$',
      '^)($',
      '^(a$',
      '^a)$',
      '(^a$)',
      '^^a$',
      '^a$$',
    ])
      assert.ok(!isPattern(pattern), pattern);
  });

  it('has nothing that other engines read otherwise', () => {
    for (const inner of [
      '\\pL',
      '\\p{L}',
      '(?i)a',
      '(?=a)',
      '(?<n>a)',
      '(?P<n>a)',
      '\\ba',
      '\\s',
      '\\Aa',
      '\\Qa\\E',
      '\\1',
      '[[:alpha:]]',
      '[]a]',
      '\\x41',
      '\\u0041',
      '\\n',
      'a{',
      'a}',
      'a{,3}',
      ']',
      '[z-a]',
      'a{3,2}',
      '*',
      'a**',
      '\\',
    ])
      assert.ok(!isPattern(`^${inner}$`), inner);
  });

  it('says what the regular expressions of ECMA-262 say, whatever the pattern and the text are', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      'é',
      '😀',
      '.',
      '\\d',
      '\\W',
      '[ab]',
      '[^a]',
      '[\\d-]',
      '\\.',
      '-',
      '\\/',
      '(?:a|b)',
      '(a|)',
      '(?:)',
      '\\\\',
      '/',
      '[^\\w.]',
      '[a-c]',
    );
    const more = fc.constantFrom('', '', '', '*', '+?', '?', '{2}', '{1,}', '{0,3}', '{2,3}?');
    const inner = fc
      .array(
        fc.tuple(atom, more).map((parts) => parts.join('')),
        { maxLength: 5 },
      )
      .map((parts) => parts.join(''));
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', 'é', '😀', '1', '.', '-', '/', '\\', '\n', '\r', '\u2028', '_'), {
        maxLength: 6,
      })
      .map((parts) => parts.join(''));
    let matched = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          inner,
          inner.map((each) => `(?:${each}|b+)`),
        ),
        text,
        (made, given) => {
          const pattern = `^${made}$`;
          assert.ok(isPattern(pattern), pattern);
          const expected = new RegExp(pattern, 'u').test(given);
          if (expected) matched += 1;
          assert.equal(matchesPattern(pattern, given), expected, `${pattern} and ${JSON.stringify(given)}`);
        },
      ),
      { numRuns: 2000 },
    );
    assert.ok(matched > 100, `${matched} matched`);
  });

  it('whatever it takes can be compiled', () => {
    const anything = fc.string({ unit: fc.constantFrom(...'ab.^$*+?()[]{}|\\-,12dwsp:=!<>/😀'), maxLength: 14 });
    let taken = 0;
    fc.assert(
      fc.property(anything, (inner) => {
        if (!isPattern(`^${inner}$`)) return;
        taken += 1;
        matchesPattern(`^${inner}$`, 'ab');
      }),
      { numRuns: 20_000 },
    );
    assert.ok(taken > 100, `${taken} were taken`);
  });

  it('takes time that grows with the text alone, and is of bounded size', () => {
    for (const inner of ['x{257}', '(x{16}){17}', '((x{20}){20}){20}', '(()){256}', '(x*){200}', 'x'.repeat(255)])
      assert.ok(!isPattern(`^${inner}$`), inner);
    for (const pattern of ['^(a+)+$', '^(a|a)*$', '^(?:a*)*b$', '^(\\w{1,12}){1,12}$', '^(.*a){12}$']) {
      assert.ok(isPattern(pattern), pattern);
      assert.ok(cpuMilliseconds(() => matchesPattern(pattern, `${'a'.repeat(4000)}!`)) < 1000, pattern);
    }
    assert.equal(matchesPattern('^a*$', 'a'.repeat(4096)), true);
    assert.equal(matchesPattern('^a*$', 'a'.repeat(4097)), false);
  });
});
