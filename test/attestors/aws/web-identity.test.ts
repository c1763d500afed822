/** Tokens of sts:GetWebIdentityToken, as AWS documents them. */
import assert from 'node:assert/strict';
import { Rejected } from '../../../src/errors.js';
import { refused } from '../kubernetes/fixture.js';
import { account, createFixture, type Fixture, issuerUrl, namespace, start } from './fixture.js';

const role = (arn: string) => ({ sub: arn });

const untold = ['aws:role-id', 'aws:image', 'aws:instance', 'aws:instance-type', 'aws:region'];

describe('aws web identity', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture();
  });
  after(() => fixture.close());

  it('gives the selectors that rules can name', async () => {
    const attestation = await fixture.attest();
    assert.deepEqual(attestation.selectors, [
      'aws:account:111122223333',
      'aws:arn:arn:aws:iam::111122223333:role/DataProcessingRole',
      'aws:org:o-abc1234567',
      'aws:ou:o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/',
      'aws:principal-tag:cost%3Acenter:engineering',
      'aws:principal-tag:environment:production',
      'aws:principal-tag:team:data-engineering',
      'aws:role:DataProcessingRole',
    ]);
    assert.deepEqual(attestation.unknownSelectors, Object.fromEntries(untold.map((kind) => [kind, 'missing'])));
    assert.equal(attestation.subject, 'spiffe://example.com/aws-main/aws/111122223333/role/DataProcessingRole');
    assert.equal(attestation.instance, 'role:aws:111122223333:DataProcessingRole');
    assert.deepEqual([attestation.assurance, attestation.singleUse], ['low', false]);
    assert.deepEqual([attestation.expiresAt, attestation.vouchesUntil], [start + 295, start + 295]);
    assert.equal(attestation.evidenceId, 'xyz123-def456-ghi789-jkl012');
  });

  it('gives request_tags to nobody: neither as selectors nor as claims', async () => {
    assert.ok(!JSON.stringify(await fixture.attest()).includes('canary'));
  });

  it('knows that there is no organization, unit or tag where STS names none', async () => {
    const none = { org_id: undefined, ou_path: undefined, principal_tags: undefined };
    const { selectors, unknownSelectors } = await fixture.attest({}, none);
    assert.deepEqual(
      selectors.map((each) => each.split(':')[1]),
      ['account', 'arn', 'role'],
    );
    assert.deepEqual(Object.keys(unknownSelectors), untold);
  });

  it('leaves the path of a role out of its subject, and in its ARN', async () => {
    const { subject, selectors } = await fixture.attest(role(`arn:aws:iam::${account}:role/team/a/worker+1`));
    assert.equal(subject, 'spiffe://example.com/aws-main/aws/111122223333/role/b64-d29ya2VyKzE');
    assert.ok(selectors.includes(`aws:arn:arn:aws:iam::${account}:role/team/a/worker+1`));
    assert.ok(selectors.includes('aws:role:worker+1'));
  });

  for (const arn of [
    `arn:aws:iam::${account}:user/alice`,
    `arn:aws:iam::${account}:root`,
    `arn:aws:sts::${account}:assumed-role/worker/session`,
    `arn:aws:sts::${account}:federated-user/alice`,
    `arn:aws:iam::${account}:role/`,
    `arn:aws:iam::${account}:role/a b`,
    `arn:aws:iam::${account}:role/worker\n`,
    `arn:aws:iam::${account}:role//../worker:x`,
    `arn:aws:iam::${account}0:role/worker`,
    `arn:evil:iam::${account}:role/worker`,
    `x-arn:aws:iam::${account}:role/worker`,
    `arn:aws:iam::${account}:role/${'a'.repeat(65)}`,
    ['arn:aws:iam::111122223333:role/worker'],
    undefined,
  ]) {
    it(`refuses the subject ${JSON.stringify(arn)}`, async () => {
      const { detail } = await refused(fixture.attest({ sub: arn }), 'principal_not_role');
      assert.match(detail, /^[^\p{Cc}]{1,400}$/u);
    });
  }

  it('refuses another account in the claim, in the ARN, or in neither of its forms', async () => {
    await refused(fixture.attest(role('arn:aws:iam::444455556666:role/DataProcessingRole')), 'account_mismatch');
    for (const seen of ['444455556666', undefined, Number(account), [account], `${account} `]) {
      await refused(fixture.attest({}, { aws_account: seen }), 'account_mismatch');
    }
  });

  it('refuses claims that are not of the documented form', async () => {
    for (const session of [undefined, null, [], 'x', 1]) {
      await refused(fixture.attest({ [namespace]: session }), 'claim_malformed');
    }
    for (const session of [
      { org_id: 1 },
      { org_id: '' },
      { ou_path: null },
      { ou_path: 'o-x/\u202er-y' },
      { principal_tags: [] },
      { principal_tags: { team: 1 } },
      { principal_tags: { team: ['a'] } },
      { principal_tags: { '': 'a' } },
      { principal_tags: { team: 'a\nb' } },
      { principal_tags: { team: 'x'.repeat(1025) } },
      { principal_tags: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, 'v'])) },
    ]) {
      await refused(fixture.attest({}, session), 'claim_malformed');
    }
  });

  it('a tag cannot pass for another one, nor for another kind', async () => {
    const { selectors } = await fixture.attest({}, { principal_tags: { 'a:b': 'c', a: 'b:c', empty: '' } });
    const tags = selectors.filter((each) => each.startsWith('aws:principal-tag:'));
    assert.deepEqual(tags, ['aws:principal-tag:a%3Ab:c', 'aws:principal-tag:a:b:c', 'aws:principal-tag:empty:']);
  });

  describe('tokens', () => {
    for (const [what, changes, reason] of [
      ['of another issuer', { iss: `${issuerUrl}/` }, 'issuer_untrusted'],
      ['without an issuer', { iss: undefined }, 'issuer_untrusted'],
      ['for another audience', { aud: 'https://other.example' }, 'jwt_audience'],
      ['of EKS Pod Identity', { aud: 'pods.eks.amazonaws.com' }, 'jwt_audience'],
      ['for others beside us', { aud: ['https://sts.example.com', 'https://other.example'] }, 'jwt_audience'],
      ['that have expired', { exp: start }, 'jwt_expired'],
      ['of more than an hour', { exp: start + 3596 }, 'jwt_lifetime'],
      ['that say who acts', { act: { sub: 'x' } }, 'jwt_delegated'],
    ] as const) {
      it(`are refused ${what}`, () => refused(fixture.attest(changes), reason));
    }

    for (const aud of [
      undefined,
      null,
      '',
      [],
      [''],
      'https://sts.example.co',
      'https://sts.example.com/',
      [['x']],
      {},
      1,
    ]) {
      it(`Vault CVE-2024-5798: are refused for ${JSON.stringify(aud)}`, async () => {
        const error = await fixture.attest({ aud }).then(
          () => assert.fail('accepted'),
          (thrown: unknown) => thrown,
        );
        assert.ok(error instanceof Rejected, String(error));
      });
    }

    it('for us alone are accepted, as text and in a list', async () => {
      await fixture.attest({ aud: 'https://sts.example.com' });
      await fixture.attest({ aud: ['https://sts.example.com'] });
    });

    it('for others beside us are accepted where the block says so', async () => {
      const tolerant = await createFixture({ otherAudiences: 'allow' });
      await tolerant.attest({ aud: ['https://sts.example.com', 'https://other.example'] });
      await tolerant.close();
    });
  });
});
