/** `googleCompat`: requests that google-auth-library's own AwsClient makes. */
import assert from 'node:assert/strict';
import type { Evidence } from '../../../attestors/attestor.js';
import { googleForm } from '../../../attestors/aws/caller-identity/google.js';
import { callWith, formEvidence, ourIssuer } from '../../support/attestor-host.js';
import { refused } from '../kubernetes/fixture.js';
import { createRequesting, type Requesting } from './requesting.js';
import { googleToken, stsHost } from './signing.js';

interface Shown {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

describe('aws: requests of google-auth-library', () => {
  let fixture: Requesting;
  beforeEach(async () => {
    fixture = await createRequesting({ googleCompat: true });
    fixture.now = Date.now() / 1000;
  });
  afterEach(() => fixture.close());

  const token = () => googleToken(fixture.session, ourIssuer);
  const parts = async () => JSON.parse(decodeURIComponent(await token())) as Shown;
  const read = (shown: unknown): Evidence => formEvidence(googleForm, encodeURIComponent(JSON.stringify(shown)));
  const attest = async (evidence: Evidence) => fixture.attestor.attest(evidence, callWith());

  it('are accepted once, with low assurance, for the audience beside the signature', async () => {
    const shown = await token();
    const { audience, issuer } = googleForm.parse(shown, {
      object: (bytes) => JSON.parse(bytes.toString()),
      base64url: () => assert.fail(),
      jwt: () => assert.fail(),
    });
    assert.deepEqual([audience, issuer], [ourIssuer, `https://${stsHost}`]);
    const attestation = await attest(formEvidence(googleForm, shown));
    assert.equal(attestation.subject, 'spiffe://example.com/aws-main/aws/111122223333/role/worker');
    assert.deepEqual([attestation.singleUse, attestation.assurance], [true, 'low']);
    const [received] = fixture.sts.received;
    assert.deepEqual(
      [received?.method, received?.url, received?.body],
      ['POST', '/?Action=GetCallerIdentity&Version=2011-06-15', ''],
    );
    assert.ok(!('x-goog-cloud-target-resource' in (received?.headers ?? {})));
  });

  it('have no route unless the block says so', async () => {
    const strict = await createRequesting();
    assert.ok(!strict.attestor.accepts.some(({ tokenType }) => tokenType === googleForm.tokenType));
    assert.ok(fixture.attestor.accepts.some(({ tokenType }) => tokenType === googleForm.tokenType));
    await strict.close();
  });

  it('are refused after a minute', async () => {
    const evidence = formEvidence(googleForm, await token());
    fixture.now += 62;
    await refused(attest(evidence), 'aws_expired');
    assert.deepEqual(fixture.sts.received, []);
  });

  const edits: readonly (readonly [what: string, edit: (shown: Shown) => unknown, reason: string])[] = [
    ['another action', (one) => ({ ...one, url: one.url.replace('GetCallerIdentity', 'GetSessionToken') }), 'aws_url'],
    ['a second action', (one) => ({ ...one, url: `${one.url}&Action=GetSessionToken` }), 'aws_url'],
    ['a second action in another case', (one) => ({ ...one, url: `${one.url}&action=GetSessionToken` }), 'aws_url'],
    ['another host', (one) => ({ ...one, url: one.url.replace(stsHost, 'sts.evil.example') }), 'aws_url'],
    ['a user', (one) => ({ ...one, url: one.url.replace('https://', 'https://evil@') }), 'aws_url'],
    ['a path', (one) => ({ ...one, url: one.url.replace('?', '/x?') }), 'aws_url'],
    ['http', (one) => ({ ...one, url: one.url.replace('https', 'http') }), 'aws_url'],
    ['GET', (one) => ({ ...one, method: 'GET' }), 'aws_method'],
    ['a body', (one) => ({ ...one, body: 'Action=GetSessionToken' }), 'aws_members'],
    ['no headers', (one) => ({ ...one, headers: {} }), 'aws_members'],
    ['a header that is no pair', (one) => ({ ...one, headers: [...one.headers, 'x'] }), 'aws_members'],
    ['a header that is null', (one) => ({ ...one, headers: [null] }), 'aws_members'],
    ['a header that nobody knows', (one) => more(one, 'x-evil', '1'), 'aws_header'],
    ['a header twice', (one) => more(one, 'Host', stsHost), 'aws_header'],
    ['no audience', (one) => without(one, 'x-goog-cloud-target-resource'), 'aws_header'],
    ['no host', (one) => without(one, 'host'), 'aws_header'],
    ['no session token', (one) => without(one, 'x-amz-security-token'), 'aws_authorization'],
    ['no Authorization', (one) => without(one, 'authorization'), 'aws_header'],
  ];
  for (const [what, edit, reason] of edits) {
    it(`are refused with ${what}, without a request to STS`, async () => {
      await refused(
        parts().then((one) => attest(read(edit(one)))),
        reason,
      );
      assert.deepEqual(fixture.sts.received, []);
    });
  }

  it('are refused when they are not URL-encoded JSON', () => {
    for (const text of ['%', '%E0%A4%A', '[]', 'x']) {
      assert.throws(() => formEvidence(googleForm, text), { name: 'Rejected' });
    }
  });
});

const more = (one: Shown, key: string, value: string) => ({ ...one, headers: [...one.headers, { key, value }] });
const without = (one: Shown, name: string) => ({ ...one, headers: one.headers.filter(({ key }) => key !== name) });
