import assert from 'node:assert/strict';
import { agents, createLinting, grant } from './linting.js';

describe('policy lint: notes', () => {
  const { notes } = createLinting();
  const rule = (name: string, attestor: string, selectors: string, effect = grant) =>
    `${name}: { workload: { attestor: ${attestor}, selectors: [${selectors}] }, ${effect} }`;
  const pinnedBy = (name: string, what: string) =>
    `note: rules.${name}: it names its workload only by what may become somebody else's: ${what} would pin it`;
  const withoutPlace = (lines: readonly string[]) => lines.map((line) => line.replace(/^\d+:\d+: /, ''));

  it('of an end that has passed', async () => {
    const end = '2026-11-18T16:00:00Z';
    const at = Date.parse(end) / 1000;
    const effects = [grant, 'deny: { resource: "*" }'];
    const rules = effects.map((effect, index) => {
      return `r${index}: { ${agents}, conditions: [{ time: { notAfter: "${end}" } }], ${effect} }`;
    });
    assert.deepEqual(await notes(rules, '', at - 1), []);
    assert.deepEqual(withoutPlace(await notes(rules, '', at)), [
      'note: rules.r0.conditions[0]: notAfter has passed: the grant never applies again',
      'note: rules.r1.conditions[0]: notAfter has passed: the denial never applies again',
    ]);
  });

  it('of Kubernetes: a name without a uid, once for a rule and at its key, in shadow too', async () => {
    const found = await notes([
      rule('a', 'eu', '"k8s:ns:agents", "k8s:sa:calendar", "k8s:pod:calendar-0"'),
      rule('b', 'eu', '"k8s:node:n1"', `mode: shadow, ${grant}`),
      rule('c', 'eu', '"k8s:ns:agents", "k8s:pod:calendar-0", "k8s:node-uid:9"'),
      rule('d', 'eu', '"k8s:ns:agents", "k8s:sa:calendar", "k8s:sa-uid:*"'),
    ]);
    assert.deepEqual(found, [
      `13:3: ${pinnedBy('a', 'k8s:sa-uid')}`,
      `14:3: ${pinnedBy('b', 'k8s:node-uid')}`,
      `15:3: ${pinnedBy('c', 'k8s:sa-uid')}`,
      `16:3: ${pinnedBy('d', 'k8s:sa-uid')}`,
    ]);
  });

  it('of none that is pinned, of none for many, and of no denial', async () => {
    const found = await notes([
      rule('a', 'eu', '"k8s:sa:calendar", "k8s:sa-uid:7"'),
      rule('b', 'eu', '"k8s:sa:calendar", "k8s:pod-uid:7"'),
      rule('c', 'eu', '"k8s:node:n1", "k8s:node-uid:7"'),
      rule('d', 'eu', '"k8s:ns:agents"'),
      rule('e', 'eu', '"k8s:ns:agents", "k8s:sa:calendar-*"'),
      rule('f', 'eu', '"k8s:sa:calendar"', 'deny: { resource: "*" }'),
      `g: { workload: { attestor: us }, ${grant} }`,
    ]);
    assert.deepEqual(found, []);
  });

  it('of AWS: the name of a role, unless tokens of web identity, which do not tell its id, come too', async () => {
    const aws = (account: string) =>
      `  me: { type: aws, accounts: { "111122223333": ${account} }, callerIdentity: { regions: [eu-central-1] } }`;
    const rules = [
      rule('a', 'me', '"aws:account:111122223333", "aws:role:calendar"'),
      rule('b', 'me', '"aws:role:calendar", "aws:role-id:AROA1"'),
      rule('c', 'me', '"aws:role:calendar", "aws:instance:i-1"'),
    ];
    assert.deepEqual(withoutPlace(await notes(rules, aws('{}'))), [pinnedBy('a', 'aws:role-id')]);
    assert.deepEqual(await notes(rules, aws('{ issuer: "https://x.tokens.sts.global.api.aws" }')), []);
  });

  it('of Azure: the name of a resource', async () => {
    const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47';
    const azure = `  me: { type: azure, tenants: { ${tenant}: {} }, audience: "api://counterseal" }`;
    const resource = `"azure:resource:/subscriptions/${tenant}/resourcegroups/g/providers/microsoft.compute/virtualmachines/m"`;
    const found = await notes(
      [
        rule('a', 'me', resource),
        ...['oid', 'client', 'vm-id'].map((kind) => rule(kind, 'me', `${resource}, "azure:${kind}:${tenant}"`)),
        rule('b', 'me', '"azure:resource-group:g"'),
      ],
      azure,
    );
    assert.deepEqual(withoutPlace(found), [pinnedBy('a', 'azure:oid')]);
  });

  describe('of OIDC', () => {
    const github = (rest: string) => `  gh: { type: oidc, preset: github-actions, ${rest} }`;
    const byName = rule('a', 'gh', '"oidc:repo:acme/shop", "oidc:ref:refs/heads/main"');

    it('the name of a repository, where nothing of the attestor is an id', async () => {
      const what = 'the claim repository_id or repository_owner_id, in require or selectors of the attestor,';
      const told = [pinnedBy('a', what)];
      assert.deepEqual(withoutPlace(await notes([byName], github('require: { repository_owner: acme }'))), told);
      const plain =
        '  gh: { type: oidc, issuer: "https://token.actions.githubusercontent.com", require: { repository_owner: acme }, selectors: { repo: repository, ref: ref } }';
      assert.deepEqual(withoutPlace(await notes([byName], plain)), told);
    });

    it('not where the attestor requires an id', async () => {
      for (const required of ['repository_owner_id: "65"', 'repository_id: "74"']) {
        assert.deepEqual(await notes([byName], github(`require: { ${required} }`)), []);
      }
      const any = await notes([byName], github('require: { repository_owner: acme, repository_id: "*" }'));
      assert.equal(any.length, 1);
    });

    it('the kind of an id that is mapped, unless the rule names it', async () => {
      const mapped = github('require: { repository_owner: acme }, selectors: { id: repository_id }');
      const byId = rule('b', 'gh', '"oidc:repo:acme/shop", "oidc:id:74"');
      assert.deepEqual(withoutPlace(await notes([byName, byId], mapped)), [pinnedBy('a', 'oidc:id')]);
    });

    it('the address of one of Google’s service accounts, which has an id of its own', async () => {
      const google = '  g: { type: oidc, preset: google, require: { email: "*@acme-prod.iam.gserviceaccount.com" } }';
      const email = '"oidc:email:calendar@acme-prod.iam.gserviceaccount.com"';
      const rules = [rule('a', 'g', email), rule('b', 'g', `${email}, "oidc:sub:104"`)];
      assert.deepEqual(withoutPlace(await notes(rules, google)), [pinnedBy('a', 'oidc:sub')]);
    });

    for (const [preset, rest, name, ids] of [
      ['gitlab-ci', 'require: { namespace_path: acme }', 'project', ['project_id', 'namespace_id']],
      [
        'hcp-terraform',
        'require: { terraform_organization_name: acme }',
        'workspace',
        ['terraform_workspace_id', 'terraform_project_id', 'terraform_organization_id'],
      ],
      [
        'hcp-terraform',
        'require: { terraform_organization_name: acme }',
        'project',
        ['terraform_project_id', 'terraform_organization_id', 'terraform_workspace_id'],
      ],
      [
        'vercel',
        'issuer: "https://oidc.vercel.com/acme", require: { owner: acme }',
        'project',
        ['project_id', 'owner_id'],
      ],
      ['fly', 'issuer: "https://oidc.fly.io/acme", require: { org_name: acme }', 'app', ['app_id', 'org_id']],
    ] as const) {
      it(`the ${name} of ${preset}`, async () => {
        const block = `  ci: { type: oidc, preset: ${preset}, audience: "https://acme.example", ${rest} }`;
        const what = `the claim ${ids.join(' or ')}, in require or selectors of the attestor,`;
        const found = await notes([rule('a', 'ci', `"oidc:${name}:acme/x"`)], block);
        assert.deepEqual(withoutPlace(found), [pinnedBy('a', what)]);
      });
    }

    it('nothing of an issuer whose ids are not known', async () => {
      const own =
        '  ci: { type: oidc, issuer: "https://ci.acme.example", selectors: { repo: repository, id: repository_id } }';
      assert.deepEqual(await notes([rule('a', 'ci', '"oidc:repo:acme/shop"')], own), []);
    });
  });
});
