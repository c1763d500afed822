/** The suite on a server that is not ours: it finds just what that one does otherwise than the standards say. */
import assert from 'node:assert/strict';
import { cases } from '../../conformance/cases/index.js';
import { runSuite } from '../../conformance/suite.js';
import { startOidcProvider } from './oidc-provider.js';

/** Of oidc-provider 9 itself, of jose, and of a grant that was written in an afternoon. */
const deviations: readonly (readonly [verdict: string, id: string, reason: RegExp])[] = [
  // oidc-provider: the token endpoint has no other method, a body that is too large is malformed, and a proof that was used is invalid_grant.
  ['warning', 'request/get-405', /^expected status 405; found 404$/],
  ['warning', 'request/too-large-413', /^expected status 413; found 400$/],
  ['fail', 'dpop/used-twice', /^request 2: expected error invalid_dpop_proof; found "invalid_grant"$/],
  // The grant: parameters that it does not look at, and claims that it does not ask for.
  ['fail', 'token-exchange/unknown-subject-token-type', /found 200$/],
  ['fail', 'token-exchange/wrong-subject-token-type', /found 200$/],
  ['fail', 'token-exchange/unknown-requested-token-type', /found 200$/],
  ['fail', 'token-exchange/actor-token-alone', /found 200$/],
  ['fail', 'token-exchange/actor-token-type-alone', /found 200$/],
  ['fail', 'token-exchange/bad-actor-token', /found 200$/],
  ['warning', 'token-exchange/no-expiry', /found 200$/],
  ['warning', 'token-exchange/no-subject', /found 200$/],
  ['warning', 'token-exchange/distant-expiry', /found 200$/],
  ['fail', 'delegation/act-of-evidence', /^expected claim act: an object with sub; found none; or /],
  ['fail', 'authorization-details/unknown-field', /found 200$/],
  // jose: of a member that is there twice the last counts, and one audience of several is enough.
  ['warning', 'token-exchange/duplicate-claims', /found 200$/],
  ['warning', 'token-exchange/duplicate-header', /found 200$/],
  ['warning', 'token-exchange/further-audiences', /found 200$/],
];

describe('conformance: oidc-provider with a grant for token exchange', function () {
  this.timeout(60_000);

  it('has these deviations and no others', async () => {
    const other = await startOidcProvider();
    try {
      const results = await runSuite(other.profile, { cases });
      const found = results.filter(({ verdict }) => verdict === 'fail' || verdict === 'warning');
      assert.deepEqual(
        found.map(({ verdict, case: { id } }) => `${verdict} ${id}`).sort(),
        deviations.map(([verdict, id]) => `${verdict} ${id}`).sort(),
      );
      for (const [, id, reason] of deviations) {
        assert.match(String(found.find((result) => result.case.id === id)?.reasons[0]), reason, id);
      }
      assert.ok(results.filter(({ verdict }) => verdict === 'pass').length > 100);
    } finally {
      await other.close();
    }
  });

  it('is reached with the secret of a client, and asked about tokens that are no JWTs', async () => {
    const other = await startOidcProvider('opaque');
    try {
      const results = await runSuite(other.profile, { cases });
      const known = new Set(deviations.map(([, id]) => id));
      const further = results.filter(({ verdict, case: { id } }) => /fail|warning/.test(verdict) && !known.has(id));
      assert.deepEqual(
        further.map(({ case: { id }, reasons }) => [id, reasons]),
        [],
      );
      const passed = results.filter(({ verdict }) => verdict === 'pass').map(({ case: { id } }) => id);
      for (const id of ['introspection/active', 'revocation/inactive', 'client/bad-basic'])
        assert.ok(passed.includes(id), id);
    } finally {
      await other.close();
    }
  });
});
