import assert from 'node:assert/strict';
import { z } from 'zod';
import { aws } from '../../../attestors/aws/index.js';
import { blocksOf, pasted, problemsOf } from '../../config/sample.js';
import { createTestHost, ourIssuer } from '../../support/attestor-host.js';
import { account, issuerUrl } from './fixture.js';
import { callerType, stsHost } from './signing.js';

const accounts = { [account]: { environment: 'production', issuer: issuerUrl } };

describe('aws options', () => {
  it('fills in the defaults', () => {
    assert.deepEqual(aws.options.parse({ accounts }), {
      accounts,
      webIdentity: { keys: { from: 'discovery', maxStale: 3600 } },
      otherAudiences: 'refuse',
    });
  });

  it('fills in the defaults of callerIdentity, which needs no issuer', () => {
    const block = { accounts: { [account]: {} }, callerIdentity: { regions: ['eu-central-1'] } };
    const options = aws.options.parse(block);
    assert.deepEqual(options.callerIdentity, {
      regions: ['eu-central-1'],
      endpoints: {},
      maxAge: 300,
      nonce: 'optional',
      googleCompat: false,
    });
    assert.deepEqual(aws.plan(options, ourIssuer), {
      accepts: [{ tokenType: callerType, issuer: `https://${stsHost}`, audience: ourIssuer }],
      faults: [],
      files: [],
    });
  });

  it('says which file the certificates of instance identity are in', () => {
    const instanceIdentity = { certificates: 'ec2.pem' };
    const options = aws.options.parse({ accounts, callerIdentity: { regions: ['eu-central-1'], instanceIdentity } });
    assert.deepEqual(aws.plan(options, ourIssuer).files, [
      { path: ['callerIdentity', 'instanceIdentity', 'certificates'], file: 'ec2.pem' },
    ]);
  });

  const requests = (more: Readonly<Record<string, unknown>>) => ({
    accounts,
    callerIdentity: { regions: ['eu-central-1'], ...more },
  });
  const two = { ...accounts, '444455556666': { issuer: 'https://other.tokens.sts.global.api.aws' } };
  for (const [what, block, path, message] of [
    ['no accounts', {}, 'accounts', /accounts|map|record/],
    ['an empty list of accounts', { accounts: {} }, 'accounts', /at least one account/],
    ['an account that is no id', { accounts: { '1234': {} } }, 'accounts.1234', /twelve digits/],
    [
      'an issuer with a path',
      { accounts: { [account]: { issuer: `${issuerUrl}/x` } } },
      `accounts.${account}.issuer`,
      /without path/,
    ],
    [
      'an issuer with a slash at its end',
      { accounts: { [account]: { issuer: `${issuerUrl}/` } } },
      `accounts.${account}.issuer`,
      /without path/,
    ],
    [
      'an issuer over http',
      { accounts: { [account]: { issuer: 'http://sts.example' } } },
      `accounts.${account}.issuer`,
      /https/,
    ],
    [
      'an issuer with a user',
      { accounts: { [account]: { issuer: 'https://a@sts.example' } } },
      `accounts.${account}.issuer`,
      /user/,
    ],
    [
      'one issuer of two accounts',
      { accounts: { ...accounts, '444455556666': { issuer: issuerUrl } } },
      'accounts',
      /one account/,
    ],
    [
      'named keys for several issuers',
      { accounts: two, webIdentity: { keys: { jwksFile: 'x' } } },
      'webIdentity.keys',
      /discovery/,
    ],
    ['the audience of EKS Pod Identity', { accounts, audience: 'pods.eks.amazonaws.com' }, 'audience', /no evidence/],
    ['the audience of STS', { accounts, audience: 'sts.amazonaws.com' }, 'audience', /no evidence/],
    ['an audience with a space', { accounts, audience: 'a b' }, 'audience', /ASCII/],
    ['no regions', requests({ regions: [] }), 'callerIdentity.regions', /at least one/],
    ['a region twice', requests({ regions: ['eu-west-1', 'eu-west-1'] }), 'callerIdentity.regions', /each once/],
    ...['global', 'us-iso-east-1', 'eu-central', 'aws-global', 'eu-central-1.evil', 'EU-CENTRAL-1'].map(
      (region) =>
        [`the region ${region}`, requests({ regions: [region] }), 'callerIdentity.regions.0', /a region/] as const,
    ),
    [
      'an endpoint of a region that is not there',
      requests({ endpoints: { 'sts.us-east-1.amazonaws.com': 'https://sts.example' } }),
      'callerIdentity.endpoints.sts.us-east-1.amazonaws.com',
      /one of sts\.eu-central-1/,
    ],
    ...['http://sts.example', 'https://sts.example/x', 'https://a@sts.example', 'ftp://sts.example', 'sts.example'].map(
      (url) =>
        [
          `the endpoint ${url}`,
          requests({ endpoints: { [stsHost]: url } }),
          `callerIdentity.endpoints.${stsHost}`,
          /https URL/,
        ] as const,
    ),
    ['an age over 15 minutes', requests({ maxAge: '16m' }), 'callerIdentity.maxAge', /at most 15m/],
    ['a nonce that is neither', requests({ nonce: true }), 'callerIdentity.nonce', /optional/],
    [
      'a required nonce that google-auth-library cannot send',
      requests({ nonce: 'required', googleCompat: true }),
      'callerIdentity.googleCompat',
      /no nonce/,
    ],
    [
      'instanceIdentity without certificates',
      requests({ instanceIdentity: {} }),
      'callerIdentity.instanceIdentity.certificates',
      /PEM/,
    ],
    ['vouchesFor without callerIdentity', { accounts, vouchesFor: '10m' }, 'vouchesFor', /callerIdentity/],
    ['vouchesFor over an hour', { ...requests({}), vouchesFor: '2h' }, 'vouchesFor', /at most 1h/],
    ['another key', { accounts, requestTags: true }, '', /requestTags/],
  ] as const) {
    it(`refuses ${what}`, () => {
      const { error } = aws.options.safeParse(block);
      assert.ok(error instanceof z.ZodError, 'it was accepted');
      assert.ok(
        error.issues.some((issue) => issue.path.join('.') === path && message.test(JSON.stringify(issue))),
        JSON.stringify(error.issues),
      );
    });
  }

  it('refuses a block that would accept nothing, and our own issuer, at load and at start', async () => {
    const host = createTestHost(() => 0);
    for (const [block, message] of [
      [{ accounts: { [account]: {} } }, /accounts: nothing would be accepted/],
      [{ accounts: { [account]: { issuer: ourIssuer } } }, /accounts\.111122223333\.issuer: .*our own issuer/],
    ] as const) {
      const options = aws.options.parse(block);
      assert.equal(aws.plan(options, ourIssuer).faults.length, 1);
      await assert.rejects(aws.create('aws-main', options, host.host), message);
    }
    await host.close();
  });
});

describe('aws README', () => {
  const blocks = blocksOf('attestors/aws/README.md');

  it('shows a block with a rule, and a file for the doctor, that can be loaded as they stand', () => {
    assert.equal(blocks.length, 2);
    for (const block of blocks) assert.deepEqual(problemsOf(pasted(block)), []);
    assert.match(blocks[0] ?? '', /^rules:/m);
    assert.deepEqual(problemsOf(blocks[1] ?? ''), []);
  });
});
