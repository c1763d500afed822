import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import type { Claims, ClusterAlgorithm } from '../../../examples/quickstart/cluster-issuer.js';
import { createClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { Refusal } from '../../../src/errors.js';
import { callWith, ourIssuer } from '../../support/attestor-host.js';
import { clusterUrl, createFixture, type Fixture, refused, sharedCluster, start } from './fixture.js';

/** Changes the `kubernetes.io` claim alone. */
const inKubernetes = (change: Claims) => (claims: Claims) => ({
  ...claims,
  'kubernetes.io': { ...(claims['kubernetes.io'] as Claims), ...change },
});

/** Without `live` nobody knows these of a pod. */
const notWatched = {
  'k8s:node-label': 'missing',
  'k8s:node-taint': 'missing',
  'k8s:ns-label': 'missing',
  'k8s:owner': 'missing',
  'k8s:pod-label': 'missing',
  'k8s:runtime-class': 'missing',
};

describe('kubernetes attestor', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await createFixture();
  });
  afterEach(() => fixture.close());

  describe('what it attests', () => {
    it('is the pod, its service account and its node, by name and uid', async () => {
      const token = await fixture.token();
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
      const { pod, node, serviceaccount } = claims['kubernetes.io'];
      assert.deepEqual(await fixture.attest(token), {
        attestor: 'prod-eu',
        subject: 'spiffe://example.com/prod-eu/ns/agents/sa/calendar-agent',
        instance: `pod:${pod.uid}`,
        environment: 'production',
        selectors: [
          'k8s:node-uid:'.concat(node.uid),
          'k8s:node:node-1',
          'k8s:ns:agents',
          'k8s:pod-uid:'.concat(pod.uid),
          'k8s:pod:calendar-agent-0',
          'k8s:sa-uid:'.concat(serviceaccount.uid),
          'k8s:sa:calendar-agent',
        ],
        unknownSelectors: notWatched,
        claims,
        facts: { podless: { value: false, observedAt: start } },
        evidenceId: claims.jti,
        singleUse: false,
        assurance: 'medium',
        attestedAt: start,
        expiresAt: start + 3600,
        vouchesUntil: start + 3600,
      });
    });

    it('is the service account with low assurance where the token is bound to no pod', async () => {
      const attestation = await fixture.attest(await fixture.token({ pod: null }));
      assert.match(attestation.instance, /^serviceaccount:[0-9a-f-]{36}$/);
      assert.equal(attestation.assurance, 'low');
      assert.deepEqual(attestation.facts.podless, { value: true, observedAt: start });
      assert.deepEqual(attestation.unknownSelectors, { 'k8s:ns-label': 'missing' });
      assert.ok(!attestation.selectors.some((one) => /^k8s:(pod|node)/.test(one)));
    });

    it('has the node of a token that is bound to a node alone, and is still podless', async () => {
      const attestation = await fixture.attest(await fixture.token({ pod: null, node: 'node-2' }));
      assert.deepEqual(attestation.facts.podless?.value, true);
      assert.ok(attestation.selectors.includes('k8s:node:node-2'));
    });

    it('leaves the node unknown where a pod is bound and the cluster does not tell its node', async () => {
      const attestation = await fixture.attest(await fixture.token({ node: null }));
      assert.deepEqual(attestation.unknownSelectors, {
        ...notWatched,
        'k8s:node': 'missing',
        'k8s:node-uid': 'missing',
      });
    });

    it('leaves only the uid of the node unknown where the API server could not read the node', async () => {
      const attestation = await fixture.attest(fixture.changed(inKubernetes({ node: { name: 'node-1' } })));
      assert.deepEqual(attestation.unknownSelectors, { ...notWatched, 'k8s:node-uid': 'missing' });
      assert.ok(attestation.selectors.includes('k8s:node:node-1'));
    });

    it('is in the environment of the options when they name one', async () => {
      const staging = await createFixture({ environment: 'staging' });
      assert.equal((await staging.attest(await staging.token())).environment, 'staging');
      await staging.close();
    });

    for (const [what, jti] of [
      ['absent', undefined],
      ['empty', ''],
      ['too long', 'x'.repeat(257)],
    ] as const) {
      it(`is known by the hash of its signed bytes where jti is ${what}`, async () => {
        const token = fixture.changed(({ jti: _, ...claims }) => (jti === undefined ? claims : { ...claims, jti }));
        const signed = createHash('sha256')
          .update(token.slice(0, token.lastIndexOf('.')))
          .digest('base64url');
        assert.equal((await fixture.attest(token)).evidenceId, `sha256:${signed}`);
      });
    }

    it('is the same again when the kubelet sends the token again', async () => {
      const token = await fixture.token();
      assert.deepEqual(await fixture.attest(token), await fixture.attest(token));
    });
  });

  describe('what it refuses', () => {
    it('evidence that is no JWT', () =>
      refused(
        fixture.attestor.attest({ tokenType: 'urn:ietf:params:oauth:token-type:jwt', token: 'secret' }, callWith()),
        'not_a_jwt',
      ));

    it('a token at its exp, and not before', async () => {
      const token = await fixture.token();
      fixture.now = start + 3599.9;
      await fixture.attest(token);
      fixture.now = start + 3600;
      await refused(fixture.attest(token), 'jwt_expired');
    });

    it('a token of another issuer, audience, or of the API server', async () => {
      const other = await createClusterIssuer({ issuer: clusterUrl, algorithm: 'ES256', now: () => start });
      const foreign = await other.mint({ namespace: 'agents', serviceAccount: 'calendar-agent', audience: ourIssuer });
      await refused(fixture.attest(foreign), 'jwt_unknown_key');
      await refused(
        fixture.attest(fixture.changed((claims) => ({ ...claims, iss: 'https://evil.example' }))),
        'jwt_issuer',
      );
      await refused(fixture.attest(await fixture.token({ audience: clusterUrl })), 'jwt_audience');
    });

    it('the extended tokens of a year', async () =>
      void (await refused(fixture.attest(await fixture.token({ lifetime: 365 * 86_400 })), 'jwt_lifetime')));

    it('a further audience, unless the options allow it', async () => {
      const audience = [ourIssuer, 'https://other.example'];
      await refused(fixture.attest(await fixture.token({ audience })), 'jwt_audience');
      const tolerant = await createFixture({ otherAudiences: 'allow' });
      await tolerant.attest(await tolerant.token({ audience }));
      await tolerant.close();
    });

    it('a token that is bound to a Secret, whose deletion only a review sees', () =>
      refused(fixture.attest(fixture.changed(inKubernetes({ secret: { name: 's', uid: 'u' } }))), 'secret_bound'));

    it('a token without the kubernetes.io claim, such as a legacy secret one', () =>
      refused(
        fixture.attest(fixture.changed(({ 'kubernetes.io': _, ...claims }) => claims)),
        'kubernetes_claim_missing',
      ));

    for (const sub of [
      'system:serviceaccount:agents:payroll',
      'system:serviceaccount:agents:calendar-agent:x',
      'system:serviceaccount:agents:calendar-agent ',
      'system:serviceaccount:AGENTS:calendar-agent',
      'system:node:node-1',
      'calendar-agent',
    ]) {
      it(`a sub that kubernetes.io does not name: ${JSON.stringify(sub)}`, () =>
        refused(fixture.attest(fixture.changed((claims) => ({ ...claims, sub }))), 'subject_disagrees'));
    }

    const reference = { name: 'x', uid: '1' };
    const malformed: Readonly<Record<string, Claims>> = {
      'namespace missing': { namespace: undefined },
      'namespace not a string': { namespace: ['agents'] },
      'namespace with a separator': { namespace: 'agents:x' },
      'namespace with a line break': { namespace: 'agents\n' },
      'namespace in capitals': { namespace: 'Agents' },
      'namespace with a dot': { namespace: 'agents.x' },
      'namespace of 64 characters': { namespace: 'a'.repeat(64) },
      'namespace that ends with a hyphen': { namespace: 'agents-' },
      'serviceaccount missing': { serviceaccount: undefined },
      'serviceaccount null': { serviceaccount: null },
      'serviceaccount a list': { serviceaccount: [reference] },
      'serviceaccount without a uid': { serviceaccount: { name: 'calendar-agent' } },
      'serviceaccount with an empty name': { serviceaccount: { name: '', uid: '1' } },
      'serviceaccount of 254 characters': { serviceaccount: { name: 'a'.repeat(254), uid: '1' } },
      'pod null': { pod: null },
      'pod a string': { pod: 'calendar-agent-0' },
      'pod without a uid': { pod: { name: 'x' } },
      'pod with a uid that is a number': { pod: { name: 'x', uid: 1 } },
      'pod with a name that is a path': { pod: { name: '../x', uid: '1' } },
      'pod with an empty part of its name': { pod: { name: 'a..b', uid: '1' } },
      'pod with a uid that has a colon': { pod: { name: 'x', uid: 'a:b' } },
      'pod with an empty uid': { pod: { name: 'x', uid: '' } },
      'node null': { node: null },
      'node without a name': { node: { uid: '1' } },
      'node with a uid of 65 characters': { node: { name: 'x', uid: 'a'.repeat(65) } },
    };
    for (const [what, change] of Object.entries(malformed)) {
      it(`a kubernetes.io claim with its ${what}`, () =>
        refused(fixture.attest(fixture.changed(inKubernetes(change))), 'kubernetes_claim_malformed'));
    }

    for (const claim of [null, 'agents', [], 1]) {
      it(`a kubernetes.io claim that is ${JSON.stringify(claim)}`, () =>
        refused(
          fixture.attest(fixture.changed((claims) => ({ ...claims, 'kubernetes.io': claim }))),
          'kubernetes_claim_malformed',
        ));
    }

    it('whatever else stands in the claim, with a refusal or with selectors of their own kinds only', async () => {
      const part = fc.oneof(fc.jsonValue(), fc.record({ name: fc.string(), uid: fc.string() }));
      const claim = fc.record(
        { namespace: fc.string(), serviceaccount: part, pod: part, node: part },
        { requiredKeys: [] },
      );
      await fc.assert(
        fc.asyncProperty(fc.oneof(claim, fc.jsonValue()), async (value) => {
          const changed = fixture.changed((claims) => {
            const kubernetes = { ...(claims['kubernetes.io'] as Claims), ...(value as Claims) };
            return { ...claims, 'kubernetes.io': kubernetes };
          });
          try {
            const { selectors } = await fixture.attest(changed);
            assert.ok(selectors.every((one) => /^k8s:(ns|sa|pod|node)(-uid)?:[A-Za-z0-9.-]+$/.test(one)));
          } catch (error) {
            assert.ok(error instanceof Refusal, String(error));
          }
        }),
        { numRuns: 300 },
      );
    });
  });

  describe('keys', () => {
    for (const algorithm of ['RS256', 'ES256', 'ES384', 'EdDSA'] satisfies ClusterAlgorithm[]) {
      it(`verifies ${algorithm}`, async () => {
        const other = await createFixture({}, await sharedCluster(algorithm));
        assert.equal((await other.attest(await other.token())).attestor, 'prod-eu');
        await other.close();
      });
    }

    it('come from jwksUri, and a new one is found after a rotation', async () => {
      const cluster = await createClusterIssuer({ issuer: clusterUrl, algorithm: 'ES256', now: () => start });
      const server = createServer((_, response) => response.end(JSON.stringify(cluster.jwks())));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
      const remote = await createFixture({ keys: { jwksUri } }, cluster);
      const before = await remote.token();
      await cluster.rotate('EdDSA');
      await remote.attest(await remote.token());
      await remote.attest(before);
      await remote.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    it('that cannot be had make it unavailable, not rejected, and the operator is warned at start', async () => {
      const keyless = await createFixture({ keys: { jwksFile: 'missing.json' } });
      assert.match(keyless.host.warnings.join(), /missing\.json/);
      await refused(keyless.attest(await keyless.token()), 'keys_unavailable');
      await keyless.close();
    });
  });
});
