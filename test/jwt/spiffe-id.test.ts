import assert from 'node:assert/strict';
import { trustDomainOf } from '../../src/jwt/spiffe-id.js';
import { cpuMilliseconds } from '../support/cpu-time.js';

describe('SPIFFE IDs (SPIFFE-ID §2)', () => {
  const longest = `spiffe://acme.example/${'a'.repeat(2048 - 'spiffe://acme.example/'.length)}`;

  for (const id of ['spiffe://acme.example/a', 'spiffe://a_b.c-d.1/ns/agents/sa/A.b_c-1/..a/...', longest]) {
    it(`${id.slice(0, 60)} is one`, () => assert.equal(trustDomainOf(id), id.split('/')[2]));
  }

  for (const [what, id] of Object.entries({
    'a trust domain without a path, which is no workload': 'spiffe://acme.example',
    'an empty path': 'spiffe://acme.example/',
    'a slash at its end': 'spiffe://acme.example/a/',
    'an empty segment': 'spiffe://acme.example//a',
    'a relative segment': 'spiffe://acme.example/a/../b',
    'a relative segment at its end': 'spiffe://acme.example/a/.',
    'a query': 'spiffe://acme.example/a?b',
    'a fragment': 'spiffe://acme.example/a#b',
    'a user': 'spiffe://acme.example@evil.example/a',
    'a port': 'spiffe://acme.example:443/a',
    'a percent-encoded path': 'spiffe://acme.example/%61',
    'a trust domain in upper case': 'spiffe://ACME.example/a',
    'a scheme in upper case': 'SPIFFE://acme.example/a',
    'another scheme': 'https://acme.example/a',
    'a scheme that begins with it': 'spiffes://acme.example/a',
    'no trust domain': 'spiffe:///a',
    'a trust domain of 256 characters': `spiffe://${'a'.repeat(256)}/a`,
    'a line break at its end': 'spiffe://acme.example/a\n',
    'a space before it': ' spiffe://acme.example/a',
    'a letter of another alphabet': 'spiffe://аcme.example/a',
    '2049 bytes': `${longest}a`,
    nothing: '',
    'a list': ['spiffe://acme.example/a'],
    absent: undefined,
  })) {
    it(`${what} makes none`, () => assert.equal(trustDomainOf(id), undefined));
  }

  it('takes no longer for what almost is one', () => {
    const took = cpuMilliseconds(() => {
      for (const tail of ['\n', '//', '/.', '%']) trustDomainOf(`spiffe://acme.example${'/a'.repeat(1000)}${tail}`);
    });
    assert.ok(took < 1000, `${took} ms`);
  });
});
