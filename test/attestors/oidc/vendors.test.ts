/** Tokens as their issuers document them, with the configuration that README.md shows for each. */
import assert from 'node:assert/strict';
import type { Attestation } from '../../../attestors/attestor.js';
import { oidc } from '../../../attestors/oidc/index.js';
import { type Claims, createClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { blocksOf, pasted, problemsOf, yaml } from '../../config/sample.js';
import { callWith, jwtEvidence } from '../../support/attestor-host.js';
import { refused } from '../kubernetes/fixture.js';
import { type Block, createFixture, type Fixture, issuerUrl, readmeBlocks, standard, start } from './fixture.js';

const blocks = readmeBlocks();

interface Vendor {
  /** Beside `iss`, `aud`, `jti` and the times. */
  readonly claims: Claims;
  readonly subject: string;
  readonly selectors: readonly string[];
  /** What makes it somebody else's. */
  readonly foreign: readonly Claims[];
  /** Its `iss`, where the block leaves it to the preset. */
  readonly issuer?: string;
}

const vendors: Readonly<Record<string, Vendor>> = {
  // docs.github.com/en/actions/reference/security/oidc
  github: {
    issuer: 'https://token.actions.githubusercontent.com',
    claims: {
      sub: 'repo:acme/api:environment:prod',
      environment: 'prod',
      ref: 'refs/heads/main',
      sha: 'example-sha',
      repository: 'acme/api',
      repository_owner: 'acme',
      actor_id: '12',
      repository_visibility: 'private',
      repository_id: '74',
      repository_owner_id: '65',
      run_id: '30433642',
      run_number: '10',
      run_attempt: '2',
      runner_environment: 'github-hosted',
      actor: 'octocat',
      workflow: 'deploy',
      head_ref: '',
      base_ref: '',
      event_name: 'workflow_dispatch',
      ref_type: 'branch',
      ref_protected: 'true',
      job_workflow_ref: 'acme/automation/.github/workflows/deploy.yml@refs/heads/main',
    },
    subject: 'spiffe://example.com/ci/subject/b64-YWNtZS9hcGk',
    selectors: [
      'oidc:environment:prod',
      'oidc:event:workflow_dispatch',
      'oidc:ref:refs/heads/main',
      'oidc:repo:acme/api',
      'oidc:sub:repo:acme/api:environment:prod',
      'oidc:workflow:acme/automation/.github/workflows/deploy.yml@refs/heads/main',
    ],
    foreign: [{ repository_owner: 'evil', repository_owner_id: '66' }, { repository_owner_id: '66' }],
  },
  // docs.gitlab.com/ci/secrets/id_token_authentication
  gitlab: {
    issuer: 'https://gitlab.com',
    claims: {
      sub: 'project_path:acme/api:ref_type:branch:ref:main',
      namespace_id: '72',
      namespace_path: 'acme',
      project_id: '20',
      project_path: 'acme/api',
      user_id: '1',
      user_login: 'sample-user',
      user_email: 'sample-user@example.com',
      user_access_level: 'developer',
      user_identities: [{ provider: 'github', extern_uid: '2435223452345' }],
      pipeline_id: '574',
      pipeline_source: 'push',
      job_id: '302',
      ref: 'main',
      ref_type: 'branch',
      ref_path: 'refs/heads/main',
      ref_protected: 'true',
      groups_direct: ['acme/infra'],
      environment: 'production',
      environment_protected: 'false',
      deployment_tier: 'production',
      deployment_action: 'start',
      runner_id: 1,
      runner_environment: 'gitlab-hosted',
      sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
      project_visibility: 'private',
      ci_config_ref_uri: 'gitlab.com/acme/api//.gitlab-ci.yml@refs/heads/main',
      ci_config_sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
    },
    subject: 'spiffe://example.com/ci/subject/b64-YWNtZS9hcGk',
    selectors: [
      'oidc:project:acme/api',
      'oidc:protected:true',
      'oidc:ref-type:branch',
      'oidc:ref:main',
      'oidc:source:push',
      'oidc:sub:project_path:acme/api:ref_type:branch:ref:main',
    ],
    foreign: [{ namespace_path: 'acme/evil' }, { namespace_id: '73' }],
  },
  // cloud.google.com/compute/docs/instances/verifying-instance-identity
  google: {
    issuer: 'https://accounts.google.com',
    claims: {
      azp: '113475438248934895348',
      sub: '113475438248934895348',
      email: 'agent@acme-prod.iam.gserviceaccount.com',
      email_verified: true,
      google: {
        compute_engine: {
          project_id: 'acme-prod',
          project_number: 739419398126,
          zone: 'us-west1-a',
          instance_id: '152986662232938449',
          instance_name: 'agent-1',
          instance_creation_timestamp: 1496952205,
          instance_confidentiality: 1,
          license_id: ['1000204'],
        },
      },
      jti: undefined,
      nbf: undefined,
    },
    subject: 'spiffe://example.com/ci/subject/113475438248934895348',
    selectors: [
      'oidc:email:agent@acme-prod.iam.gserviceaccount.com',
      'oidc:instance:152986662232938449',
      'oidc:project:acme-prod',
      'oidc:sub:113475438248934895348',
      'oidc:zone:us-west1-a',
    ],
    foreign: [
      { google: { compute_engine: { project_id: 'evil-prod' } } },
      { google: { compute_engine: [{ project_id: 'acme-prod' }] } },
      { google: undefined, '/google/compute_engine/project_id': 'acme-prod' },
      { email: 'agent@acme-prod.iam.gserviceaccount.com.evil.example' },
      { email: undefined },
      { email_verified: false },
      { email_verified: 'true' },
    ],
  },
  // developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials/workload-identity-tokens
  terraform: {
    issuer: 'https://app.terraform.io',
    claims: {
      sub: 'organization:acme:project:Default Project:workspace:api:run_phase:apply',
      exp: start - 5 + 86_400,
      terraform_run_phase: 'apply',
      terraform_workspace_id: 'ws-mbsd5E3Ktt5Rg2Xm',
      terraform_workspace_name: 'api',
      terraform_organization_id: 'org-GRNbCjYNpBB6NEBH',
      terraform_organization_name: 'acme',
      terraform_project_id: 'prj-vegSA59s1XPwMr2t',
      terraform_project_name: 'Default Project',
      terraform_full_workspace: 'organization:acme:project:Default Project:workspace:api',
      terraform_run_id: 'run-X3n1AUXNGWbfECsJ',
    },
    subject: 'spiffe://example.com/ci/subject/ws-mbsd5E3Ktt5Rg2Xm',
    selectors: [
      'oidc:phase:apply',
      'oidc:project:Default Project',
      'oidc:sub:organization:acme:project:Default Project:workspace:api:run_phase:apply',
      'oidc:workspace:api',
    ],
    foreign: [{ terraform_organization_id: 'org-other' }],
  },
  // vercel.com/docs/oidc/reference
  vercel: {
    claims: {
      sub: 'owner:acme:project:acme_website:environment:production',
      scope: 'owner:acme:project:acme_website:environment:production',
      owner: 'acme',
      owner_id: 'team_7Gw5ZMzpQA8h90F832KGp7nwbuh3',
      project: 'acme_website',
      project_id: 'prj_7Gw5ZMBpQA8h9GF832KGp7nwbuh3',
      environment: 'production',
      jti: undefined,
    },
    subject: 'spiffe://example.com/ci/subject/prj_7Gw5ZMBpQA8h9GF832KGp7nwbuh3',
    selectors: [
      'oidc:environment:production',
      'oidc:project:acme_website',
      'oidc:sub:owner:acme:project:acme_website:environment:production',
    ],
    foreign: [{ environment: 'preview' }, { owner_id: 'team_other' }],
  },
  // fly.io/docs/reference/openid-connect
  fly: {
    claims: {
      sub: 'acme:weather-cat:sweet-sun-42',
      app_id: '3671581',
      app_name: 'weather-cat',
      image: 'image:latest',
      image_digest: 'sha256:dff79c6da8dd4e282ecc6c57052f7cfbd684039b652f481ca2e3324a413ee43f',
      machine_id: '3d8d377ce9e398',
      machine_name: 'sweet-sun-42',
      machine_version: '01HZJXGTQ084DX0G0V92QH3XW4',
      org_id: '29873298',
      org_name: 'acme',
      region: 'yyz',
    },
    subject: 'spiffe://example.com/ci/subject/weather-cat',
    selectors: [
      'oidc:app:weather-cat',
      'oidc:image:sha256:dff79c6da8dd4e282ecc6c57052f7cfbd684039b652f481ca2e3324a413ee43f',
      'oidc:machine:3d8d377ce9e398',
      'oidc:region:yyz',
      'oidc:sub:acme:weather-cat:sweet-sun-42',
    ],
    foreign: [{ org_name: 'evil' }],
  },
};

describe('oidc: the issuers of README.md', () => {
  /** As all of them, with RSA. */
  const signer = createClusterIssuer({ issuer: issuerUrl, algorithm: 'RS256', now: () => start });

  it('are those that are tested, here and beside', () => {
    const beside = ['spire', 'okta', 'auth0', 'firebase', 'clerk', 'entra', 'keycloak'];
    assert.deepEqual([...blocks.keys()], [...Object.keys(vendors), ...beside]);
  });

  it('can each be pasted as they stand, the first with a rule', () => {
    const texts = blocksOf('attestors/oidc/README.md');
    assert.match(texts[0] ?? '', /^rules:/m);
    for (const text of texts) assert.deepEqual(problemsOf(pasted(text)), []);
  });

  it('are valid together in one configuration', () => {
    const attestors = JSON.stringify({ ...Object.fromEntries(blocks), 'prod-eu': undefined });
    const kubernetes = '"prod-eu": { type: kubernetes, issuer: "https://k8s.example", keys: { jwksFile: x } }';
    assert.deepEqual(problemsOf(yaml({ attestors: `attestors: { ${kubernetes}, ${attestors.slice(1)}` })), []);
  });

  it('do not include a token of Vercel for another audience, which says from whose it was exchanged', async () => {
    const { type: _, ...block } = blocks.get('vercel') ?? assert.fail('README.md has no block vercel');
    const fixture = await createFixture({ ...block, keys: { jwksFile: 'jwks.json' } }, await signer);
    const act = { aud: 'https://vercel.com/acme', iat: start - 60 };
    await refused(fixture.attest({ ...vendors.vercel?.claims, act }), 'jwt_delegated');
    await fixture.close();
  });

  for (const [name, { claims, subject, selectors, foreign, issuer: shared }] of Object.entries(vendors)) {
    describe(name, () => {
      let fixture: Fixture;
      let block: Block;
      before(async () => {
        const { type, ...options } = blocks.get(name) ?? assert.fail(`README.md has no block ${name}`);
        assert.equal(type, 'oidc');
        block = { ...(shared && { issuer: shared }), ...options };
        const parsed = oidc.options.parse(options);
        assert.deepEqual(parsed.keys, { from: 'discovery', maxStale: 3600 });
        assert.deepEqual([parsed.issuer, parsed.algorithms], [block.issuer, ['RS256']]);
        // No test calls the issuer: its keys are ours.
        fixture = await createFixture({ ...options, keys: { jwksFile: 'jwks.json' } }, await signer);
      });
      after(() => fixture.close());
      const attest = (changes: Claims = {}): Promise<Attestation> => fixture.attest({ ...claims, ...changes });

      it('gives the selectors that rules can name', async () => {
        const attestation = await attest();
        assert.deepEqual(attestation.selectors, selectors);
        assert.equal(attestation.subject, subject);
      });

      it('takes the token as a jwt and as an id_token', async () => {
        const token = fixture.signer.sign({ ...standard(String(block.issuer), block.audience), ...claims });
        const types = fixture.attestor.accepts.map(({ tokenType }) => tokenType);
        assert.deepEqual(types, ['urn:ietf:params:oauth:token-type:jwt', 'urn:ietf:params:oauth:token-type:id_token']);
        for (const tokenType of types) {
          const evidence = { ...jwtEvidence(token), tokenType };
          assert.equal((await fixture.attestor.attest(evidence, callWith())).subject, subject);
        }
      });

      it('refuses a token of an issuer that looks like it', async () => {
        const issuer = String(block.issuer);
        const { host } = new URL(issuer);
        for (const iss of [`${issuer}.evil.example`, `${issuer}/`, issuer.replace(host, `ok@${host}`), undefined]) {
          await refused(attest({ iss }), 'jwt_issuer');
        }
      });

      for (const change of foreign) {
        it(`refuses a token of somebody else: ${JSON.stringify(change)}`, () =>
          refused(attest(change), 'claim_required'));
      }
    });
  }
});
