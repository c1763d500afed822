/** Which form of the answer an Accept header asks for (RFC 9110 §12.5.1). */
import assert from 'node:assert/strict';
import { wantsJwt } from '../../src/introspection/accept.js';

const jwt = 'application/token-introspection+jwt';

describe('the form of an introspection’s answer', () => {
  for (const accept of [
    jwt,
    'Application/Token-Introspection+JWT',
    `${jwt}; q=0.001`,
    `${jwt}, application/json;q=0.9`,
    `application/json, ${jwt}`,
    `application/json;q=0.5, ${jwt};q=0.5`,
    `*/*, ${jwt}`,
    `text/html, ${jwt};q=0.4, */*;q=0.3`,
    `application/json;q=0, ${jwt};q=0.1`,
    `application/json;q=0.2, application/*;q=0.7`,
    `application/json;q=0, */*`,
    `${jwt};q=0.2, ${jwt};q=0.8, application/json;q=0.5`,
    `application/json;q=2, ${jwt};q=0.1`,
  ]) {
    it(`is a JWT for ${accept}`, () => assert.equal(wantsJwt(accept), true));
  }

  for (const accept of [
    undefined,
    '',
    '*/*',
    'application/*',
    'application/json',
    'text/html',
    'application/jwt',
    `${jwt};q=0`,
    `${jwt};q=0, application/json;q=0`,
    `${jwt};q=0, */*`,
    `${jwt};q=0.5, application/json`,
    `${jwt};q=0.5, application/json;charset=utf-8;q=0.6`,
    `${jwt};q=0.5, */*`,
    `${jwt};q=1.1`,
    `${jwt};q=0.1234`,
    `${jwt};q=`,
    `${jwt};q=-1`,
    'application/token-introspection',
    `x${jwt}`,
    ',;q=1,,',
  ]) {
    it(`is JSON for ${JSON.stringify(accept)}`, () => assert.equal(wantsJwt(accept), false));
  }

  it('a header as long as a server takes is read in no time', () => {
    const began = performance.now();
    assert.equal(wantsJwt(`${'a/b;q=0.1;'.repeat(800)},${','.repeat(8_000)}${jwt}`), true);
    assert.ok(performance.now() - began < 200);
  });
});
