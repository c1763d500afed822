import assert from 'node:assert/strict';
import { z } from 'zod';
import type { AttestorType } from '../../../attestors/attestor.js';
import { oidc } from '../../../attestors/oidc/index.js';
import { createAttestor } from '../../../src/attestor-host.js';
import { problemsOf, sample, yaml } from '../../config/sample.js';
import { createTestHost, ourIssuer } from '../../support/attestor-host.js';

const issuer = 'https://ci.example';
const github = 'https://token.actions.githubusercontent.com';

/** A whole configuration with these blocks under `attestors`, and a rule for the attestor ci. */
const file = (attestors: string, workload = '{ attestor: ci }') =>
  problemsOf(
    yaml({
      attestors: `attestors:\n${attestors}`,
      rules: sample.rules.replace(/workload: .*/, `workload: ${workload}`),
    }),
  );

describe('oidc options', () => {
  it('fills in the defaults', () => {
    assert.deepEqual(oidc.options.parse({ issuer }), {
      issuer,
      keys: { from: 'discovery', maxStale: 3600 },
      algorithms: ['RS256', 'ES256', 'ES384', 'EdDSA'],
      maxLifetime: 86_400,
      role: 'workload',
      require: {},
      selectors: {},
      subject: 'sub',
      otherAudiences: 'refuse',
    });
  });

  it('refuses the issuer of a vendor with a slash more: it would escape what has to be required, and match no token', () => {
    for (const each of [github, 'https://gitlab.com', 'https://accounts.google.com']) {
      const { error } = oidc.options.safeParse({ issuer: `${each}/` });
      assert.equal(error?.issues[0]?.message, `${each}, without the slash, as its tokens have it`);
    }
    assert.ok(oidc.options.safeParse({ issuer: `${issuer}/` }).success);
  });

  it('accepts every key', () => {
    const block = {
      issuer,
      audience: 'counterseal',
      algorithms: ['RS256'],
      role: 'workload',
      require: { repository_owner: 'acme', runner_id: 1, email_verified: true, 'https://acme.example/tier': 'gold*' },
      selectors: { repo: 'repository', constructor: 'toString', sub: 'sub' },
      subject: 'repository',
      environment: 'staging',
      otherAudiences: 'allow',
    };
    const parsed = oidc.options.parse({ ...block, keys: { jwksUri: 'https://ci.example/jwks' }, maxLifetime: '15m' });
    assert.deepEqual(parsed, {
      ...block,
      keys: { jwksUri: 'https://ci.example/jwks', maxStale: 3600 },
      maxLifetime: 900,
    });
    for (const form of [
      'http://127.0.0.1:8080',
      'http://localhost/x',
      'https://tenant.example/',
      'https://a.example/b',
    ]) {
      assert.equal(oidc.options.parse({ issuer: form }).issuer, form);
    }
    assert.equal(oidc.options.safeParse({ issuer: github, require: { repository_owner: 'acme' } }).success, true);
  });

  const refusals: readonly (readonly [what: string, block: Record<string, unknown>, path: string, message: RegExp])[] =
    [
      ['no issuer', {}, 'issuer', /https URL/],
      ...[
        'ci',
        'http://ci.example',
        'https://ok@evil.example',
        'https://ci.example?x',
        'https://ci.example/#x',
        'file:///x',
      ].map((form) => [`the issuer ${form}`, { issuer: form }, 'issuer', /https URL/] as const),
      [
        'an issuer whose tokens anybody can have, with nothing required',
        { issuer: github },
        'require',
        /others have tokens of/,
      ],
      ['the issuer as audience', { issuer, audience: issuer }, 'audience', /no evidence/],
      ['the audience of AWS', { issuer, audience: 'sts.amazonaws.com' }, 'audience', /no evidence/],
      ['two sources of keys', { issuer, keys: { from: 'discovery', jwksFile: 'x' } }, 'keys', /one of/],
      ['keys from an API server', { issuer, keys: { from: 'api' } }, 'keys', /one of/],
      ['keys over http off loopback', { issuer, keys: { jwksUri: 'http://ci.example' } }, 'keys.jwksUri', /loopback/],
      ['no algorithm', { issuer, algorithms: [] }, 'algorithms', /at least one/],
      ['an algorithm twice', { issuer, algorithms: ['RS256', 'RS256'] }, 'algorithms', /each once/],
      ['an algorithm with a shared secret', { issuer, algorithms: ['HS256'] }, 'algorithms.0', /RS256/],
      ['no algorithm at all', { issuer, algorithms: ['none'] }, 'algorithms.0', /RS256/],
      ['a lifetime without a unit', { issuer, maxLifetime: '3600' }, 'maxLifetime', /a duration/],
      ['another role', { issuer, role: 'person' }, 'role', /delegator/],
      ['a claim by no JSON pointer', { issuer, subject: '/a~2' }, 'subject', /JSON pointer/],
      ['a claim by an empty JSON pointer', { issuer, selectors: { a: '/' } }, 'selectors.a', /JSON pointer/],
      ['a trust domain without SVIDs', { issuer, trustDomain: 'acme.example' }, 'trustDomain', /add preset: spiffe/],
      ['a required claim that is a list', { issuer, require: { a: ['x'] } }, 'require.a', /a text/],
      ['a required claim that is null', { issuer, require: { a: null } }, 'require.a', /a text/],
      ['a required claim that is empty', { issuer, require: { a: '' } }, 'require.a', /a text/],
      ['a required claim without a name', { issuer, require: { '': 'a' } }, 'require.', /claim/],
      ['a kind that is no name', { issuer, selectors: { 'a:b': 'a' } }, 'selectors.a:b', /letters/],
      ['a kind that is percent-encoded', { issuer, selectors: { 'a%3Ab': 'a' } }, 'selectors.a%3Ab', /letters/],
      ['another claim as oidc:sub', { issuer, selectors: { sub: 'email' } }, 'selectors.sub', /always the claim sub/],
      ['a claim that is no text', { issuer, selectors: { a: 1 } }, 'selectors.a', /claim/],
      ['an empty subject', { issuer, subject: '' }, 'subject', /claim/],
      ['an environment by claim', { issuer, environment: { claim: 'x' } }, 'environment', /environment/],
      ['live facts', { issuer, live: {} }, '', /live/],
    ];
  for (const [what, block, path, message] of refusals) {
    it(`refuses ${what}`, () => {
      const { error } = oidc.options.safeParse(block);
      assert.ok(error instanceof z.ZodError, 'it was accepted');
      const texts = error.issues.map((issue) => `${issue.path.join('.')}: ${JSON.stringify(issue)}`);
      assert.ok(
        error.issues.some((issue) => issue.path.join('.') === path && message.test(JSON.stringify(issue))),
        texts.join('\n'),
      );
    });
  }

  it('refuses our own issuer, at load and at start', async () => {
    const options = oidc.options.parse({ issuer: ourIssuer, audience: 'counterseal' });
    assert.match(oidc.plan(options, ourIssuer).faults[0]?.message ?? '', /our own issuer/);
    const host = createTestHost(() => 0);
    const starting = createAttestor('ci', { type: oidc as AttestorType, options }, host.host);
    await assert.rejects(starting, /attestors\.ci\.issuer: .*our own issuer/);
    await host.close();
  });
});

