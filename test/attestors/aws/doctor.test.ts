/** `counterseal doctor aws`: what has to be true of a workload and its account, and what to do when it is not. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { STSClientConfig } from '@aws-sdk/client-sts';
import type { Finding } from '../../../attestors/attestor.js';
import { examineAws } from '../../../attestors/aws/doctor.js';
import { aws } from '../../../attestors/aws/index.js';
import { createTestHost, ourIssuer } from '../../support/attestor-host.js';
import { finish } from '../../support/command-line.js';
import { attestorsOnly } from '../../support/configuration.js';
import { account, issuerUrl, sharedSigner, start } from './fixture.js';
import { makeSigner } from './instances.js';
import { region, sessionOf, stsHost } from './signing.js';
import { type Sts, startSts } from './sts-server.js';

const session = sessionOf(account, 'worker');
const tokenOf = (iss: string) => `e30.${Buffer.from(JSON.stringify({ iss })).toString('base64url')}.canary`;

describe('aws doctor', function () {
  this.timeout(30_000);
  let sts: Sts;
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'counterseal-aws-doctor-'));
    await writeFile(join(folder, 'jwks.json'), JSON.stringify((await sharedSigner()).jwks()));
  });
  beforeEach(async () => {
    sts = await startSts(() => Date.now() / 1000, [session]);
    sts.webIdentity = () => tokenOf(issuerUrl);
  });
  afterEach(() => sts.close());
  after(() => rm(folder, { recursive: true }));

  const block = (more: Readonly<Record<string, unknown>> = {}) => ({
    accounts: { [account]: { issuer: issuerUrl } },
    webIdentity: { keys: { jwksFile: 'jwks.json' } },
    callerIdentity: { regions: [region], endpoints: { [stsHost]: sts.url } },
    ...more,
  });

  async function findings(values: unknown = block(), settings: STSClientConfig = {}): Promise<readonly Finding[]> {
    const { host, close } = createTestHost(() => start, folder);
    const found: Finding[] = [];
    const source = () => ({ file: 'jwks.json' });
    const own = { region, endpoint: sts.url, credentials: { ...session }, ...settings };
    for await (const finding of examineAws(aws.options.parse(values), host, source, own)) found.push(finding);
    await close();
    assert.ok(!JSON.stringify(found).includes('canary'));
    return found;
  }

  /** The one step that failed, the ones that need it being skipped. */
  async function failed(step: string, ...given: Parameters<typeof findings>) {
    const all = await findings(...given);
    const [finding, ...others] = all.filter(({ outcome }) => outcome === 'failed');
    assert.ok(finding?.outcome === 'failed' && others.length === 0, JSON.stringify(all));
    assert.equal(finding.step, step);
    return finding;
  }

  it('says of each step that it is well', async () => {
    assert.deepEqual(await findings(), [
      { step: 'region', outcome: 'ok', message: `${region}, whose STS is ${stsHost}` },
      { step: 'credentials', outcome: 'ok', message: 'found, of a session' },
      { step: 'identity', outcome: 'ok', message: `role worker of account ${account}` },
      { step: 'web identity', outcome: 'ok', message: `${issuerUrl} gives tokens for ${ourIssuer}` },
      { step: `keys of ${account}`, outcome: 'ok', message: '1 usable key from jwks.json' },
      { step: stsHost, outcome: 'ok', message: `answers at ${sts.url}` },
    ]);
  });

  it('the certificates of instance identity: none, others, and those that are not valid now', async () => {
    const signer = await makeSigner();
    const callerIdentity = { ...block().callerIdentity, instanceIdentity: { certificates: 'ec2.pem' } };
    const examine = async (text: string) => {
      await writeFile(join(folder, 'ec2.pem'), text);
      return failed('instance identity', block({ callerIdentity }));
    };
    assert.match((await examine('')).message, /ec2\.pem has no PEM certificates/);
    const expired = await makeSigner({ key: signer, to: start });
    const { message, fix } = await examine(signer.pem + expired.pem);
    assert.equal(message, 'ec2.pem has certificates that are not valid now');
    assert.match(fix, /RSA-2048 certificates of your regions/);
    await writeFile(join(folder, 'ec2.pem'), signer.pem);
    assert.deepEqual((await findings(block({ callerIdentity }))).at(-1), {
      step: 'instance identity',
      outcome: 'ok',
      message: "ec2.pem has 1 of AWS's certificates",
    });
  });

  it('a region that is none, or none of ours', async () => {
    for (const each of ['aws-global', '']) {
      const { fix } = await failed('region', block(), { region: async () => each });
      assert.match(fix, /^set AWS_REGION=eu-central-1: the global STS/);
    }
    const other = await failed('region', block(), { region: 'eu-west-1' });
    assert.match(other.fix, /^add eu-west-1 to callerIdentity\.regions/);
  });

  it('no credentials, or those of a user', async () => {
    const none = async () => {
      throw Object.assign(new Error('canary'), { name: 'CredentialsProviderError' });
    };
    const { message, fix } = await failed('credentials', block(), { credentials: none });
    assert.match(message, /no credentials \(CredentialsProviderError\)/);
    assert.match(fix, /an execution role \(Lambda\), a task role \(ECS\), an instance profile \(EC2\)/);
    const { sessionToken: _, ...user } = session;
    assert.match((await failed('credentials', block(), { credentials: user })).message, /only roles are workloads/);
  });

  it('credentials that STS refuses', async () => {
    const { message } = await failed('identity', block(), { credentials: { ...session, secretAccessKey: 'x' } });
    assert.match(message, /SignatureDoesNotMatch/);
  });

  it('an account that is not configured, and a user', async () => {
    const other = block({ accounts: { '444455556666': { issuer: issuerUrl } } });
    assert.match((await failed('identity', other)).fix, /add to accounts: "111122223333"/);
    const identity = { ...session.identity, Arn: `arn:aws:iam::${account}:user/alice` };
    sts.sessions.set(session.accessKeyId, { ...session, identity });
    assert.match((await failed('identity')).fix, /not as a user/);
  });

  it('outbound federation that is off', async () => {
    const code = 'OutboundWebIdentityFederationDisabledException';
    sts.webIdentity = () => ({ status: 403, code, message: 'canary' });
    assert.match((await failed('web identity')).fix, /aws iam enable-outbound-web-identity-federation$/);
  });

  it('a role that may not ask for a token', async () => {
    sts.webIdentity = () => ({ status: 403, code: 'AccessDenied', message: 'canary' });
    const { fix } = await failed('web identity');
    assert.match(fix, /allow the role sts:GetWebIdentityToken on "\*".*https:\/\/sts\.example\.com/);
    sts.webIdentity = () => ({ status: 400, code: 'ValidationError', message: 'canary' });
    assert.match((await failed('web identity')).message, /STS gives no token \(ValidationError\)/);
  });

  it('an issuer that is another one, and one that is missing', async () => {
    const real = 'https://b2aba616-d595-447d-bdfd-64b774ab199c.tokens.sts.global.api.aws';
    sts.webIdentity = () => tokenOf(real);
    assert.equal((await failed('web identity')).fix, `write under accounts."${account}": issuer: ${real}`);
    const withoutIssuer = await findings(block({ accounts: { [account]: {} } }));
    const skipped = withoutIssuer.find(({ step }) => step === 'web identity');
    assert.ok(skipped?.outcome === 'skipped');
    assert.match(
      skipped.message,
      /^not used, as account 111122223333 has no issuer\. To use it: write .*issuer: https/,
    );
    const two = { '444455556666': { issuer: issuerUrl }, [account]: {} };
    await failed('web identity', block({ accounts: two, callerIdentity: undefined }));
  });

  it('keys and endpoints that are out of reach', async () => {
    const gone = await startSts(() => 0, []);
    await gone.close();
    const away = block({ callerIdentity: { regions: [region], endpoints: { [stsHost]: gone.url } } });
    assert.match((await failed(stsHost, away)).fix, /outbound\.allow .* callerIdentity\.endpoints/);
    const proxy = await startSts(() => 0, []);
    proxy.instead = (_, response) => response.writeHead(302, { location: 'https://canary.example' }).end();
    const behind = block({ callerIdentity: { regions: [region], endpoints: { [stsHost]: proxy.url } } });
    assert.match((await failed(stsHost, behind)).message, /without signature with 302/);
    await proxy.close();
  });

  it('as a command, with credentials and endpoint as the SDK finds them', async () => {
    const file = join(folder, 'counterseal.yaml');
    await writeFile(
      file,
      attestorsOnly(`  aws-main:
    type: aws
    accounts: { "${account}": { issuer: "${issuerUrl}" } }
    webIdentity: { keys: { jwksFile: jwks.json } }
    callerIdentity: { regions: [${region}], endpoints: { ${stsHost}: "${sts.url}" } }`),
    );
    const variables = {
      AWS_REGION: region,
      AWS_ENDPOINT_URL_STS: sts.url,
      AWS_ACCESS_KEY_ID: session.accessKeyId,
      AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
      AWS_SESSION_TOKEN: session.sessionToken,
    };
    const before = { ...process.env };
    Object.assign(process.env, variables);
    try {
      const well = await finish('doctor', 'aws', '--config', file);
      assert.equal(well.code, 0, well.stdout);
      assert.match(well.stdout, /^aws-main \(aws\)\n {2}ok {7}region: eu-central-1/);
      sts.webIdentity = () => ({ status: 403, code: 'AccessDenied', message: 'canary' });
      const ill = await finish('doctor', 'aws', '--config', file);
      assert.equal(ill.code, 1);
      assert.match(ill.stdout, /FAILED {3}web identity: .*\n.*fix: allow the role sts:GetWebIdentityToken/);
      assert.ok(!/canary/.test(ill.stdout + ill.stderr));
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });
});
