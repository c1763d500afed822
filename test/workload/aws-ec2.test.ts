/** `counterseal token` on an EC2 instance: the SDK takes credentials of a metadata service, which gives a signed document too. */
import assert from 'node:assert/strict';
import { account } from '../attestors/aws/fixture.js';
import { content, instanceId, instanceIdentity, makeSigners, type Signers } from '../attestors/aws/instances.js';
import { sessionOf } from '../attestors/aws/signing.js';
import { endOf, startWith } from '../support/command-line.js';
import { startUpstream, type Upstream } from '../support/upstream.js';
import { type AwsChanges, type AwsStandIn, startAws } from './aws-stand-in.js';

describe('counterseal token on EC2', function () {
  this.timeout(30_000);
  let signers: Signers;
  let metadata: Upstream;
  let standIn: AwsStandIn;
  const asked: string[] = [];
  let document: string | undefined;
  before(async () => {
    signers = await makeSigners();
    metadata = await startMetadata();
  });
  beforeEach(() => {
    asked.length = 0;
    const launched = { pendingTime: new Date().toISOString().replace(/\.\d+Z/, 'Z') };
    document = instanceIdentity(signers.frankfurt, { ...content(), ...launched });
  });
  afterEach(() => standIn.close());
  after(async () => {
    await metadata.close();
    await signers.close();
  });

  /** As IMDSv2 answers: to nobody without a token. */
  function startMetadata(): Promise<Upstream> {
    const { accessKeyId, secretAccessKey, sessionToken } = sessionOf(account, 'worker');
    const credentials = {
      Code: 'Success',
      Type: 'AWS-HMAC',
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: new Date(Date.now() + 3_600_000).toISOString(),
    };
    const role = '/latest/meta-data/iam/security-credentials/';
    return startUpstream(({ method, url = '', headers }, response) => {
      response.setHeader('connection', 'close');
      asked.push(url);
      const answers: Record<string, string | undefined> = {
        [role]: 'worker',
        [`${role}worker`]: JSON.stringify(credentials),
        '/latest/dynamic/instance-identity/rsa2048': document,
      };
      const isAllowed = headers['x-aws-ec2-metadata-token'] === 'imds-token';
      const answer = method === 'PUT' && url === '/latest/api/token' ? 'imds-token' : isAllowed ? answers[url] : null;
      response.statusCode = answer === null ? 401 : answer === undefined ? 404 : 200;
      response.end(answer ?? '');
    });
  }

  async function run(changes: AwsChanges, env: Readonly<Record<string, string | undefined>> = {}) {
    standIn = await startAws(changes);
    const { AWS_REGION, AWS_ENDPOINT_URL_STS } = standIn.env;
    const onInstance = {
      AWS_REGION,
      AWS_ENDPOINT_URL_STS,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${metadata.port}`,
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_CONFIG_FILE: '/dev/null',
    };
    const { service, resource } = standIn;
    return endOf(startWith({ ...onInstance, ...env }, 'token', '--issuer', service.url, '--resource', resource));
  }
  const signaturesAsked = () => standIn.sts.received.filter(({ body }) => body.includes('GetCallerIdentity')).length;
  const onInstance = (): AwsChanges => ({
    callerIdentity: `, instanceIdentity: { certificates: "${signers.file}" }`,
    selector: `aws:instance:${instanceId}`,
  });

  it('shows the document, and gets what only this instance gets', async () => {
    const { code, stderr } = await run(onInstance());
    assert.equal(code, 0, stderr);
    assert.equal(signaturesAsked(), 1);
  });

  it('shows a request without it, signed anew, where the service takes none', async () => {
    const { code, stderr } = await run({});
    assert.equal(code, 0, stderr);
    assert.ok(asked.includes('/latest/dynamic/instance-identity/rsa2048'));
    // Of the two, the first was refused before STS was asked.
    assert.equal(signaturesAsked(), 1);
  });

  it('shows a request without it where the metadata service gives none', async () => {
    document = undefined;
    const { code, stderr } = await run({});
    assert.equal(code, 0, stderr);
  });

  it('asks for none where the credentials are not the instance’s', async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = sessionOf(account, 'worker');
    const { code, stderr } = await run(onInstance(), {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    });
    assert.deepEqual(asked, []);
    assert.equal(code, 1);
    assert.match(stderr, /answered 400: invalid_target/);
  });
});
