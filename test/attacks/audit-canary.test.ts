import assert from 'node:assert/strict';
import fc from 'fast-check';
import { scrub } from '../../src/text.js';

const base64url = (value: string): string => Buffer.from(value).toString('base64url');
const canary = 'Q0FOQVJZ'.repeat(8);
const header = base64url('{"alg":"RS256","kid":"1"}');
const payload = base64url('{"sub":"system:serviceaccount:agents:calendar-agent"}');
const jwt = `${header}.${payload}.${canary}`;

const pasted: Readonly<Record<string, string>> = {
  'a JWT': jwt,
  'a JWT behind its scheme': `Bearer ${jwt}`,
  'a JWT in a URL': `https://calendar.example/mcp?token=${jwt}&x=1`,
  'two JWTs': `${jwt},${jwt}`,
  'a JWT of a header with white space': `${base64url('{\n  "alg": "ES256"\n}')}.${payload}.${canary}`,
  'a JWT of a header with a blank': `${base64url('{ "alg": "ES256" }')}.${payload}.${canary}`,
  'a JWE': `${header}.${canary}.${canary}.${canary}.${canary}`,
  'a detached JWS': `${header}..${canary}`,
  'evidence that is base64url of JSON': `${base64url('{"url":"https://sts.example"')}${canary}`,
  'evidence in plain base64': `eyJ1cmwiOiJodHRwcw+/${canary}==`,
  'a JWT that a terminal wrapped': (jwt.match(/.{1,76}/g) ?? []).join('\n'),
};

describe('canary tokens in a record (Vault CVE-2024-8365; OpenBao CVE-2026-46358)', () => {
  for (const [name, text] of Object.entries(pasted)) {
    it(`${name} in a wrong parameter leaves nothing of its signature or payload`, () => {
      const kept = scrub(text);
      assert.ok(!kept.includes('Q0FOQVJZ'), kept);
      assert.ok(!kept.includes(payload.slice(0, 12)), kept);
      assert.ok(kept.includes('[token]'));
    });
  }

  for (const start of [
    '{"alg":"RS256"}',
    '{ "alg":"RS256"}',
    '{\n"alg":"RS256"}',
    '{\r\n"alg":""}',
    '{\t"alg":"RS256"}',
  ]) {
    it(`a JWT of ${JSON.stringify(start)} in base64, wrapped or not, leaves nothing`, () => {
      const encoded = Buffer.from(`${base64url(start)}.${payload}.${canary}`).toString('base64');
      assert.equal(scrub(encoded), '[token]');
      assert.equal(scrub((encoded.match(/.{1,76}/g) ?? []).join('\n')), '[token]');
    });
  }

  it('no payload is left however much text stands before and after the token', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 1000, unit: 'binary' }), fc.string({ unit: 'binary' }), (before, after) => {
        const kept = scrub(before + jwt + after);
        return !kept.includes(canary.slice(0, 24)) && !kept.includes(payload.slice(0, 12));
      }),
      { numRuns: 2000 },
    );
  });

  it('at the cut no more than the first characters of the header are left', () => {
    for (let before = 440; before <= 520; before++) {
      const kept = scrub(` ${'/'.repeat(before)} ${jwt}`);
      assert.ok(!kept.includes(header.slice(0, 16)), kept);
    }
  });

  it('takes linear time on text that almost matches', () => {
    for (const almost of ['eyJaaaaaaaaaaaa ', 'ZXlKaaaaaaaaaaaa ']) {
      const text = almost.repeat(30);
      assert.equal(scrub(text), text);
    }
  });
});
