import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfiguration, parseConfiguration } from '../../src/config/load.js';
import { renderProblems } from '../../src/config/problem.js';
import { lintPolicy } from '../../src/policy-tools/lint.js';
import { calendar } from '../policy/samples.js';

const head = `issuer: https://sts.example
trustDomain: example.com
environment: production
store: { type: embedded, path: store }
audit: { durability: relaxed, sinks: [{ type: stdout }] }
attestors:
  eu: { type: kubernetes, issuer: "https://eu.example", keys: { jwksFile: eu.json } }
  us: { type: kubernetes, issuer: "https://us.example", api: in-cluster, live: {} }
resources: { ${calendar}: { scope: [read, write] } }
`;
const grant = `grant: { resource: ${calendar}, scope: [read] }`;
const agents = 'workload: { attestor: us, selectors: ["k8s:ns:agents"] }';

describe('policy lint', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-lint-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Findings without the file, as `line:column: path: message`; the first rule stands in line 12. */
  async function lint(rules: readonly string[], given: { start?: string; conditions?: string } = {}) {
    return (await told(rules, given)).filter((line) => !line.includes(': note: '));
  }

  /** The notes alone, in the same form. */
  async function notes(rules: readonly string[], attestor = '', now?: number) {
    const start = head.replace('resources:', `${attestor}\nresources:`);
    return (await told(rules, { start, now })).filter((line) => line.includes(': note: '));
  }

  async function told(
    rules: readonly string[],
    { start = head, conditions = '{}', now }: { start?: string; conditions?: string; now?: number | undefined },
  ) {
    const file = join(folder, 'counterseal.yaml');
    const source = `${start}conditions: ${conditions}\nrules:\n${rules.map((rule) => `  ${rule}\n`).join('')}`;
    await writeFile(file, source);
    const problems = await lintPolicy(parseConfiguration(file, source), file, now);
    return renderProblems(problems)
      .replaceAll(`${file}:`, '')
      .split('\n')
      .filter((line) => line !== '');
  }

  it('compares rules for delegators with those for the same ones alone, and a denial that does not say with all', async () => {
    const start = head.replace(
      'resources:',
      '  staff: { type: oidc, issuer: "https://sso.example", audience: app, role: delegator }\nresources:',
    );
    const delegator = 'delegator: { attestor: staff, claims: { azp: app } }';
    const found = (rules: readonly string[]) => lint(rules, { start });
    assert.deepEqual(await found([`a: { ${agents}, ${grant} }`, `b: { ${agents}, ${delegator}, ${grant} }`]), []);
    const twice = await found([`a: { ${agents}, ${delegator}, ${grant} }`, `b: { ${agents}, ${delegator}, ${grant} }`]);
    assert.match(twice.join('\n'), /a grants this to all of these workloads already/);
    const stopped = [`a: { ${agents}, deny: { resource: "*" } }`, `b: { ${agents}, ${delegator}, ${grant} }`];
    assert.match((await found(stopped)).join('\n'), /it never grants anything: a denies/);
    const others = [`a: { ${agents}, ${delegator}, deny: { resource: "*" } }`, `b: { ${agents}, ${grant} }`];
    assert.deepEqual(await found(others), []);
    const strong = `a: { ${agents}, ${delegator}, conditions: [{ attestation: { assurance: high } }], ${grant} }`;
    assert.match((await found([strong])).join('\n'), /attestor staff gives an assurance of at most low/);
  });

  it('finds nothing in a policy that says nothing in vain', async () => {
    const found = await lint(
      [
        `a: { ${agents}, conditions: [strong, { posture: { ready: true } }], ${grant} }`,
        `b: { workload: { attestor: us, selectors: ["k8s:ns:*"], not: [{ selectors: ["k8s:ns:agents"] }] }, ${grant} }`,
        `c: { ${agents}, crossing: [staging], conditions: [{ environment: [staging] }], ${grant} }`,
        'd: { workload: { attestor: us, selectors: ["k8s:ns:agents", "k8s:sa:bad"] }, deny: { resource: "*" } }',
        'e: { mode: shadow, workload: { attestor: us }, deny: { resource: "*" } }',
      ],
      { conditions: '{ strong: { attestation: { assurance: high } } }' },
    );
    assert.deepEqual(found, []);
  });

  it('resources that nobody can reach, in shadow neither, and conditions that no rule uses', async () => {
    const found = await lint([`a: { mode: shadow, ${agents}, ${grant} }`], {
      conditions: '{ strong: { attestation: { assurance: high } } }',
    });
    assert.deepEqual(found, [
      `9:14: resources["${calendar}"]: nobody can reach it: no rule grants it`,
      '10:15: conditions.strong: no rule uses this condition',
    ]);
  });

  it('rules whose environments have none in common', async () => {
    const found = await lint([
      `ok: { ${agents}, ${grant} }`,
      `a: { workload: { attestor: eu, environment: [staging] }, ${grant} }`,
      `b: { workload: { attestor: eu }, conditions: [{ environment: [staging] }], ${grant} }`,
      'c: { workload: { attestor: eu, environment: [x] }, conditions: [{ environment: [y] }], deny: { resource: "*" } }',
    ]);
    assert.deepEqual(found, [
      '13:3: rules.a: it can never apply: no environment is in all of [production] and [staging]',
      '14:3: rules.b: it can never apply: no environment is in all of [production] and [staging]',
      '15:3: rules.c: it can never apply: no environment is in all of [x] and [y]',
    ]);
  });

  it('of an included policy has the places of its files', async () => {
    const included = head.replace(/^resources.*\n/m, '');
    const file = join(folder, 'including.yaml');
    await writeFile(file, `${included}policy: { include: [first.yaml, second.yaml] }\n`);
    await writeFile(
      join(folder, 'first.yaml'),
      `resources:\n  ${calendar}: { scope: [read] }\nrules: { a: { ${agents}, ${grant} } }\n`,
    );
    await writeFile(join(folder, 'second.yaml'), 'rules: { a: null }\n');
    const problems = await lintPolicy(await loadConfiguration(file), file);
    assert.equal(
      renderProblems(problems),
      `${join(folder, 'first.yaml')}:2:3: resources["${calendar}"]: nobody can reach it: no rule grants it`,
    );
  });

  it('a match of not that the rule itself implies', async () => {
    const not = 'not: [{ selectors: ["k8s:sa:b"] }, { selectors: ["k8s:ns:a*"] }]';
    const found = await lint([`a: { workload: { attestor: eu, selectors: ["k8s:ns:agents"], ${not} }, ${grant} }`]);
    assert.deepEqual(found, [
      '12:99: rules.a.workload.not[1]: the rule can never apply: every workload that it is about has this',
    ]);
  });

  it('selectors of a kind that a workload has one of, which exclude each other', async () => {
    const rule = (name: string, selectors: string, not = '') =>
      `${name}: { workload: { attestor: us, selectors: [${selectors}]${not} }, deny: { resource: "*" } }`;
    const start = head.replace(
      'resources:',
      '  me: { type: aws, accounts: { "111122223333": {} }, callerIdentity: { regions: [eu-central-1] } }\nresources:',
    );
    const found = await lint(
      [
        `ok: { workload: { attestor: us, selectors: ["k8s:ns:a", "k8s:ns:a*", "k8s:pod-label:x:a", "k8s:pod-label:y:b"] }, ${grant} }`,
        rule('a', '"k8s:ns:a", "k8s:ns:b"'),
        rule('b', '"k8s:sa:x-*", "k8s:sa:y"'),
        rule('c', '"k8s:ns:a"', ', not: [{ selectors: ["k8s:sa:z", "k8s:ns:b"] }]'),
        rule('d', '"k8s:ns:*"', ', not: [{ selectors: ["k8s:node:n", "k8s:node:m"] }]'),
        'e: { workload: { attestor: me, selectors: ["aws:role:a", "aws:role:b"] }, deny: { resource: "*" } }',
      ],
      { start },
    );
    assert.deepEqual(
      found.map((line) => line.replace(/^\d+:\d+: /, '')),
      [
        'rules.a.workload.selectors[1]: the rule can never apply: a workload has one k8s:ns, and k8s:ns:a stands here too',
        'rules.b.workload.selectors[1]: the rule can never apply: a workload has one k8s:sa, and k8s:sa:x-* stands here too',
        'rules.c.workload.not[0]: it leaves nobody out: a workload has one k8s:ns, and k8s:ns:a stands here too',
        'rules.d.workload.not[0]: it leaves nobody out: a workload has one k8s:node, and k8s:node:n stands here too',
        'rules.e.workload.selectors[1]: the rule can never apply: a workload has one aws:role, and aws:role:a stands here too',
      ],
    );
  });

  it('a condition on posture of an attestor without live facts: the grant never applies, the denial always', async () => {
    const ask = 'workload: { attestor: eu }, conditions: [{ posture: { kubelet: ">=1.30" } }]';
    const found = await lint([`a: { ${ask}, ${grant} }`, `b: { ${ask}, deny: { resource: "*" } }`]);
    assert.equal(found.length, 3);
    assert.match(
      found.join('\n'),
      /rules\.a\.conditions\[0\]: with its options the attestor eu never supplies posture\.kubelet, so the grant never applies/,
    );
    assert.match(found.join('\n'), /rules\.b\.conditions\[0\]: .*, so the denial always applies/);
    assert.match(
      found.join('\n'),
      /rules\.a: it never grants anything: b denies this resource to all of its workloads/,
    );
  });

  it('an assurance that the attestor never gives: neither the grant nor the denial applies', async () => {
    const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47';
    const client = `{ client: ${tenant}, assertion: { file: token } }`;
    const azure = (of: string, audience: string) =>
      `type: azure, tenants: { ${tenant}: ${of} }, audience: "api://${audience}"`;
    const blocks = {
      kr: 'type: kubernetes, issuer: "https://kr.example", api: in-cluster, review: true',
      ar: 'type: aws, accounts: { "111122223333": {} }, callerIdentity: { regions: [eu-central-1] }',
      aw: 'type: aws, accounts: { "111122223333": { issuer: "https://x.tokens.sts.global.api.aws" } }',
      az: azure('{}', 'tokens'),
      am: `${azure(`{ resourceManager: ${client} }`, 'machines')}, attestedDocument: {}`,
      ci: 'type: oidc, issuer: "https://ci.acme.example"',
    };
    const lines = Object.entries(blocks).map(([name, block]) => `  ${name}: { ${block} }\n`);
    const highest = {
      eu: 'medium',
      us: 'high',
      kr: 'high',
      ar: 'medium',
      aw: 'low',
      az: 'medium',
      am: 'high',
      ci: 'low',
    };
    const ask = (attestor: string, assurance: string) =>
      `workload: { attestor: ${attestor} }, conditions: [{ attestation: { assurance: ${assurance} } }]`;
    const deny = 'deny: { resource: "*" }';
    const found = await lint(
      [
        ...Object.keys(highest).map((attestor) => `${attestor}: { ${ask(attestor, 'high')}, ${grant} }`),
        `ok: { ${ask('eu', 'medium')}, ${deny} }`,
        `no: { ${ask('ci', 'medium')}, ${deny} }`,
      ],
      { start: head.replace('resources:', `${lines.join('')}resources:`) },
    );
    const told = (rule: string, attestor: string, most: string, effect: string) =>
      `rules.${rule}.conditions[0]: with its options the attestor ${attestor} gives an assurance of at most ${most}, so the ${effect} never applies`;
    assert.deepEqual(
      found.map((line) => line.replace(/^\d+:\d+: /, '')),
      [
        ...Object.entries(highest).flatMap(([name, most]) =>
          most === 'high' ? [] : [told(name, name, most, 'grant')],
        ),
        told('no', 'ci', 'low', 'denial'),
      ],
    );
  });

  it('comparisons that nothing meets', async () => {
    const rule = (name: string, posture: string, effect = grant, permit = '') =>
      `${name}: { workload: { attestor: us }, conditions: [{ posture: { ${posture} }${permit} }], ${effect} }`;
    const vain = {
      kubelet: '>=1.30, <1.20',
      kernel: '>6.1, <=6.1.0',
      runtime: 'containerd =1.7, =1.8',
      nodeBooted: '<5m, >1h',
      podStarted: '>1h, <1h',
      restarts: '>5, <6',
    };
    const found = await lint([
      ...Object.entries(vain).map(([key, text]) => rule(key, `${key}: "${text}"`)),
      rule('none', 'restarts: "<0"', 'deny: { resource: "*" }'),
      rule('permit', 'restarts: "<0"', grant, ', unknown: permit'),
      rule(
        'ok',
        'restarts: ">5, <7", kubelet: ">1.30.1-eks-5, <=1.30.1", kernel: ">=6.1-rc.1, <6.1", podStarted: ">=1h, <=1h"',
      ),
    ]);
    const asks = (key: string, text: string) => `nothing is ${text}, as posture.${key} asks, so`;
    assert.deepEqual(
      found.map((line) => line.replace(/^\d+:\d+: /, '')).filter((line) => !line.includes('.grant.scope')),
      [
        ...Object.entries(vain).map(
          ([key, text]) =>
            `rules.${key}.conditions[0]: ${asks(key, text.replace('containerd ', ''))} the grant never applies`,
        ),
        `rules.none.conditions[0]: ${asks('restarts', '<0')} the denial applies only where it is not known`,
      ],
    );
  });

  it('countries and subdivisions that have no place in common', async () => {
    const rule = (name: string, ...networks: string[]) =>
      `${name}: { ${agents}, conditions: [${networks.map((each) => `{ network: { ${each} } }`).join(', ')}], deny: { resource: "*" } }`;
    const start = `${head}geo: { database: places.mmdb }\n`;
    const found = await lint(
      [
        `g: { ${agents}, ${grant} }`,
        rule('a', 'countries: [DE], subdivisions: [AT-9]'),
        rule('b', 'countries: [DE, FR]', 'countries: [AT]'),
        rule('c', 'subdivisions: [DE-BY]', 'subdivisions: [DE-BE]'),
        rule('d', 'countries: [DE, AT]', 'countries: [AT], subdivisions: [DE-BY, AT-9]'),
      ],
      { start },
    );
    const told = (name: string, lists: string) =>
      `rules.${name}.conditions: no place is in all of ${lists}, so the denial applies only where it is not known`;
    assert.deepEqual(
      found.map((line) => line.replace(/^\d+:\d+: /, '')),
      [told('a', '[DE] and [AT-9]'), told('b', '[DE, FR] and [AT]'), told('c', '[DE-BY] and [DE-BE]')],
    );
  });

  it('a grant that a denial of the same or a wider match covers', async () => {
    const deny = (selectors: string) =>
      `z: { workload: { attestor: us, selectors: [${selectors}] }, deny: { resource: "https://cal*" } }`;
    const covered = ['12:3: rules.a: it never grants anything: z denies this resource to all of its workloads'];
    assert.deepEqual(await lint([`a: { ${agents}, ${grant} }`, deny('"k8s:ns:agents"')]), covered);
    assert.deepEqual(await lint([`a: { ${agents}, ${grant} }`, deny('"k8s:ns:a*"')]), covered);
    assert.deepEqual(await lint([`a: { ${agents}, ${grant} }`, deny('"k8s:ns:agents-*"')]), []);
  });

  it('scope that a wider rule grants already, of two equal rules once', async () => {
    const both = `grant: { resource: ${calendar}, scope: [write, read] }`;
    const found = await lint([`a: { ${agents}, ${both} }`, `b: { workload: { attestor: us }, ${grant} }`]);
    assert.match(
      found.join('\n'),
      /^12:\d+: rules\.a\.grant\.scope\[1\]: b grants this to all of these workloads already$/,
    );
    const equal = await lint([`a: { ${agents}, ${grant} }`, `b: { ${agents}, ${grant} }`]);
    assert.match(equal.join('\n'), /^13:\d+: rules\.b\.grant\.scope\[0\]: a grants/);
    const podless = `b: { workload: { attestor: us, podless: true }, ${grant} }`;
    const wider = await lint([`a: { workload: { attestor: us }, ${grant} }`, podless]);
    assert.match(
      wider.join('\n'),
      /^12:\d+: rules\.a\.grant\.scope\[0\]: b grants this to all of these workloads already$/,
    );
  });

  describe('notes', () => {
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
});
