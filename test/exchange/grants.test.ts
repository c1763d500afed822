/** The evidence of every platform whose evidence is a JWT, by every grant. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import { ask, ways } from '../support/grants.js';
import { calendar, claimsOf, clusterUrl, issuer, startService, type TestService } from '../support/service.js';

const ci = 'https://ci.example';
const people = 'https://people.example';
const spiffeId = 'spiffe://acme.example/ns/agents';
const encodedId = `b64-${Buffer.from(spiffeId).toString('base64url')}`;

describe('evidence by every grant', () => {
  let service: TestService;
  before(async () => {
    const cluster = await createClusterIssuer({ issuer: clusterUrl, algorithm: 'ES256' });
    const grant = `grant: { resource: "${calendar}", scope: [read:calendar] }`;
    service = await startService({
      cluster,
      prepare: (folder) => {
        const keys = cluster.jwks().keys.map((key) => ({ ...key, use: 'jwt-svid' }));
        return writeFile(join(folder, 'bundle.json'), JSON.stringify({ keys }));
      },
      attestors: `
  prod-eu: { type: kubernetes, issuer: "${clusterUrl}", keys: { jwksFile: jwks.json } }
  ci: { type: oidc, issuer: "${ci}", keys: { jwksFile: jwks.json } }
  mesh: { type: oidc, preset: spiffe, trustDomain: acme.example, keys: { jwksFile: bundle.json } }
  people: { type: oidc, issuer: "${people}", role: delegator, keys: { jwksFile: jwks.json } }`,
      rules: `
  pods: { workload: { attestor: prod-eu }, ${grant} }
  jobs: { workload: { attestor: ci }, ${grant} }
  services: { workload: { attestor: mesh }, ${grant} }`,
    });
  });
  after(() => service.close());

  function signed(changes: Readonly<Record<string, unknown>>): string {
    const iat = Math.floor(Date.now() / 1000);
    return service.cluster.sign({ aud: issuer, iat, exp: iat + 300, ...changes });
  }

  const evidence: Readonly<Record<string, readonly [subject: string, token: () => string | Promise<string>]>> = {
    'a pod’s token': ['prod-eu/ns/agents/sa/calendar-agent', () => service.token()],
    'a token of an OpenID Connect issuer': ['ci/subject/job', () => signed({ iss: ci, sub: 'job' })],
    'a JWT-SVID without iss': [`mesh/subject/${encodedId}`, () => signed({ sub: spiffeId })],
  };

  for (const [title, [subject, token]] of Object.entries(evidence)) {
    it(title, async () => {
      const shown = await token();
      for (const way of ways) {
        const { status, body } = await ask(service, way, shown);
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(claimsOf(body.access_token).client_id, `spiffe://example.com/${subject}`);
      }
    });
  }

  it('a person’s token asks for nothing, by no grant', async () => {
    for (const way of ways) {
      const { status, body } = await ask(service, way, signed({ iss: people, sub: 'alice' }));
      assert.deepEqual([status, body.error], way.rejected);
      assert.equal((await service.lastRecord()).reason, 'delegator_is_no_workload');
    }
  });
});

it('where no attestor takes a JWT, that is an error of each grant, too', async () => {
  const attestors = `
  aws: { type: aws, accounts: { "111122223333": { environment: production } }, callerIdentity: { regions: [eu-central-1] } }`;
  const service = await startService({ attestors, rules: '{}' });
  try {
    for (const way of ways) {
      const { status, body } = await ask(service, way, await service.token());
      assert.deepEqual([status, body.error], way.rejected);
      assert.equal((await service.lastRecord()).reason, 'token_type_unsupported');
    }
  } finally {
    await service.close();
  }
});
