import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfiguration } from '../../src/config/load.js';
import { renderProblems } from '../../src/config/problem.js';
import { lintPolicy } from '../../src/policy-tools/lint.js';
import { calendar } from '../policy/samples.js';
import { agents, createLinting, grant, head } from './linting.js';

describe('policy lint', () => {
  const { lint, folder } = createLinting();

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
    const file = join(folder(), 'including.yaml');
    await writeFile(file, `${included}policy: { include: [first.yaml, second.yaml] }\n`);
    await writeFile(
      join(folder(), 'first.yaml'),
      `resources:\n  ${calendar}: { scope: [read] }\nrules: { a: { ${agents}, ${grant} } }\n`,
    );
    await writeFile(join(folder(), 'second.yaml'), 'rules: { a: null }\n');
    const problems = await lintPolicy(await loadConfiguration(file), file);
    assert.equal(
      renderProblems(problems),
      `${join(folder(), 'first.yaml')}:2:3: resources["${calendar}"]: nobody can reach it: no rule grants it`,
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
});
