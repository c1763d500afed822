import assert from 'node:assert/strict';
import { ConfigurationError, loadConfiguration, parseConfiguration } from '../../src/config/load.js';
import { type sample, yaml } from '../config/sample.js';

const refused: readonly (readonly [what: string, changes: Partial<typeof sample>])[] = [
  ['rules are missing', { rules: '' }],
  ['rules have no value', { rules: 'rules:' }],
  ['rules are a list', { rules: 'rules: []' }],
  ['rules are misspelt', { rules: 'rule: {}' }],
  ['resources are missing', { resources: '' }],
  ['resources have no value', { resources: 'resources:' }],
  ['attestors are missing', { attestors: '' }],
  ['a rule is invalid', { rules: 'rules: { agent: {} }' }],
  ['a rule has a key that is not enforced', { rules: 'rules: { agent: { conditions: [office-hours] } }' }],
];

describe('attacks: octo-sts fails open when its allow-list is deleted or unreadable', () => {
  for (const [what, changes] of refused) {
    it(`nothing is loaded when ${what}`, () =>
      assert.throws(() => parseConfiguration('c.yaml', yaml(changes)), ConfigurationError));
  }

  it('nothing is loaded when the file is empty', () => {
    assert.throws(() => parseConfiguration('c.yaml', ''), ConfigurationError);
  });

  it('nothing is loaded when the file is gone', () =>
    assert.rejects(loadConfiguration('/nonexistent/c.yaml'), ConfigurationError));

  it('an empty policy has no rule, so it issues nothing', () => {
    const { policy } = parseConfiguration('c.yaml', yaml({ rules: 'rules: {}', resources: 'resources: {}' }));
    assert.deepEqual([policy.ruleCount, policy.resources.size, policy.attestors.size], [0, 0, 0]);
  });
});