describe('oidc in a configuration', () => {
  const ci = '  ci: { type: oidc, issuer: "https://ci.example", selectors: { repo: repository, toString: a } }';

  it('lets rules name the kinds that the block maps, and oidc:sub', () => {
    const selectors = '["oidc:repo:acme/*", "oidc:sub:x", "oidc:toString:x"]';
    assert.deepEqual(file(ci, `{ attestor: ci, selectors: ${selectors} }`), []);
  });

  for (const [selector, near] of [
    ['oidc:repos:acme/api', '; did you mean oidc:repo?'],
    ['oidc:repository:acme/api', ''],
    ['oidc:constructor:x', ''],
    ['k8s:ns:agents', ''],
  ] as const) {
    it(`refuses a rule that names ${selector}`, () => {
      const [problem = '', ...others] = file(ci, `{ attestor: ci, selectors: ["${selector}"] }`);
      assert.deepEqual(others, []);
      assert.match(problem, /gives no selectors of this kind \(expected one of oidc:sub, oidc:repo, oidc:toString/);
      assert.ok(problem.includes(`found "${selector.replace(/:[^:]*$/, '')}"${near}`), problem);
    });
  }

  it('judges rules once the block is right', () => {
    const wrong = ci.replace('toString: a', 'sub: a');
    const [problem = '', ...others] = file(wrong, '{ attestor: ci, selectors: ["oidc:repos:x"] }');
    assert.match(problem, /attestors\.ci\.selectors\.sub: oidc:sub is always the claim sub/);
    assert.deepEqual(others, []);
  });

  it('refuses a claim named __proto__, which would be dropped in silence', () => {
    for (const key of ['require', 'selectors']) {
      const problems = file(`  ci: { type: oidc, issuer: "https://ci.example", ${key}: { __proto__: acme } }`);
      assert.match(problems.join(), /__proto__/);
    }
  });

  for (const people of [
    '{ type: oidc, issuer: "https://ci.example", role: delegator }',
    '{ type: oidc, preset: okta, issuer: "https://acme.okta.com", audience: 0oabv6kx4qq6h1U5l0h7 }',
  ]) {
    it(`refuses a rule, and a client, whose workload is a person: ${people}`, () => {
      const client = 'clients: { api: { workload: { attestor: ci }, introspect: ["https://calendar.example/mcp"] } }';
      const rules = sample.rules.replace(/workload: .*/, 'workload: { attestor: ci }');
      const problems = problemsOf(yaml({ more: client, attestors: `attestors:\n  ci: ${people}`, rules }));
      assert.deepEqual(
        problems.map(
          (problem) => /^c\.yaml:\d+:\d+: (\S+): this attestor stands for people .*found "ci"/.exec(problem)?.[1],
        ),
        ['clients.api.workload.attestor', 'rules.agent.workload.attestor'],
        problems.join('\n'),
      );
      assert.deepEqual(problemsOf(yaml({ attestors: `${sample.attestors}\n  ci: ${people}` })), []);
    });
  }

  for (const [what, other] of [
    ['two of this type', '{ type: oidc, issuer: "https://ci.example", require: { a: b } }'],
    ['one of another type', '{ type: kubernetes, issuer: "https://ci.example", keys: { jwksFile: x } }'],
  ] as const) {
    it(`refuses ${what} that would take the same tokens, once`, () => {
      const problems = file(`${ci}\n  other: ${other}`);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(
        problems[0] ?? '',
        /attestors\.other: attestors\.ci accepts issuer https:\/\/ci\.example with audience/,
      );
      const own = other.replace('{ ', '{ audience: other, ');
      assert.deepEqual(file(`${ci}\n  other: ${own}`), []);
    });
  }
});
