import assert from 'node:assert/strict';
import { isBoundedDer } from '../../../attestors/cms/der.js';

/** A DER value. */
function value(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...octets]), content]);
}
const sequence = (content: Buffer) => value(0x30, content);
const nulls = (count: number) => Buffer.concat(Array(count).fill(Buffer.from([0x05, 0x00])));

function nested(depth: number, tag: number): Buffer {
  let inner: Buffer = Buffer.from([0x05, 0x00]);
  for (let level = 0; level < depth; level++)
    inner = value(tag, tag === 0x03 ? Buffer.concat([Buffer.of(0), inner]) : inner);
  return inner;
}

describe('attestors/cms/der', () => {
  it('bounds the number of values, those inside of strings too, which parsers read as values', () => {
    assert.equal(isBoundedDer(sequence(nulls(1_199))), true);
    assert.equal(isBoundedDer(sequence(nulls(1_200))), false);
    assert.equal(isBoundedDer(sequence(value(0x04, nulls(1_198)))), true);
    assert.equal(isBoundedDer(sequence(value(0x04, nulls(1_199)))), false);
    assert.equal(isBoundedDer(sequence(value(0x03, Buffer.concat([Buffer.of(0), nulls(1_199)])))), false);
  });

  it('bounds the depth, in strings too', () => {
    for (const tag of [0x30, 0x04, 0x03]) {
      assert.equal(isBoundedDer(nested(24, tag)), true, `${tag}`);
      assert.equal(isBoundedDer(nested(25, tag)), false, `${tag}`);
    }
  });

  it('does not ask of strings that they hold DER', () => {
    for (const text of ['{"vmId":"x"}', '\u0005', '\u00ff\u00ff']) {
      assert.equal(isBoundedDer(sequence(value(0x04, Buffer.from(text, 'latin1')))), true);
    }
  });
});
