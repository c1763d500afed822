import assert from 'node:assert/strict';
import { z } from 'zod';
import type { AttestorType } from '../../../attestors/attestor.js';
import { kubernetes } from '../../../attestors/kubernetes/index.js';
import { createAttestor } from '../../../src/attestor-host.js';
import { blocksOf, pasted, problemsOf } from '../../config/sample.js';
import { createTestHost, ourIssuer } from '../../support/attestor-host.js';

const issuer = 'https://oidc.cluster.example';
const keys = { jwksFile: 'jwks.json' };

describe('kubernetes options', () => {
  it('fills in the defaults', () => {
    assert.deepEqual(kubernetes.options.parse({ issuer, keys }), {
      issuer,
      keys: { jwksFile: 'jwks.json', maxStale: 3600 },
      maxLifetime: 90_000,
      review: false,
      otherAudiences: 'refuse',
    });
  });

  it('accepts every key that DESIGN names and that is built', () => {
    const block = {
      issuer,
      audience: 'counterseal',
      api: { kubeconfig: 'kubeconfig' },
      keys: { from: 'api', maxStale: '30m' },
      maxLifetime: '2h',
      review: true,
      environment: 'staging',
      otherAudiences: 'allow',
    };
    assert.deepEqual(kubernetes.options.parse(block), {
      ...block,
      keys: { from: 'api', maxStale: 1800 },
      maxLifetime: 7200,
    });
    kubernetes.options.parse({ issuer, api: 'in-cluster' });
    kubernetes.options.parse({ issuer, keys: { jwksUri: 'https://oidc.cluster.example/jwks' } });
  });

  const refusals: readonly (readonly [what: string, block: Record<string, unknown>, path: string, message: RegExp])[] =
    [
      ['no issuer', { keys }, 'issuer', /absolute URL/],
      ['an issuer that is no URL', { issuer: 'cluster', keys }, 'issuer', /absolute URL/],
      ['the issuer of legacy secret tokens', { issuer: 'kubernetes/serviceaccount', keys }, 'issuer', /legacy secret/],
      ['the issuer as audience', { issuer, keys, audience: issuer }, 'audience', /no evidence/],
      ...['https://kubernetes.default.svc', 'https://kubernetes.default.svc.cluster.local', 'api'].map(
        (audience) =>
          [`the API server's audience ${audience}`, { issuer, keys, audience }, 'audience', /no evidence/] as const,
      ),
      [
        'the audience of EKS Pod Identity',
        { issuer, keys, audience: 'pods.eks.amazonaws.com' },
        'audience',
        /no evidence/,
      ],
      ['no keys and no api', { issuer }, 'keys', /keys are needed/],
      ['keys from the API server without api', { issuer, keys: { from: 'api' } }, 'keys', /needs the API server/],
      ['review without api', { issuer, keys, review: true }, 'review', /needs the API server/],
      ['two sources of keys', { issuer, keys: { ...keys, from: 'api' }, api: 'in-cluster' }, 'keys', /one of/],
      ['an unknown api', { issuer, api: 'out-of-cluster' }, 'api', /in-cluster, or/],
      [
        'a key set over another scheme',
        { issuer, keys: { jwksUri: 'file:///jwks.json' } },
        'keys.jwksUri',
        /the URL of/,
      ],
      [
        'a key set over http off loopback',
        { issuer, keys: { jwksUri: 'http://cluster.example/jwks' } },
        'keys.jwksUri',
        /http only on loopback/,
      ],
      ['a duration without a unit', { issuer, keys, maxLifetime: '3600' }, 'maxLifetime', /a duration/],
      ['an empty audience', { issuer, keys, audience: '' }, 'audience', /audience/],
      ['live facts without an API server', { issuer, keys, live: {} }, 'live', /give api/],
      ['a maxAge too short to be kept', { issuer, api: 'in-cluster', live: { maxAge: '2s' } }, 'live.maxAge', /3s/],
      [
        'trusted nodes that ask nothing',
        { issuer, api: 'in-cluster', live: { trustedNodes: {} } },
        'live.trustedNodes',
        /at least one/,
      ],
      ['an unknown key of live', { issuer, api: 'in-cluster', live: { resync: '10m' } }, 'live', /resync/],
      [
        'an environment for no namespace',
        { issuer, keys, environment: { namespaces: {} } },
        'environment.namespaces',
        /at least one entry/,
      ],
      ['pins, which are not built', { issuer, keys, pin: 'none' }, '', /pin/],
      [
        'an environment by label without live facts',
        { issuer, keys, environment: { namespaceLabel: 'env' } },
        'environment',
        /give live/,
      ],
    ];
  for (const [what, block, path, message] of refusals) {
    it(`refuses ${what}`, () => {
      const { error } = kubernetes.options.safeParse(block);
      assert.ok(error, 'was accepted');
      assert.deepEqual(
        error.issues.map((issue) => issue.path.join('.')),
        [path],
      );
      assert.match(error.issues[0]?.message ?? '', message);
    });
  }

  it('accepts a key set over http on loopback', () => {
    kubernetes.options.parse({ issuer, keys: { jwksUri: 'http://127.0.0.1:8001/openid/v1/jwks' } });
    kubernetes.options.parse({ issuer, keys: { jwksUri: 'http://[::1]/openid/v1/jwks' } });
  });

  it('refuses to start when our own issuer, as the default audience, is the cluster issuer', async () => {
    const { host } = createTestHost(() => 0);
    const options = kubernetes.options.parse({ issuer: ourIssuer, keys });
    const starting = createAttestor('prod-eu', { type: kubernetes as AttestorType, options }, host);
    await assert.rejects(starting, /attestors\.prod-eu\.audience: tokens for https/);
  });

  it('asks for the issuer in-cluster only where our own token cannot tell it', () => {
    const block = kubernetes.options.parse({ api: 'in-cluster' });
    const { accepts, faults } = kubernetes.plan(block, ourIssuer);
    assert.deepEqual(accepts, []);
    assert.match(faults[0]?.message ?? '', /serviceaccount\/token is no token that tells it: write issuer/);
  });

  it('has a JSON Schema for editors', () => {
    const schema = z.toJSONSchema(kubernetes.options, { io: 'input' });
    assert.equal(schema.additionalProperties, false);
  });
});

describe('kubernetes README', () => {
  it('shows a block with a rule that can be loaded as it stands', () => {
    const [block = '', ...others] = blocksOf('attestors/kubernetes/README.md');
    assert.match(block, /^rules:/m);
    for (const each of [block, ...others]) assert.deepEqual(problemsOf(pasted(each)), []);
  });
});
