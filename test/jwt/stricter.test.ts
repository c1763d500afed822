import assert from 'node:assert/strict';
import { refusal } from '../support/tokens.js';
import { acceptedByJose, stricterReasons } from './oracle.js';

describe('what we refuse and jose accepts, each reason by an example', () => {
  for (const [reason, { why, example }] of Object.entries(stricterReasons)) {
    it(`${reason}: ${why}`, async () => {
      assert.equal(await refusal(example), reason);
      assert.equal(await acceptedByJose(example), true);
    });
  }
});
