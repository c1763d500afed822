/** `counterseal doctor aws`: run where the workload runs, with its credentials, which the SDK finds as it always does. */
import type { STSClient, STSClientConfig } from '@aws-sdk/client-sts';
import { Rejected } from '../../src/errors.js';
import type { AttestorHost, Finding, KeySource } from '../attestor.js';
import { isOfNow } from '../cms/certificate.js';
import { attempt, Fault, skipped, tryKeys } from '../step.js';
import { quote, readRoleSession } from './arn.js';
import { question } from './caller-identity/signed-request.js';
import { loadSigners } from './instance-identity/verify.js';
import { type AwsOptions, audienceOf, issuersOf } from './options.js';
import { regionForm, stsHostOf } from './regions.js';

/** Everything that AWS is asked, and by whom. */
interface Examination {
  readonly block: AwsOptions;
  readonly host: AttestorHost;
  readonly client: STSClient;
}

/** @param settings of the SDK's client, beside what it finds by itself */
export async function* examineAws(
  block: AwsOptions,
  host: AttestorHost,
  sourceOf: (issuer: string) => KeySource,
  settings: STSClientConfig = {},
): AsyncGenerator<Finding> {
  const { STSClient: Client } = await import('@aws-sdk/client-sts');
  const client = new Client({ maxAttempts: 1, ...settings });
  try {
    yield* examineWorkload({ block, host, client });
  } finally {
    client.destroy();
  }
  for (const [account, issuer] of issuersOf(block)) {
    const fix = `let ${issuer} and its jwks_uri answer this machine, or, where they cannot, name the keys in webIdentity.keys`;
    yield await attempt(
      `keys of ${account}`,
      () => tryKeys(sourceOf(issuer), host, fix),
      () => fix,
    );
  }
  for (const region of block.callerIdentity?.regions ?? []) yield await tryEndpoint(region, block, host);
  const file = block.callerIdentity?.instanceIdentity?.certificates;
  if (file !== undefined) yield await attempt('instance identity', () => trySigners(file, host), noFix);
}

async function trySigners(file: string, host: AttestorHost): Promise<string> {
  const fix =
    'write the RSA-2048 certificates of your regions into it, from “AWS public certificates” in the EC2 User Guide';
  const signers = await loadSigners(host.path(file)).catch((error: Error) => {
    throw new Fault(error.message, fix);
  });
  const current = signers.filter((each) => isOfNow(each, host.now()));
  if (current.length < signers.length) throw new Fault(`${file} has certificates that are not valid now`, fix);
  return `${file} has ${signers.length} of AWS's certificates`;
}

/** What depends on a step that failed is skipped. */
async function* examineWorkload(examination: Examination): AsyncGenerator<Finding> {
  const regional = await attempt('region', () => tryRegion(examination), noFix);
  yield regional;
  const found = await attempt('credentials', (signal) => tryCredentials(examination, signal), noFix);
  yield found;
  if (regional.outcome !== 'ok' || found.outcome !== 'ok') {
    yield skipped('identity', 'it needs a region and credentials');
    yield skipped('web identity', 'it needs a region and credentials');
    return;
  }
  let account: string | undefined;
  const tryWhoIAm = async (signal: AbortSignal) => {
    const who = await tryIdentity(examination, signal);
    account = who.account;
    return `role ${who.name} of account ${who.account}`;
  };
  const identity = await attempt('identity', tryWhoIAm, noFix);
  yield identity;
  yield account === undefined
    ? skipped('web identity', 'it needs to be known who asks')
    : await tryWebIdentity(examination, account);
}

/** The steps that ask the SDK say themselves what to do. */
const noFix = () => 'try again';

async function tryRegion({ block, client }: Examination): Promise<string> {
  const regions = block.callerIdentity?.regions;
  const example = regions?.[0] ?? 'eu-central-1';
  const region = await client.config.region().catch(() => '');
  if (!regionForm.test(region)) {
    const message = region === '' ? 'no region is set' : `${quote(region)} is no region with an STS of its own`;
    throw new Fault(message, `set AWS_REGION=${example}: the global STS is not accepted, and gives no web identity`);
  }
  const { host } = stsHostOf(region);
  if (regions === undefined || regions.includes(region)) return `${region}, whose STS is ${host}`;
  throw new Fault(
    `${region} is none of callerIdentity.regions`,
    `add ${region} to callerIdentity.regions, or set AWS_REGION=${example} for the workload`,
  );
}

async function tryCredentials({ client }: Examination, signal: AbortSignal): Promise<string> {
  const fix =
    'run this where the workload runs, and give that a role: an execution role (Lambda), a task role (ECS), an instance profile (EC2), Pod Identity or IRSA (EKS)';
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const credentials = await Promise.race([client.config.credentials(), late]).catch((error: unknown) => {
    throw new Fault(`the SDK found no credentials (${nameOf(error)})`, fix);
  });
  if (credentials.sessionToken === undefined) {
    throw new Fault('the credentials are those of a user: only roles are workloads', fix);
  }
  return 'found, of a session';
}

