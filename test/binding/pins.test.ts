/** Evidence pinned to a key, on the whole service. */
import assert from 'node:assert/strict';
import { checkPin, type PinnedUse } from '../../src/binding/pins.js';
import { Unavailable } from '../../src/errors.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { idToken, mcp, ourIssuer, startCast } from '../support/delegation.js';
import { clientKey, makeProof } from '../support/proof.js';
import { scrape } from '../support/scrape.js';
import { clusterUrl, grantType, issuer, jwtType, startService, type TestService } from '../support/service.js';

const url = `${issuer}/token`;
const [owner, thief] = [clientKey(), clientKey()];
const by = (key: typeof owner) => ({ DPoP: makeProof(key, url) });
const attestors = (pin: string) => `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json }, pin: ${pin} }`;

describe('pinned evidence', () => {
  for (const pin of ['first-use', 'required'] as const) {
    describe(`with pin: ${pin}`, () => {
      let service: TestService;
      before(async () => {
        service = await startService({ attestors: attestors(pin), earlierStore: true });
      });
      after(() => service.close());

      it('is good with the key of its first use, as often as it comes', async () => {
        const subject_token = await service.token();
        for (let use = 0; use < 3; use++) {
          assert.equal((await service.exchange({ subject_token }, by(owner))).status, 200);
        }
        assert.equal((await service.lastRecord()).alert, null);
      });

      it('is refused with another key, and without a proof, loudly', async () => {
        const subject_token = await service.token();
        await service.exchange({ subject_token }, by(owner));
        const { decision_id: first } = await service.lastRecord();
        const other = await service.exchange({ subject_token }, by(thief));
        assert.deepEqual([other.status, other.body.error], [400, 'invalid_request']);
        const { alert, detail, attestor, subject, evidence_id } = await service.lastRecord();
        assert.equal(alert, 'evidence_pinned_to_another_key');
        assert.ok(
          attestor === 'prod-eu' && subject !== null && evidence_id !== null,
          'the alert says whose evidence it was',
        );
        assert.ok(detail?.includes(first));
        const bearer = await service.exchange({ subject_token });
        assert.deepEqual([bearer.status, bearer.body.error], [400, 'invalid_dpop_proof']);
        assert.equal((await service.lastRecord()).alert, pin === 'required' ? null : 'evidence_pinned');
        const metrics = await (await fetch(`${service.healthUrl}/metrics`)).text();
        const counted =
          'counterseal_evidence_alerts_total{attestor="prod-eu",alert="evidence_pinned_to_another_key"} 1\n';
        assert.ok(metrics.includes(counted));
      });

      it('of a hundred keys at once pins one', async () => {
        const subject_token = await service.token();
        const uses = Array.from({ length: 100 }, () => service.exchange({ subject_token }, by(clientKey())));
        assert.equal((await Promise.all(uses)).filter(({ status }) => status === 200).length, 1);
      });

      it(`that nobody pinned is ${pin === 'required' ? 'refused' : 'good'} without a proof`, async () => {
        assert.equal((await service.exchange()).status, pin === 'required' ? 400 : 200);
      });
    });
  }

  it('of a delegator: the alert counts for the attestor of the delegator, which nobody was refused by before', async () => {
    const cast = await startCast({ staff: { pin: 'first-use' }, earlierStore: true });
    const { service } = cast;
    const counted = async (attestor: string) => {
      const { value } = await scrape(service.healthUrl);
      return value(`counterseal_evidence_alerts_total{attestor="${attestor}",alert="evidence_pinned_to_another_key"}`);
    };
    assert.deepEqual([await counted('staff'), await counted('prod-eu')], [0, undefined]);
    const form = {
      ...{ grant_type: grantType, resource: mcp, subject_token_type: idToken, subject_token: cast.anna() },
      ...{ actor_token_type: jwtType, actor_token: await cast.agent() },
    };
    const proof = (key: typeof owner) => ({ DPoP: makeProof(key, `${ourIssuer}/token`) });
    assert.equal((await service.post(form, proof(owner))).status, 200);
    assert.equal((await service.post(form, proof(thief))).status, 400);
    assert.equal((await service.lastRecord()).alert, 'evidence_pinned_to_another_key');
    assert.deepEqual([await counted('staff'), await counted('prod-eu')], [1, undefined]);
    await cast.close();
  });

  it('is 503 where it is not known whether it is pinned', async () => {
    const store = createMemoryStore({ now: () => 100_000 });
    const use: PinnedUse = {
      attestor: 'one',
      evidenceId: 'id',
      from: 50,
      end: 150,
      thumbprint: undefined,
      requestId: 'request',
    };
    const lost = createMemoryStore({ now: () => 60_000 });
    const down = {
      ...store,
      get: () => Promise.reject(new Error('down')),
      claim: () => Promise.reject(new Error('down')),
    };
    const is = (reason: string) => (error: unknown) => error instanceof Unavailable && error.reason === reason;
    await assert.rejects(checkPin(lost, 'first-use', use), is('claims_unknown'));
    await checkPin(lost, 'first-use', { ...use, from: 60 });
    await assert.rejects(checkPin(down, 'first-use', use), is('store_unavailable'));
    await assert.rejects(checkPin(down, 'required', { ...use, thumbprint: 'key' }), is('store_unavailable'));
    await store.close();
  });
});
