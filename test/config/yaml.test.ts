import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseConfiguration } from '../../src/config/load.js';
import { problemsOf, yaml } from './sample.js';

const rows: readonly (readonly [what: string, text: string, ...problems: string[]])[] = [
  ['nothing', '', '1:1: the file is empty'],
  ['a comment alone', '# nothing\n', '1:1: the file is empty'],
  ['null', 'null', '1:1: the file is empty'],
  ['a list', '- a', '1:1: wrong value (expected a map, found a list)'],
  ['text', 'hello', '1:1: wrong value (expected a map, found "hello")'],
  [
    'a tab as indentation',
    yaml({ more: 'listen:\n\tport: 1' }),
    '2:1: not YAML 1.2: Tabs are not allowed as indentation',
  ],
  [
    'a map that is not closed',
    yaml({ rules: 'rules: {' }),
    '8:9: not YAML 1.2: Flow map in block collection must be sufficiently indented and end with a }',
  ],
  ['a key twice', yaml({ more: 'region: a\r\nregion: b' }), '2:1: not YAML 1.2: Map keys must be unique'],
  [
    'a key twice, deeper',
    yaml({ more: 'listen: { port: 1, port: 2 }' }),
    '1:20: not YAML 1.2: Map keys must be unique',
  ],
  ['a number as key', yaml({ more: '1: a' }), '1:1: unusable key (expected text: put it in quotes, found 1)'],
  ['null as key', yaml({ more: '~: a' }), '1:1: unusable key (expected text: put it in quotes, found null)'],
  [
    'a map as key',
    yaml({ more: '? { a: 1 }\n: b' }),
    '1:3: unusable key (expected text: put it in quotes, found a list or a map)',
  ],
  [
    '__proto__ as key, anywhere',
    yaml({ more: '__proto__: { issuer: x }', rules: 'rules:\n  __proto__: {}' }),
    '1:1: unusable key (expected another name, found "__proto__")',
    '10:3: unusable key (expected another name, found "__proto__")',
  ],
  ['a tag of its own', yaml({ more: 'region: !env HOME' }), '1:9: not YAML 1.2: Unresolved tag: !env'],
  ['an unknown directive', `%FOO x\n---\n${yaml()}`, '1:1: not YAML 1.2: Unknown directive %FOO'],
  [
    'an alias of nothing',
    yaml({ more: 'region: *nowhere' }),
    '1:9: not usable YAML: Unresolved alias (the anchor must be set before the alias): nowhere',
  ],
  [
    'an alias of what it stands in',
    yaml({ more: 'listen: &x { host: *x }' }),
    '1:20: listen.host: wrong value (expected a host name or an IP address, found a map)',
  ],
  [
    'two documents',
    `${yaml()}\n---\n${yaml()}`,
    '12:1: the file holds more than one document: remove what follows the ---',
  ],
  [
    'an alias bomb',
    ['a: &a [x, x, x, x, x, x, x, x, x]', ...[...'bcdefghi'].map(ninefold)].join('\n'),
    '2:8: not usable YAML: Excessive alias count indicates a resource exhaustion attack',
  ],
];

function ninefold(letter: string, index: number): string {
  return `${letter}: &${letter} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(', ')}]`;
}

describe('config: YAML', () => {
  for (const [what, text, ...problems] of rows) {
    it(`refuses ${what}`, () =>
      assert.deepEqual(
        problemsOf(text),
        problems.map((problem) => `c.yaml:${problem}`),
      ));
  }

  for (const [open, close] of [
    ['[', ']'],
    ['{a: ', '}'],
  ] as const) {
    it(`refuses 10,000 ${open} within each other`, () => {
      const problems = problemsOf(`a: ${open.repeat(10_000)}1${close.repeat(10_000)}`);
      assert.match(problems.at(-1) ?? '', /^c\.yaml:1:\d+: not usable YAML: it is nested too deeply$/);
    });
  }

  it('reads 1.2 whatever the file says of its version: yes is text', () => {
    const text = `%YAML 1.1\n---\n${yaml({ more: 'region: yes' })}`;
    assert.equal(parseConfiguration('c.yaml', text).region, 'yes');
  });

  it('reads anchors and aliases', () => {
    const text = yaml({ more: 'listen: &any { port: 0 }\nhealth: *any' });
    assert.deepEqual(parseConfiguration('c.yaml', text).health, { host: '127.0.0.1', port: 0 });
  });

  it('gives a configuration or problems with places, and nothing else, for any damage to a file', () => {
    const whole = yaml({ more: 'listen: { port: 1 }\nstore: { type: memory }\nsigning: { algorithms: [ES256] }' });
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ':',
      ' ',
      '\n',
      '"',
      '*a',
      '&a ',
      '~',
      '__proto__',
      '- ',
      '1',
      '#',
      '!',
      '\u0000',
    ];
    const damage = fc.record({
      at: fc.nat(whole.length),
      remove: fc.nat(12),
      insert: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 4, unit: 'binary' })),
    });
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (damages) => {
        const text = damages.reduce(
          (t, { at, remove, insert }) => t.slice(0, at) + insert + t.slice(at + remove),
          whole,
        );
        const lines = text.split('\n').length;
        for (const problem of problemsOf(text)) {
          const [, line, column] = /^c\.yaml:(\d+):(\d+): ./.exec(problem) ?? assert.fail(problem);
          assert.ok(Number(line) >= 1 && Number(line) <= lines && Number(column) >= 1, problem);
        }
      }),
      { numRuns: 200 },
    );
  });
});
