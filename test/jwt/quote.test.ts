import assert from 'node:assert/strict';
import { quoteClaim } from '../../src/jwt/quote.js';
import { token } from '../support/tokens.js';

describe('quoteClaim', () => {
  it('writes JSON, or absent', () => {
    assert.equal(quoteClaim('a"b\n'), '"a\\"b\\n"');
    assert.equal(quoteClaim(['a', 1]), '["a",1]');
    assert.equal(quoteClaim(undefined), 'absent');
    assert.equal(quoteClaim(null), 'null');
  });
  it('gives at most 200 characters', () => {
    assert.equal(quoteClaim('x'.repeat(1000)).length, 200);
    assert.equal(quoteClaim('x'.repeat(198)), `"${'x'.repeat(198)}"`);
  });
  it('leaves out a token that was sent as a value', () => {
    const text = token();
    assert.match(quoteClaim(text), /^"\[token\]/);
    assert.ok(!quoteClaim([`Bearer ${text}`]).includes(text.slice(0, 20)));
  });
  it('leaves out a token that was wrapped, at any depth', () => {
    const wrapped = (
      token()
        .slice(0, 400)
        .match(/.{1,40}/g) ?? []
    ).join('\r\n');
    assert.equal(quoteClaim(wrapped), '"[token]"');
    assert.equal(quoteClaim([wrapped, 1, { a: wrapped }]), '["[token]",1,{"a":"[token]"}]');
  });
});
