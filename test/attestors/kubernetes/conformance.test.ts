import { kubernetes } from '../../../attestors/kubernetes/index.js';
import { type AttestorFixture, describeAttestor } from '../../conformance/attestor.js';
import { jwtEvidence } from '../../support/attestor-host.js';
import { withSignatureOf } from '../../support/tokens.js';
import { type FakeApi, startFakeApi } from './fake-api.js';
import { createFixture, type Fixture, sharedCluster } from './fixture.js';

async function attestorFixture(fixture: Fixture, broken: Fixture): Promise<AttestorFixture> {
  const good = await fixture.token();
  const other = await fixture.token();
  return {
    selectorKinds: kubernetes.selectorKinds,
    attestor: fixture.attestor,
    broken: broken.attestor,
    now: () => fixture.now,
    good: jwtEvidence(good),
    bad: {
      'a signature of another token': jwtEvidence(withSignatureOf(other, good)),
      'another audience': jwtEvidence(await fixture.token({ audience: 'https://other.example' })),
      'another issuer': jwtEvidence(fixture.changed((claims) => ({ ...claims, iss: 'https://other.example' }))),
      expired: jwtEvidence(fixture.changed((claims) => ({ ...claims, exp: fixture.now }))),
      'another subject': jwtEvidence(fixture.changed((claims) => ({ ...claims, sub: 'system:node:node-1' }))),
      'no kubernetes.io claim': jwtEvidence(fixture.changed((claims) => ({ ...claims, 'kubernetes.io': undefined }))),
    },
    close: async () => {
      await fixture.close();
      await broken.close();
    },
  };
}

describeAttestor('kubernetes, by signature', async () =>
  attestorFixture(await createFixture(), await createFixture({ keys: { jwksFile: 'missing.json' } })),
);

describeAttestor('kubernetes, with review', async () => {
  const cluster = await sharedCluster();
  const api = await startFakeApi(cluster);
  const brokenApi = await startFakeApi(cluster);
  const withReview = ({ kubeconfig }: FakeApi) => createFixture({ api: { kubeconfig }, review: true }, cluster);
  const fixture = await attestorFixture(await withReview(api), await withReview(brokenApi));
  brokenApi.answer((response) => response.destroy());
  return {
    ...fixture,
    close: async () => {
      await fixture.close();
      await api.close();
      await brokenApi.close();
    },
  };
});
