/** Each case holds for a server that does it right, and each of its checks can fail. */
import assert from 'node:assert/strict';
import type { Case } from '../../conformance/case.js';
import { cases } from '../../conformance/cases/index.js';
import type { Answer } from '../../conformance/http.js';
import { createRecorder, type Recorder } from './mutants.js';
import { startOidcProvider } from './oidc-provider.js';
import { startOurs, type Tested } from './servers.js';

/** What Counterseal does not claim here, shown on the other server. */
const elsewhere = /^(?:(?:metadata\/)?authorization-details|token-exchange\/used-twice$)/;

/** What neither of them does: from their answers to other cases, as a server would answer that does. */
const composed: Readonly<Record<string, readonly string[]>> = {
  'jwt-bearer/used-twice': ['jwt-bearer/issues', 'jwt-bearer/bad-signature'],
  'client-credentials/used-twice': ['client-credentials/issues', 'client-credentials/bad-signature'],
  'authorization-details/unknown-field': ['authorization-details/unknown-type'],
};

describe('conformance: the cases', function () {
  this.timeout(60_000);
  let ours: Tested;
  let other: Tested;
  let ourRecorder: Recorder;
  let otherRecorder: Recorder;
  before(async () => {
    [ours, other] = await Promise.all([startOurs(), startOidcProvider()]);
    [ourRecorder, otherRecorder] = await Promise.all([createRecorder(ours.profile), createRecorder(other.profile)]);
  });
  after(() => Promise.all([ours, other, ourRecorder, otherRecorder].map((each) => each.close())));

  async function recorded(one: Case): Promise<{ recorder: Recorder; answers: readonly Answer[] }> {
    const recorder = elsewhere.test(one.id) ? otherRecorder : ourRecorder;
    const ids = composed[one.id] ?? [one.id];
    const answers: Answer[] = [];
    for (const part of cases.filter(({ id }) => ids.includes(id))) answers.push(...(await recorder.record(part)));
    return { recorder, answers };
  }

  it('have names of their own, and sections with an address', () => {
    assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
    for (const { id, section } of cases)
      assert.match(`${id} ${section.url}`, /^[a-z-]+\/[a-z0-9-]+ https:\/\/\S+#\S+$/);
  });

  for (const one of cases) {
    it(`${one.id}: holds, and each of its checks can fail`, async () => {
      const { recorder, answers } = await recorded(one);
      const unspoiled = await recorder.replay(one, answers);
      assert.deepEqual([unspoiled.verdict, unspoiled.reasons], ['pass', []]);
      for (const [index, { expect }] of one.steps.entries()) {
        const answer = answers[index];
        assert.ok(answer !== undefined);
        for (const check of expect) {
          for (const mutant of recorder.mutants(check, answer)) {
            const spoiled = answers.with(index, mutant);
            const result = await recorder.replay(one, spoiled, { followsUrls: check.kind === 'quiet' });
            assert.equal(result.verdict, one.level === 'must' ? 'fail' : 'warning', JSON.stringify(check));
            assert.ok(result.reasons.length > 0);
          }
        }
      }
    });
  }
});
