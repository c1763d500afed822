import assert from 'node:assert/strict';
import fc from 'fast-check';
import { auditLine } from '../../src/audit/line.js';
import { printable, scrub } from '../../src/text.js';
import { record } from './fixtures.js';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
);

describe('auditLine', () => {
  it('is JSON that ends in one line feed', () => {
    assert.equal(auditLine(record()), `${JSON.stringify(record())}\n`);
  });

  it('keeps printable text of every script as it is', () => {
    assert.ok(auditLine(record({ detail: 'Grüße, 東京, 🚀' })).includes('Grüße, 東京, 🚀'));
  });

  it('is one printable line that parses back to the same record, whatever the fields hold', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.array(anyText), (detail, subject, resource) => {
        const written = record({ detail, subject, selectors: resource, request: { ...record().request, resource } });
        const line = auditLine(written);
        assert.equal(line.indexOf('\n'), line.length - 1);
        assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        assert.deepEqual(JSON.parse(line), written);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('printable', () => {
  it('escapes each unit of a character beyond the basic plane', () => {
    assert.equal(printable('a\u{e0041}b'), 'a\\udb40\\udc41b');
  });
});

describe('scrub', () => {
  it('leaves ordinary parameters as they are', () => {
    for (const text of [
      'https://calendar.example/mcp',
      'read:calendar',
      'keyJar',
      'eyJ',
      'spiffe://example.com/a/ns/b',
      '',
    ]) {
      assert.equal(scrub(text), text);
    }
  });

  it('cuts to 512 characters and shows that it did', () => {
    assert.equal(scrub('a'.repeat(512)), 'a'.repeat(512));
    assert.equal(scrub('a'.repeat(513)), `${'a'.repeat(511)}…`);
  });

  it('keeps what stands around a token', () => {
    assert.equal(scrub('Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln, please'), 'Bearer [token], please');
  });

  it('never gives more than 512 characters', () => {
    fc.assert(fc.property(fc.string({ maxLength: 2000, unit: 'binary' }), (text) => scrub(text).length <= 512));
  });
});
