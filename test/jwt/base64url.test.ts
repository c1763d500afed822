import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeBase64url } from '../../src/jwt/base64url.js';

describe('base64url (RFC 4648 §5, RFC 7515 §2)', () => {
  it('decodes what Node encodes, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.deepEqual(decodeBase64url(Buffer.from(bytes).toString('base64url')), Buffer.from(bytes));
      }),
    );
  });

  it('decodes the empty text to no bytes', () => {
    assert.equal(decodeBase64url('')?.length, 0);
  });

  const refused: Readonly<Record<string, string>> = {
    padding: 'YQ==',
    'one padding character': 'YWI=',
    'trailing bits that are not zero, one byte': 'YR',
    'trailing bits that are not zero, two bytes': 'YWJ',
    'a length that no bytes have': 'YWJjY',
    'the other alphabet, +': '++++',
    'the other alphabet, /': '____/___',
    'a line end': 'YWJj\n',
    'a space inside': 'YW Jj',
    NUL: 'YWJj\0',
    'a character above Latin-1 whose low byte is a letter': 'YWJ\u0161',
    'a dot': 'YW.Jj',
  };
  for (const [what, text] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.equal(decodeBase64url(text), undefined));
  }

  it('accepts one text only for any bytes', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (const bytes of [Buffer.from('a'), Buffer.from('ab')]) {
      const text = bytes.toString('base64url');
      const accepted = [...alphabet]
        .map((last) => text.slice(0, -1) + last)
        .filter((other) => {
          return decodeBase64url(other)?.equals(bytes);
        });
      assert.deepEqual(accepted, [text]);
    }
  });
});
