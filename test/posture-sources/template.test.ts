import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fillTemplate, isTemplate, placeholdersOf } from '../../src/posture-sources/template.js';

describe('posture-sources/template', () => {
  for (const text of [
    'https://edr.example/hosts/{k8s:node}',
    'https://edr.example/hosts?id={instance}&of={subject}',
    'https://edr.example:8443/a/{azure:vm}/posture',
    'http://127.0.0.1:1/{subject}',
    'http://localhost/{subject}',
  ]) {
    it(`takes ${text}`, () => assert.equal(isTemplate(text), true));
  }

  for (const [what, text] of [
    ['no placeholder: every workload would have one posture', 'https://edr.example/hosts'],
    ['http off loopback', 'http://edr.example/{subject}'],
    ['another scheme', 'ftp://edr.example/{subject}'],
    ['a placeholder in the host', 'https://{subject}.edr.example/hosts'],
    ['a placeholder as the port', 'https://edr.example:{subject}/hosts/{subject}'],
    ['a placeholder behind the host', 'https://edr.example{subject}/'],
    ['a user', 'https://user@edr.example/{subject}'],
    ['a fragment', 'https://edr.example/{subject}#{instance}'],
    ['a brace that is open', 'https://edr.example/{subject}/{k8s:node'],
    ['an empty placeholder', 'https://edr.example/{}'],
    ['a word that is no placeholder', 'https://edr.example/{node}'],
    ['a kind with a third part', 'https://edr.example/{k8s:pod-label:x}'],
    ['a URL that is written otherwise than it is called', 'https://EDR.example/a/../{subject}'],
    ['a backslash before the path', 'https://edr.example\\@other.example/{subject}'],
  ] as const) {
    it(`refuses ${what}`, () => assert.equal(isTemplate(text), false));
  }

  const template = 'https://edr.example/hosts/{k8s:node}?of={subject}';
  const fill = (node: string, subject = 's') =>
    fillTemplate(
      template,
      new Map([
        ['k8s:node', node],
        ['subject', subject],
      ]),
    );

  it('names its placeholders', () => assert.deepEqual(placeholdersOf(template), ['k8s:node', 'subject']));

  it('percent-encodes all that is not unreserved', () => {
    assert.equal(
      fill("a/b?c#d&e'(", 'spiffe://x/ä'),
      'https://edr.example/hosts/a%2Fb%3Fc%23d%26e%27%28?of=spiffe%3A%2F%2Fx%2F%C3%A4',
    );
  });

  for (const value of ['', '.', '..', '\ud800', 'x'.repeat(2048)]) {
    it(`has no URL for ${JSON.stringify(value.slice(0, 8))}`, () => assert.equal(fill(value), null));
  }

  it('never leads to another path, whatever the values are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (node, subject) => {
        const filled = fill(node, subject);
        if (filled === null) return;
        const url = new URL(filled);
        assert.equal(url.origin, 'https://edr.example');
        const [, hosts, segment, ...more] = url.pathname.split('/');
        assert.deepEqual([hosts, decodeURIComponent(segment ?? ''), more], ['hosts', node, []]);
        assert.deepEqual([...url.searchParams], [['of', subject]]);
        assert.equal(url.hash, '');
      }),
    );
  });
});
