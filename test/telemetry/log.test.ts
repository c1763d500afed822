import assert from 'node:assert/strict';
import { createLog, type LogOptions } from '../../src/telemetry/log.js';
import { redact } from '../../src/telemetry/redact.js';

function linesOf(options: LogOptions, isTTY = false) {
  const lines: string[] = [];
  return { lines, log: createLog(options, { isTTY, write: (line) => void lines.push(line) }) };
}

describe('telemetry: log lines', () => {
  it('are one JSON object each, with level, time and message', () => {
    const { lines, log } = linesOf({ level: 'info' });
    log.info('starts');
    log.warn('two\nlines');
    log.error('ends');
    assert.equal(lines.length, 3);
    const parsed = lines.map((line) => JSON.parse(line));
    assert.ok(lines.every((line) => line.indexOf('\n') === line.length - 1));
    assert.deepEqual(
      parsed.map(({ level, message }) => [level, message]),
      [
        ['info', 'starts'],
        ['warn', 'two\nlines'],
        ['error', 'ends'],
      ],
    );
    for (const { time, ...rest } of parsed) {
      assert.ok(Math.abs(Date.parse(time) - Date.now()) < 10_000);
      assert.deepEqual(Object.keys(rest), ['level', 'message']);
    }
  });

  it('are text on a terminal, and where the configuration says so', () => {
    for (const { lines, log } of [linesOf({ level: 'info' }, true), linesOf({ level: 'info', format: 'text' })]) {
      log.warn('first\nsecond \u001b[2J');
      assert.deepEqual(lines, ['counterseal: first\nsecond \\u001b[2J\n']);
    }
    const { lines, log } = linesOf({ level: 'info', format: 'json' }, true);
    log.warn('x');
    assert.equal(JSON.parse(lines[0] ?? '').message, 'x');
  });

  it('below the level are not written', () => {
    const { lines, log } = linesOf({ level: 'warn' });
    log.info('no');
    log.warn('yes');
    log.error('yes');
    assert.equal(lines.length, 2);
  });

  it('cannot act on a terminal that reads them as JSON', () => {
    const { lines, log } = linesOf({ level: 'info' });
    log.warn('a\u202eb\u2028c');
    assert.match(lines[0] ?? '', /a\\u202eb\\u2028c/);
  });

  const jwt = `eyJhbGciOiJFUzI1NiJ9.${'a'.repeat(40)}.${'b'.repeat(40)}`;
  for (const [text, redacted] of [
    [`the token ${jwt} was sent`, 'the token [token] was sent'],
    ['Authorization: Bearer abcdefgh12345678==', 'Authorization: Bearer [secret]'],
    ['authorization: basic dXNlcjpwYXNz', 'authorization: basic [secret]'],
    [
      'AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=fe5f80f77d5fa3beca038a248ff027',
      'AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=[secret]',
    ],
    ['https://sts/?X-Amz-Security-Token=FQoG%2FZXIv&x=1', 'https://sts/?X-Amz-Security-Token=[secret]&x=1'],
    ['redis://counterseal:hunter2@redis:6379/0', 'redis://counterseal:[secret]@redis:6379/0'],
    ['-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----', '[secret]'],
    [
      'attestor prod-eu: keys from https://a.example:8443/jwks',
      'attestor prod-eu: keys from https://a.example:8443/jwks',
    ],
    ['the bearer token file /x is empty', 'the bearer token file /x is empty'],
  ] as const) {
    it(`have no secret: ${text.slice(0, 40)}`, () => {
      assert.equal(redact(text), redacted);
      const { lines, log } = linesOf({ level: 'info', format: 'text' });
      log.warn(text);
      assert.deepEqual(lines, [`counterseal: ${redacted}\n`]);
    });
  }
});
