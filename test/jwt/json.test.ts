import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseObject } from '../../src/jwt/json.js';

const parse = (text: string) => parseObject(Buffer.from(text));
const nested = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;

describe('strict JSON objects (RFC 8259, RFC 7493 §2)', () => {
  it('reads every object as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (object) => {
        const text = JSON.stringify(object);
        const expected = text.includes('"__proto__":') ? 'forbidden_member' : JSON.parse(text);
        assert.deepEqual(parse(text), expected);
      }),
    );
  });

  it('finds a repeated member wherever it stands', () => {
    const name = fc.string({ minLength: 1, maxLength: 4, unit: 'grapheme' });
    // That name is refused before it can be repeated.
    const value = fc.jsonValue({ maxDepth: 2 }).filter((made) => !JSON.stringify(made).includes('"__proto__"'));
    fc.assert(
      fc.property(name, fc.dictionary(name, value), fc.boolean(), (repeated, object, inList) => {
        const { [repeated]: _dropped, ...others } = object;
        const member = `${JSON.stringify(repeated)}:1`;
        const inner = `{${member},${JSON.stringify({ ...others, '"x": ': ':' }).slice(1, -1)},${member}}`;
        assert.equal(parse(inList ? `{"list":[0,${inner}]}` : `{"a":${inner}}`), 'duplicate_member');
      }),
    );
  });

  const duplicates = {
    'the same text': '{"a":1,"a":2}',
    'the same text and value': '{"a":1,"a":1}',
    'an escaped letter': '{"a":1,"\\u0061":2}',
    'two spellings of a quotation mark': '{"\\"":1,"\\u0022":2}',
    'two spellings of a solidus': '{"a/b":1,"a\\/b":2}',
    'the empty name': '{"":1,"":2}',
    'names that are indices': '{"1":1,"1":2}',
    'the inside of a list': '{"a":[[{"b":1,"b":1}]]}',
    'names with colons': '{"a:b":1,"a:b":2}',
  };
  for (const [what, text] of Object.entries(duplicates)) {
    it(`finds a repeated member: ${what}`, () => assert.equal(parse(text), 'duplicate_member'));
  }

  it('does not take equal names in different objects, nor colons and braces in strings, for repetition', () => {
    for (const text of ['{"a":{"a":{"a":1}}}', '[{"a":1},{"a":1}]', '{"a":"\\"b\\":1,","b":":\\\\"}']) {
      const object = text.startsWith('[') ? `{"list":${text}}` : text;
      assert.deepEqual(parse(object), JSON.parse(object));
    }
  });

  it('refuses __proto__ at any level, escaped too, and changes no prototype', () => {
    for (const text of ['{"__proto__":{"x":1}}', '{"a":[{"__proto__":1}]}', '{"\\u005f_proto__":{"x":1}}']) {
      assert.equal(parse(text), 'forbidden_member');
    }
    assert.equal(({} as Record<string, unknown>).x, undefined);
  });

  it('accepts 16 levels and refuses 17, lists counted', () => {
    assert.equal(typeof parse(nested(16)), 'object');
    assert.equal(parse(nested(17)), 'too_deep');
    assert.equal(typeof parse(`{"a":${'['.repeat(15)}${']'.repeat(15)}}`), 'object');
    assert.equal(parse(`{"a":${'['.repeat(16)}${']'.repeat(16)}}`), 'too_deep');
  });

  it('survives the deepest nesting that a token has room for', () => {
    assert.equal(parse(`{"a":${'['.repeat(6000)}${']'.repeat(6000)}}`), 'too_deep');
  });

  it('refuses bytes that are not UTF-8: alone, overlong, encoded surrogates', () => {
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      assert.equal(parseObject(Buffer.from([...Buffer.from('{"a":"'), ...bytes, ...Buffer.from('"}')])), 'utf8');
    }
  });

  it('refuses half of a surrogate pair, in names and values, and accepts a whole one', () => {
    for (const text of ['{"a":"\\ud800"}', '{"a":["\\udc00x"]}', '{"\\ud83d":1}', '{"a":"\\ude00\\ud83d"}']) {
      assert.equal(parse(text), 'lone_surrogate');
    }
    assert.deepEqual(parse('{"a":"\\ud83d\\ude00"}'), { a: '😀' });
  });

  it('refuses what is no object', () => {
    for (const text of ['[]', '"a"', '1', 'null', 'true']) assert.equal(parse(text), 'not_object');
  });

  it('refuses what is no JSON: a byte order mark, comments, trailing commas, further text, nothing', () => {
    for (const text of ['\ufeff{}', '{}//', '{"a":1,}', '{}{}', '', "{'a':1}", '{a:1}', '{"a":NaN}', '{"a":01}']) {
      assert.equal(parse(text), 'json');
    }
  });

  it('freezes every level', () => {
    const object = parse('{"a":{"b":[{"c":1}]}}') as { a: { b: object[] } };
    for (const level of [object, object.a, object.a.b, object.a.b[0]]) assert.ok(Object.isFrozen(level));
  });
});
