/** A service over a local STS that verifies signatures and an account's issuer, and the environment of a workload there. */
import { type ClusterIssuer, createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import { account, webIdentityClaims } from '../attestors/aws/fixture.js';
import { region, sessionOf, stsHost } from '../attestors/aws/signing.js';
import { type Sts, startSts } from '../attestors/aws/sts-server.js';
import { startService, type TestService } from '../support/service.js';
import { freePort, startUpstream, type Upstream } from '../support/upstream.js';

export interface AwsStandIn {
  readonly sts: Sts;
  readonly service: TestService;
  /** An API on loopback, which tells what Authorization it got. */
  readonly resource: string;
  /** As Lambda and ECS set it. */
  readonly env: Readonly<Record<string, string>>;
  /** Switches outbound federation of the account on. */
  federate(): void;
  close(): Promise<void>;
}

export interface AwsChanges {
  /** Members of `callerIdentity`, as YAML, each with a comma before it. */
  readonly callerIdentity?: string;
  /** A further one that the rule wants. */
  readonly selector?: string;
}

export async function startAws({ callerIdentity = '', selector }: AwsChanges = {}): Promise<AwsStandIn> {
  const session = sessionOf(account, 'worker');
  const sts = await startSts(() => Date.now() / 1000, [session]);
  let signer: ClusterIssuer;
  const upstream: Upstream = await startUpstream(({ url, headers }, response) => {
    response.setHeader('connection', 'close');
    if (url === '/jwks') response.end(JSON.stringify(signer.jwks()));
    else response.end(JSON.stringify({ authorization: headers.authorization }));
  });
  const origin = `http://127.0.0.1:${upstream.port}`;
  const resource = `${origin}/mcp`;
  const issuerOfAccount = 'https://of-the-account.tokens.sts.global.api.aws';
  signer = await createClusterIssuer({ issuer: issuerOfAccount, algorithm: 'ES384' });
  const selectors = [`aws:account:${account}`, 'aws:role:worker', ...(selector === undefined ? [] : [selector])];
  const port = await freePort();
  const service = await startService({
    issuer: `http://127.0.0.1:${port}`,
    port: String(port),
    attestors: `
  aws-main:
    type: aws
    accounts: { "${account}": { environment: production, issuer: "${issuerOfAccount}" } }
    webIdentity: { keys: { jwksUri: "${origin}/jwks" } }
    callerIdentity: { regions: [${region}], endpoints: { ${stsHost}: "${sts.url}" }, nonce: required${callerIdentity} }`,
    resources: ` { "${resource}": { scope: [read:calendar] } }`,
    rules: `
  worker:
    workload: { attestor: aws-main, selectors: ${JSON.stringify(selectors)} }
    grant: { resource: "${resource}", scope: [read:calendar] }`,
  });
  const arn = `arn:aws:iam::${account}:role/worker`;
  return {
    sts,
    service,
    resource,
    env: {
      AWS_REGION: region,
      AWS_ENDPOINT_URL_STS: sts.url,
      AWS_ACCESS_KEY_ID: session.accessKeyId,
      AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
      AWS_SESSION_TOKEN: session.sessionToken ?? '',
    },
    federate() {
      sts.webIdentity = (aud) =>
        signer.sign({ ...webIdentityClaims(issuerOfAccount, Math.floor(Date.now() / 1000)), aud, sub: arn });
    },
    async close() {
      await service.close();
      await upstream.close();
      await sts.close();
    },
  };
}
