import assert from 'node:assert/strict';
import type { EvidenceForm } from '../../attestors/attestor.js';
import { challengeTypes, formsOf } from '../../src/exchange/evidence.js';

const form = (tokenType: string, challenge = false): EvidenceForm => ({
  tokenType,
  challenge,
  parse: () => ({ issuer: 'a', audience: 'b', content: null }),
});

describe('exchange/evidence', () => {
  it('refuses two types with a form of one token type, and takes two attestors of one type', () => {
    const [sealed, badge] = [form('urn:example:sealed'), form('urn:example:badge')];
    const one = { type: 'one', forms: [sealed] };
    assert.throws(
      () => formsOf([one, { type: 'two', forms: [badge, form('urn:example:sealed')] }]),
      /types? one and of type two both have a form of urn:example:sealed/,
    );
    assert.deepEqual(
      [...formsOf([one, one, { type: 'jwt' }, { type: 'two', forms: [badge] }])],
      [
        ['urn:example:sealed', sealed],
        ['urn:example:badge', badge],
      ],
    );
  });

  it('gives nonces for what attestors take, and whose form has a place for them', () => {
    const forms = formsOf([{ type: 'one', forms: [form('urn:a', true), form('urn:b'), form('urn:c', true)] }]);
    const accepts = ['urn:a', 'urn:b', 'urn:jwt'].map((tokenType) => ({ tokenType, issuer: 'i', audience: 'a' }));
    const attestor = { name: 'x', accepts, attest: () => assert.fail('not asked'), close: async () => {} };
    assert.deepEqual([...challengeTypes([attestor], forms)], ['urn:a']);
  });
});
