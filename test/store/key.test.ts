import { strict as assert } from 'node:assert';
import { encodeKey } from '../../src/store/key.js';

describe('encodeKey', () => {
  it('never makes a long key the same as a short one that imitates its hash', () => {
    const long = encodeKey(['jti', 'k'.repeat(2000)]);
    assert.match(long, /^#[\w-]{43}$/);
    assert.notEqual(encodeKey([long]), long);
    assert.notEqual(encodeKey(['jti', long]), long);
  });

  it('stays within 1,024 bytes, whatever the characters', () => {
    for (const character of ['k', '"', '\u0000', '€', '😀', '\ud800']) {
      for (let length = 1; length < 1200; length += 13) {
        assert.ok(Buffer.byteLength(encodeKey(['jti', character.repeat(length)])) <= 1024);
      }
    }
  });
});