async function tryIdentity({ block, client }: Examination, signal: AbortSignal) {
  const { GetCallerIdentityCommand } = await import('@aws-sdk/client-sts');
  const sent = client.send(new GetCallerIdentityCommand({}), { abortSignal: signal });
  const { Arn = '' } = await sent.catch((error: unknown) => {
    const fix =
      'mend the credentials, or let the STS of the region answer this machine (an interface endpoint, where there is no way out)';
    throw new Fault(`STS does not say who this is (${nameOf(error)})`, fix);
  });
  const role = roleOf(Arn);
  if (Object.hasOwn(block.accounts, role.account)) return role;
  throw new Fault(`${role.account} is none of accounts`, `add to accounts: "${role.account}": { environment: NAME }`);
}

function roleOf(arn: string) {
  try {
    return readRoleSession(arn);
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    throw new Fault(error.detail, 'run this with the workload’s role, not as a user');
  }
}

/** Where the account has no issuer, and signed requests will do, web identity is not missed. */
async function tryWebIdentity(examination: Examination, account: string): Promise<Finding> {
  const { block } = examination;
  const finding = await attempt('web identity', (signal) => tryToken(examination, account, signal), noFix);
  const isMissed = block.accounts[account]?.issuer !== undefined || block.callerIdentity === undefined;
  if (finding.outcome !== 'failed' || isMissed) return finding;
  return skipped('web identity', `not used, as account ${account} has no issuer. To use it: ${finding.fix}`);
}

async function tryToken({ block, host, client }: Examination, account: string, signal: AbortSignal): Promise<string> {
  const { GetWebIdentityTokenCommand } = await import('@aws-sdk/client-sts');
  const audience = audienceOf(block, host.issuer);
  const command = new GetWebIdentityTokenCommand({
    Audience: [audience],
    SigningAlgorithm: 'ES384',
    DurationSeconds: 60,
  });
  const { WebIdentityToken = '' } = await client.send(command, { abortSignal: signal }).catch((error: unknown) => {
    throw webIdentityFault(error, audience);
  });
  const found = issuerOf(WebIdentityToken);
  const configured = block.accounts[account]?.issuer;
  if (found === configured) return `${found} gives tokens for ${audience}`;
  throw new Fault(
    `the tokens have the issuer ${quote(found)}; accounts has ${configured ?? 'none'} for ${account}`,
    `write under accounts."${account}": issuer: ${found}`,
  );
}

function webIdentityFault(error: unknown, audience: string): Fault {
  const name = nameOf(error);
  if (name.startsWith('OutboundWebIdentityFederationDisabled')) {
    return new Fault(
      'outbound web identity federation is off in the account',
      'run, as an administrator of the account: aws iam enable-outbound-web-identity-federation',
    );
  }
  if (/^AccessDenied/.test(name)) {
    return new Fault(
      'the role may not ask for a token',
      `allow the role sts:GetWebIdentityToken on "*", with sts:IdentityTokenAudience ${audience} if it has conditions`,
    );
  }
  return new Fault(`STS gives no token (${name})`, 'see this error under GetWebIdentityToken in the STS API reference');
}

/** Of a token that AWS has just given: nothing is decided by it. */
function issuerOf(token: string): string | undefined {
  try {
    const { iss } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      iss: unknown;
    };
    return typeof iss === 'string' && URL.canParse(iss) ? new URL(iss).origin : undefined;
  } catch {
    return undefined;
  }
}

/** From the service's side, which asks without credentials, and so has to be refused. */
async function tryEndpoint(region: string, block: AwsOptions, host: AttestorHost): Promise<Finding> {
  const name = stsHostOf(region).host;
  const url = block.callerIdentity?.endpoints[name] ?? `https://${name}`;
  const fix = `let ${url} answer this machine: outbound.allow admits private networks; callerIdentity.endpoints names another address, such as an interface endpoint`;
  const headers = { host: name, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
  return attempt(
    name,
    async (signal) => {
      const { status } = await host.send(`${url}/`, { method: 'POST', headers, body: question, signal });
      if (status !== 400 && status !== 403)
        throw new Fault(`it answers a request without signature with ${status}`, fix);
      return `answers at ${url}`;
    },
    () => fix,
  );
}

/** Of an error of the SDK; its message may quote what was sent. */
function nameOf(error: unknown): string {
  const name = error instanceof Error ? error.name : '';
  return /^[A-Za-z]{1,64}$/.test(name) ? name : 'no name';
}
