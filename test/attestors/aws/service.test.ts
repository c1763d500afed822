/** A whole service over the issuers of two accounts, found by discovery. */
import assert from 'node:assert/strict';
import { type Claims, type ClusterIssuer, createClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';
import { calendar, claimsOf, issuer, startService, type TestService } from '../../support/service.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';
import { account, namespace, webIdentityClaims } from './fixture.js';

const other = '444455556666';

interface StandIn {
  readonly url: string;
  readonly signer: ClusterIssuer;
  readonly upstream: Upstream;
}

/** Of one account. */
async function startIssuer(): Promise<StandIn> {
  let url = '';
  const upstream = await startUpstream((request, response) => {
    response.setHeader('connection', 'close');
    if (request.url === '/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/.well-known/jwks.json` }));
    } else response.end(JSON.stringify(signer.jwks()));
  });
  url = `http://127.0.0.1:${upstream.port}`;
  const signer = await createClusterIssuer({ issuer: url, algorithm: 'ES384' });
  return { url, signer, upstream };
}

describe('aws in the service, web identity', () => {
  let ours: StandIn;
  let theirs: StandIn;
  let service: TestService;
  before(async () => {
    ours = await startIssuer();
    theirs = await startIssuer();
    service = await startService({
      attestors: `
  aws-main:
    type: aws
    accounts:
      "${account}": { environment: production, issuer: "${ours.url}" }
      "${other}": { environment: staging, issuer: "${theirs.url}" }`,
      resources: `
  ${calendar}: { scope: [read:calendar, write:events], lifetime: 10m }`,
      rules: `
  worker:
    workload: { attestor: aws-main, selectors: ["aws:account:${account}", "aws:role:DataProcessingRole"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }
  not-in-quarantine:
    workload: { attestor: aws-main, selectors: ["aws:principal-tag:quarantine:true"] }
    deny: { resource: "*" }`,
    });
  });
  after(async () => {
    await service.close();
    await ours.upstream.close();
    await theirs.upstream.close();
  });

  function token({ url, signer }: StandIn, changes: Claims = {}, session: Claims = {}): string {
    const claims = webIdentityClaims(url, Math.floor(Date.now() / 1000), session);
    return signer.sign({ ...claims, aud: issuer, ...changes });
  }

  it('exchanges a role’s token for a scoped one that lives no longer, without asking AWS', async () => {
    const before = ours.upstream.connections();
    const { status, body } = await service.exchange({ subject_token: token(ours) });
    assert.equal(status, 200, JSON.stringify(body));
    const claims = claimsOf(body.access_token);
    assert.equal(claims.sub, 'spiffe://example.com/aws-main/aws/111122223333/role/DataProcessingRole');
    assert.equal(claims.scope, 'read:calendar');
    assert.ok(Number(claims.exp) <= Math.floor(Date.now() / 1000) + 296);
    assert.equal(ours.upstream.connections(), before);
  });

  it('Vault CVE-2025-11621: the same role name in a second account, with warm keys, gets nothing of the first', async () => {
    const sub = `arn:aws:iam::${other}:role/DataProcessingRole`;
    assert.equal((await service.exchange({ subject_token: token(ours) })).status, 200);
    const own = await service.exchange({ subject_token: token(theirs, { sub }, { aws_account: other }) });
    assert.deepEqual([own.status, own.body.error], [400, 'invalid_target']);
    const record = await service.lastRecord();
    assert.equal(record.subject, 'spiffe://example.com/aws-main/aws/444455556666/role/DataProcessingRole');
    for (const [changes, session] of [
      [{}, {}],
      [{ sub }, {}],
      [{}, { aws_account: other }],
    ] as const) {
      const { status, body } = await service.exchange({ subject_token: token(theirs, changes, session) });
      assert.deepEqual([status, body.error], [400, 'invalid_request']);
      assert.equal((await service.lastRecord()).reason, 'account_mismatch');
    }
    const crossed = theirs.signer.sign({ ...webIdentityClaims(ours.url, Math.floor(Date.now() / 1000)), aud: issuer });
    assert.equal((await service.exchange({ subject_token: crossed })).status, 400);
    assert.equal((await service.lastRecord()).reason, 'jwt_unknown_key');
  });

  it('a denial by a tag ends it, and a tag of the request changes nothing', async () => {
    const tagged = (session: Claims) => service.exchange({ subject_token: token(ours, {}, session) });
    assert.equal((await tagged({ principal_tags: { quarantine: 'true' } })).status, 400);
    assert.equal((await tagged({ request_tags: { quarantine: 'true' } })).status, 200);
  });

  it('EKS Pod Identity tokens are refused, and so are tokens of an issuer that nobody configured', async () => {
    const before = ours.upstream.connections();
    for (const [changes, reason] of [
      [{ aud: 'pods.eks.amazonaws.com' }, 'audience_not_ours'],
      [{ iss: 'https://oidc.eks.eu-central-1.amazonaws.com/id/X' }, 'issuer_untrusted'],
      [{ iss: 'https://evil.tokens.sts.global.api.aws' }, 'issuer_untrusted'],
    ] as const) {
      assert.equal((await service.exchange({ subject_token: token(ours, changes) })).status, 400);
      assert.equal((await service.lastRecord()).reason, reason);
    }
    assert.equal(ours.upstream.connections(), before);
    assert.ok(!(await service.auditText()).includes(`${namespace}":{"request_tags`));
  });
});
