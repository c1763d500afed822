/** What resource servers look with, and what it does not fall for. */
import assert from 'node:assert/strict';
import { permits } from '../../src/authorization-details/permits.js';

const object = (properties: unknown, more: object = {}) => ({ type: 'object', properties, ...more });
const tool = (schema?: unknown, name = 'pay') => [
  { type: 'mcp_tools', tools: [{ name, ...(schema !== undefined && { arguments: schema }) }] },
];
const x = (schema: unknown) => tool(object({ x: schema }));

describe('authorization-details/permits', () => {
  it('a tool by its exact name, whatever its arguments are where nothing is said of them', () => {
    for (const args of [undefined, {}, { any: [1, 'two', null, { three: true }] }])
      assert.equal(permits(tool(), 'pay', args), true);
    for (const name of ['Pay', 'pay ', 'pa', '', 'constructor', '__proto__', 'toString'])
      assert.equal(permits(tool(), name, {}), false, name);
  });

  it('nothing without details, and nothing of what is not understood', () => {
    const good = tool(object({ x: { type: 'string' } }));
    assert.equal(permits(good, 'pay', { x: 'a' }), true);
    for (const details of [
      ...[undefined, null, 'mcp_tools', 5, {}, [], [null], [[]], [{}], good[0], tool()[0]?.tools],
      ...[{ tools: [] }, { tools: {} }, { tools: 'pay' }, { tools: [{}] }, { tools: ['pay'] }].map((rest) => [
        { type: 'mcp_tools', ...rest },
      ]),
      ...[
        [{ type: 'mcp_tools', tools: [{ name: 'pay' }], actions: ['x'] }],
        [{ type: 'mcp_tools', tools: [{ name: 'pay', title: 'Pay' }] }],
      ],
      [...tool(), ...tool(undefined, 'pay')],
      [...tool(), { type: 'mcp_tools' }],
    ]) {
      assert.equal(permits(details, 'pay', {}), false, JSON.stringify(details));
    }
  });

  it('entries of other types are passed over, and permit nothing', () => {
    const other = { type: 'payment', tools: [{ name: 'pay' }] };
    assert.equal(permits([other], 'pay'), false);
    assert.equal(permits([other, ...tool()], 'pay'), true);
    assert.equal(
      permits([{ tools: [{ name: 'pay' }] }, ...tool()], 'pay'),
      false,
      'an entry without a type is of none',
    );
  });

  for (const [title, schema, accepted, refused] of [
    ['text', { type: 'string' }, ['', 'a', '😀'], [1, null, true, [], {}, ['a'], undefined]],
    ['its length in code points', { type: 'string', minLength: 1, maxLength: 2 }, ['a', '😀😀'], ['', 'abc', '😀😀😀']],
    ['half of a surrogate pair', { type: 'string' }, ['\ud83d\ude00'], ['\ud83d', '\ude00a']],
    ['text that looks alike', { const: 'é' }, ['\u00e9'], ['e\u0301', 'É', '\u00e9\u200b']],
    ['a choice', { enum: ['EUR', 'USD'] }, ['EUR', 'USD'], ['eur', 'EUR ', ['EUR'], 'EU', null]],
    ['a choice with a type', { type: 'integer', enum: [1, 2] }, [1, 2, 2.0], [3, '1', 1.5]],
    ['numbers', { type: 'number', minimum: 0.01, maximum: 100 }, [0.01, 1e2, 99.99], [0, 100.01, -1, '50', null, [50]]],
    ['bounds that are not in it', { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }, [0.5], [0, -0, 1]],
    ['no infinity, and no NaN', { type: 'number' }, [1e-300, 0.1, -5], [Number('1e999'), -Infinity, NaN]],
    [
      'no number that may have been another',
      { type: 'number' },
      [2 ** 53 - 1],
      [2 ** 53, 2 ** 53 + 2, -(2 ** 53), 1e300, 5n],
    ],
    ['whole numbers', { type: 'integer', multipleOf: 100 }, [0, 100, -200, 1e4], [150, 100.5, '100', 2 ** 53]],
    ['true and false', { type: 'boolean', const: true }, [true], [false, 'true', 1]],
    ['null', { type: 'null' }, [null], [0, '', false, {}]],
    [
      'lists',
      { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 2 },
      [[1], [1, 2]],
      [[], [1, 2, 3], ['1'], [[1]], { 0: 1, length: 1 }, '1'],
    ],
    [
      'all',
      {
        allOf: [
          { type: 'integer', minimum: 1 },
          { type: 'integer', maximum: 3 },
        ],
      },
      [1, 3],
      [0, 4],
    ],
    ['any', { anyOf: [{ type: 'null' }, { type: 'string' }] }, [null, 'a'], [1]],
    [
      'a pattern as a whole',
      { type: 'string', pattern: '^DE[0-9]{2}$' },
      ['DE12'],
      ['xDE12', 'DE12x', 'DE12\n', '\nDE12', 'DE١٢'],
    ],
  ] as const) {
    it(title, () => {
      for (const value of accepted)
        assert.equal(permits(x(schema), 'pay', { x: value }), true, `${String(value)} is accepted`);
      for (const value of refused)
        assert.equal(permits(x(schema), 'pay', { x: value }), false, `${String(value)} is refused`);
    });
  }

  it('members: those that are required, and no others unless it is said', () => {
    const schema = object({ a: { type: 'string' }, b: { type: 'string' } }, { required: ['a'] });
    for (const [args, open, closed] of [
      [{ a: '' }, true, true],
      [{ a: '', b: '' }, true, true],
      [{ b: '' }, false, false],
      [{}, false, false],
      [{ a: '', c: 1 }, true, false],
      [{ a: '', toString: 1 }, true, false],
      [{ a: 1 }, false, false],
    ] as const) {
      assert.equal(permits(tool(schema), 'pay', args), closed, JSON.stringify(args));
      assert.equal(permits(tool({ ...schema, additionalProperties: true }), 'pay', args), open, JSON.stringify(args));
    }
  });

  it('keys of prototypes are keys like others, and __proto__ is none', () => {
    const schema = object({ constructor: { type: 'string' } }, { required: ['constructor'] });
    assert.equal(permits(tool(schema), 'pay', {}), false, 'what every object inherits is no member');
    assert.equal(permits(tool(schema), 'pay', { constructor: 'a' }), true);
    for (const args of ['{"__proto__":{"x":"a"}}', '{"x":"a","__proto__":null}', '{"x":{"__proto__":1}}']) {
      assert.equal(permits(x({ type: 'string' }), 'pay', JSON.parse(args)), false, args);
      assert.equal(permits(tool(), 'pay', JSON.parse(args)), false, args);
    }
    const named = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}');
    assert.equal(permits(tool(named), 'pay', {}), false);
    assert.equal(permits(tool(object({ x: { type: 'string' } })), 'pay', Object.create({ x: 'a' })), false);
  });

  it('arguments are an object of JSON, and nothing else', () => {
    for (const args of [
      null,
      [],
      ['x'],
      'x',
      5,
      true,
      new Map([['x', 'a']]),
      new Date(),
      () => {},
      { x: undefined },
      { x: new Date() },
      { x: new Array(2) },
    ]) {
      assert.equal(permits(tool(), 'pay', args), false, String(args));
      assert.equal(permits(x({ type: 'string' }), 'pay', args), false, String(args));
    }
  });

  it('what is not of the language permits nothing, and is never passed over', () => {
    for (const schema of [
      ...[
        true,
        false,
        null,
        [],
        'object',
        {},
        { type: 'string' },
        { type: ['object'] },
        { type: 'any' },
        { maximum: 5 },
      ],
      ...[
        { type: 'object', maximum: 5 },
        object({ a: { maximum: 5 } }),
        object({ a: {} }),
        object({ a: true }),
        object([]),
      ],
      ...[{ format: 'date' }, { default: 1 }, { description: 'x' }, { $ref: '#' }, { not: {} }, { oneOf: [] }].map(
        (more) => object({}, more),
      ),
      ...[
        { required: ['x'] },
        { required: [] },
        { required: 'a' },
        { required: ['a', 'a'] },
        { additionalProperties: {} },
      ].map((more) => object({ a: { const: 1 } }, more)),
      ...[
        { const: [] },
        { const: 2 ** 53 },
        { enum: [] },
        { enum: [1, 1] },
        { enum: 'a' },
        { const: 1, enum: [1] },
        { anyOf: [] },
        { allOf: {} },
      ].map((a) => object({ a })),
      ...[
        { type: 'string', const: 5 },
        { type: 'integer', enum: [1.5] },
        { type: 'array' },
        { type: 'null', const: null },
      ].map((a) => object({ a })),
      ...[{ minLength: -1 }, { minLength: 1.5 }, { maxLength: '5' }, { minimum: 5 }, { pattern: 5 }].map((more) =>
        object({ a: { type: 'string', ...more } }),
      ),
      ...[{ minimum: null }, { maximum: '5' }, { multipleOf: 5 }].map((more) =>
        object({ a: { type: 'number', ...more } }),
      ),
      { anyOf: [object({}), { type: 'string' }] },
    ]) {
      assert.equal(permits(tool(schema), 'pay', {}), false, JSON.stringify(schema));
    }
  });

  it('is not brought down by depth or size', () => {
    const nested = (levels: number) => JSON.parse(`${'{"x":'.repeat(levels)}1${'}'.repeat(levels)}`) as object;
    assert.deepEqual(
      [permits(tool(), 'pay', nested(30)), permits(tool(), 'pay', nested(40)), permits(tool(), 'pay', nested(100_000))],
      [true, false, false],
    );
    let schema: unknown = { type: 'string' };
    for (let level = 0; level < 100_000; level++) schema = { allOf: [schema] };
    assert.equal(permits(tool(schema), 'pay', {}), false);
  });
});
