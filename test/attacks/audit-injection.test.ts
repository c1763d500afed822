import assert from 'node:assert/strict';
import { auditLine } from '../../src/audit/line.js';
import type { AuditRecord } from '../../src/audit/record.js';
import { explainRecord } from '../../src/policy/explain.js';
import { record } from '../audit/fixtures.js';

const hostile: Readonly<Record<string, string>> = {
  'carriage return': '\r',
  'line feed': '\n{"decision_id":"forged"}\n',
  nul: '\0',
  'ANSI sequence': '\u001b[2J\u001b]0;owned\u0007',
  'C1 control sequence introducer': '\u009b31m',
  delete: '\u007f',
  'next line': '\u0085',
  'bidi override': '\u202e\u2066\u200f\u061c',
  'line and paragraph separators': '\u2028\u2029',
  'byte order mark': '\ufeff',
  'lone surrogate': '\ud800',
};

/** The record with the text put into every string of it, however deep. */
function poisoned(value: unknown, text: string): unknown {
  if (typeof value === 'string') return `a${text}b`;
  if (Array.isArray(value)) return value.map((item) => poisoned(item, text));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, poisoned(item, text)]));
}

describe('log injection (THREATS: log injection; OpenBao GHSA-59w7-v8rr-pr4p)', () => {
  for (const [name, text] of Object.entries(hostile)) {
    const attacked = {
      ...(poisoned(record({ detail: 'x' }), text) as AuditRecord),
      outcome: 'refused',
      rules: [{ rule: text, effect: 'deny', verdict: 'unknown', clause: text, expected: text, seen: text }],
    } as const satisfies AuditRecord;

    it(`${name} in every field: one record is one printable line`, () => {
      const line = auditLine(attacked);
      assert.equal(line.split(/[\n\r\u0085\u2028\u2029]/).length, 2);
      assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      assert.deepEqual(JSON.parse(line), attacked);
    });

    it(`${name} in every field: the explanation sends nothing but text to the terminal`, () => {
      for (const line of explainRecord(attacked).split('\n')) {
        assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        assert.doesNotMatch(line, /^\{/);
      }
    });
  }
});
