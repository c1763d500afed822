/** A whole service over a local STS that verifies signatures. */
import assert from 'node:assert/strict';
import { googleForm } from '../../../attestors/aws/caller-identity/google.js';
import { calendar, claimsOf, issuer, send, startService, type TestService } from '../../support/service.js';
import { account } from './fixture.js';
import { callerType, encode, googleToken, type Signing, sessionOf, signRequest, stsHost } from './signing.js';
import { type Sts, startSts } from './sts-server.js';

const other = '444455556666';
const stranger = '777788889999';

describe('aws in the service, caller identity', function () {
  this.timeout(20_000);
  let sts: Sts;
  let service: TestService;
  const session = sessionOf(account, 'worker');
  const theirs = sessionOf(other, 'worker');
  const foreign = sessionOf(stranger, 'worker');

  before(async () => {
    sts = await startSts(() => Date.now() / 1000, [session, theirs, foreign]);
    service = await startService({
      earlierStore: true,
      attestors: `
  aws-main:
    type: aws
    accounts: { "${account}": { environment: production }, "${other}": { environment: production } }
    callerIdentity:
      regions: [eu-central-1]
      endpoints: { ${stsHost}: "${sts.url}" }
      googleCompat: true`,
      resources: `
  ${calendar}: { scope: [read:calendar, write:events], lifetime: 10m }`,
      rules: `
  worker:
    workload: { attestor: aws-main, selectors: ["aws:account:${account}", "aws:role:worker"] }
    grant: { resource: "${calendar}", scope: [read:calendar] }`,
    });
  });
  beforeEach(() => {
    sts.received.length = 0;
    sts.instead = undefined;
  });
  after(async () => {
    await service.close();
    await sts.close();
  });

  const evidence = async (changes?: Partial<Signing>) =>
    encode(await signRequest({ session, now: Date.now() / 1000, audience: issuer, ...changes }));
  const redeem = (token: string, type = callerType) =>
    service.exchange({ subject_token: token, subject_token_type: type });
  const reason = async () => (await service.lastRecord()).reason;

  it('exchanges a signed request for a scoped token', async () => {
    const { status, body } = await redeem(await evidence({ nonce: await challenge() }));
    assert.equal(status, 200, JSON.stringify(body));
    const claims = claimsOf(body.access_token);
    assert.equal(claims.sub, 'spiffe://example.com/aws-main/aws/111122223333/role/worker');
    const { assurance, instance } = claims.attestation as Record<string, unknown>;
    assert.deepEqual([assurance, instance], ['medium', `session:aws:${account}:${session.identity.UserId}`]);
  });

  it('100 concurrent redemptions of one signed request give one token', async () => {
    const token = await evidence({ nonce: await challenge() });
    const answers = await Promise.all(Array.from({ length: 100 }, () => redeem(token)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array.from({ length: 99 }, () => 400)]);
  });

  it('of one signature in two spellings of its evidence, one is accepted', async () => {
    const { headers, ...rest } = await signRequest({ session, now: Date.now() / 1000 - 10, audience: issuer });
    const { host = '', ...others } = headers;
    assert.equal((await redeem(encode({ ...rest, headers }))).status, 200);
    assert.equal((await redeem(encode({ ...rest, headers: { ...others, Host: host } }))).status, 400);
    assert.equal(await reason(), 'evidence_replayed');
  });

  async function challenge(): Promise<string> {
    const form = new URLSearchParams({ subject_token_type: callerType });
    const { body } = await send(`${service.url}/challenge`, { method: 'POST', body: form });
    return String(body.nonce);
  }

  it('two requests of one session in one second are one signature, unless a nonce sets them apart', async () => {
    const now = Date.now() / 1000 - 5;
    assert.equal((await redeem(await evidence({ now }))).status, 200);
    assert.equal((await redeem(await evidence({ now }))).status, 400);
    assert.equal(await reason(), 'evidence_replayed');
    assert.equal((await redeem(await evidence({ now, nonce: await challenge() }))).status, 200);
  });

  it('redeems a nonce of POST /challenge once, whoever signs it, and none of its own making', async () => {
    const nonce = await challenge();
    assert.equal((await redeem(await evidence({ nonce }))).status, 200);
    assert.equal((await redeem(await evidence({ nonce, headers: { accept: 'application/json' } }))).status, 400);
    assert.equal(await reason(), 'nonce_used');
    assert.equal((await redeem(await evidence({ nonce: '0'.repeat(32) }))).status, 400);
    assert.equal(await reason(), 'nonce_unknown');
  });

  it('Vault CVE-2025-11621: the same role name in a second account, just after the first, gets nothing of it', async () => {
    assert.equal((await redeem(await evidence({ nonce: await challenge() }))).status, 200);
    const second = await redeem(await evidence({ session: theirs }));
    assert.deepEqual([second.status, second.body.error], [400, 'invalid_target']);
    assert.equal((await service.lastRecord()).subject, `spiffe://example.com/aws-main/aws/${other}/role/worker`);
    const third = await redeem(await evidence({ session: foreign }));
    assert.deepEqual([third.status, third.body.error], [400, 'invalid_request']);
    assert.equal(await reason(), 'account_untrusted');
  });

  it('a request for another audience, or of a region that is not configured, reaches nobody', async () => {
    for (const [changes, expected] of [
      [{ audience: 'https://other.example' }, 'audience_not_ours'],
      [{ audience: `${issuer}/` }, 'audience_not_ours'],
      [{ host: 'sts.us-east-1.amazonaws.com', region: 'us-east-1' }, 'issuer_untrusted'],
      [{ host: 'sts.evil.example' }, 'aws_url'],
    ] as const) {
      assert.equal((await redeem(await evidence(changes))).status, 400);
      assert.equal(await reason(), expected);
    }
    assert.deepEqual(sts.received, []);
  });

  it('takes a request of google-auth-library once, and only for our audience', async () => {
    const token = await googleToken(session, issuer);
    assert.equal((await redeem(token, googleForm.tokenType)).status, 200);
    assert.equal((await redeem(token, googleForm.tokenType)).status, 400);
    assert.equal(await reason(), 'evidence_replayed');
    const elsewhere = await googleToken(session, '//iam.googleapis.com/projects/1');
    assert.equal((await redeem(elsewhere, googleForm.tokenType)).status, 400);
    assert.equal(await reason(), 'audience_not_ours');
  });

  it('a body over 64 KiB is 413, and a form of another type is refused', async () => {
    assert.equal((await redeem('A'.repeat(70_000))).status, 413);
    assert.equal((await redeem(await evidence(), googleForm.tokenType)).status, 400);
    assert.equal((await redeem(await googleToken(session, issuer))).status, 400);
    assert.deepEqual(sts.received, []);
  });

  it('throttling and silence of STS are 503 with Retry-After', async () => {
    sts.instead = (_, response) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ Error: { Code: 'Throttling', Message: 'Rate exceeded', Type: 'Sender' } }));
    };
    const throttled = await redeem(await evidence());
    assert.deepEqual([throttled.status, throttled.headers.get('retry-after')], [503, '5']);
    sts.instead = () => {};
    const silent = await redeem(await evidence());
    assert.equal(silent.status, 503);
    assert.ok(Number(silent.headers.get('retry-after')) > 0);
    assert.match(String(await reason()), /^(?:outbound_late|attestor_deadline)$/);
  });

  it('no record has a signature or a session token', async () => {
    const text = await service.auditText();
    assert.ok(text.includes('evidence_replayed'));
    assert.ok(!text.includes(String(session.sessionToken).slice(0, 40)) && !/Signature=|Credential=/.test(text));
  });
});
