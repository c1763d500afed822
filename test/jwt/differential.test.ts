import assert from 'node:assert/strict';
import { refusal } from '../support/tokens.js';
import { type MutatedToken, mutate, seeded } from './mutations.js';
import { acceptedByJose, stricterReasons } from './oracle.js';

const total = 12_000;
const seed = 20_261_121;

describe('the verifier compared with jose', function () {
  this.timeout(120_000);

  it(`on ${total} mutated tokens: never accepts what jose refuses, and refuses more only for the listed reasons`, async () => {
    const random = seeded(seed);
    const counts = { signedAgain: 0, both: 0, neither: 0, stricter: 0 };
    const met = new Map<string, number>();
    const compare = async ({ text, mutations, signedAgain }: MutatedToken) => {
      const context = `seed ${seed}: ${mutations.join(', ')}`;
      const [reason, jose] = await Promise.all([refusal(text), acceptedByJose(text)]);
      if (signedAgain) counts.signedAgain += 1;
      if (reason === null) {
        assert.ok(jose, `accepted, but jose refuses it; ${context}`);
        counts.both += 1;
      } else if (jose) {
        assert.ok(reason in stricterReasons, `refused with ${reason}, but jose accepts it; ${context}`);
        met.set(reason, (met.get(reason) ?? 0) + 1);
        counts.stricter += 1;
      } else counts.neither += 1;
    };
    for (let batch = 0; batch < total / 100; batch++) {
      // jose verifies on other threads: many at once keep them busy.
      await Promise.all(Array.from({ length: 100 }, () => compare(mutate(random))));
    }
    console.log(`      ${JSON.stringify(counts)}\n      ${JSON.stringify(Object.fromEntries(met))}`);
    assert.deepEqual([...met.keys()].sort(), Object.keys(stricterReasons).sort(), 'each listed reason is met');
    assert.ok(counts.signedAgain >= total / 3 && counts.both >= 3000, JSON.stringify(counts));
  });

  it('gives the same tokens for the same seed', () => {
    // Signatures with ECDSA differ from run to run; what is signed must not.
    const texts = () => {
      const random = seeded(seed);
      return Array.from({ length: 50 }, () => mutate(random).mutations.join());
    };
    assert.deepEqual(texts(), texts());
  });
});
