/** An AWS role, wherever the SDK finds its credentials: Lambda, ECS, EC2, EKS. */
import type { STSClient } from '@aws-sdk/client-sts';
import { request } from '../http.js';
import { jwtType, type Platform, type Surroundings } from '../platform.js';

const callerIdentityType = 'urn:counterseal:params:token-type:aws-caller-identity';

/** Seconds: as long as the IAM policy of the documentation allows. */
const lifetime = 300;

/** Each of them tells the SDK where credentials are. */
const signs = [
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_ACCESS_KEY_ID',
  'AWS_PROFILE',
];

export const aws = Object.freeze<Platform>({
  name: 'aws',
  async isHere(around) {
    return signs.some((name) => around.env[name]) || isEc2(around);
  },
  async *show({ audience, nonce }) {
    const { GetWebIdentityTokenCommand, STSClient } = await import('@aws-sdk/client-sts');
    const client = new STSClient({});
    try {
      await client.config.region().catch(() => {
        throw new Error('no region is known: set AWS_REGION to the one that this runs in');
      });
      const asked = { Audience: [audience], SigningAlgorithm: 'ES384', DurationSeconds: lifetime };
      // Refused where the account has not switched it on, or the role may not: then the other evidence is tried.
      yield await client.send(new GetWebIdentityTokenCommand(asked)).then(
        ({ WebIdentityToken: token = '' }) => ({ tokenType: jwtType, token }),
        ({ name }: Error) => ({ withheld: `web identity: STS gave no token (${name}): see counterseal doctor aws` }),
      );
      yield { tokenType: callerIdentityType, token: await signCallerIdentity(client, audience, nonce) };
    } finally {
      client.destroy();
    }
  },
});

/** By its metadata service, which wants a token of its own first. */
async function isEc2({ env, metadata }: Surroundings): Promise<boolean> {
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') return false;
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
  return request(new URL('/latest/api/token', metadata), { method: 'PUT', headers, within: 1_000 }).then(
    ({ status }) => status === 200,
    () => false,
  );
}

/** A request to STS that is signed and not sent: whoever holds it may ask STS who signed it. */
async function signCallerIdentity(
  client: STSClient,
  audience: string,
  nonceFor: (tokenType: string) => Promise<string | null>,
): Promise<string> {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const { credentials, sha256 } = client.config;
  const region = await client.config.region();
  const hostname = `sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  const nonce = await nonceFor(callerIdentityType);
  const body = 'Action=GetCallerIdentity&Version=2011-06-15';
  const headers = {
    host: hostname,
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    'x-counterseal-audience': audience,
    ...(nonce === null ? {} : { 'x-counterseal-nonce': nonce }),
  };
  const signer = new SignatureV4({ credentials, region, sha256, service: 'sts', applyChecksum: false });
  const signed = await signer.sign({ method: 'POST', protocol: 'https:', hostname, path: '/', headers, body });
  const evidence = { url: `https://${hostname}/`, method: 'POST', headers: signed.headers, body };
  return Buffer.from(JSON.stringify(evidence)).toString('base64url');
}
