/** An AWS role, wherever the SDK finds its credentials: Lambda, ECS, EC2, EKS. */

import type { STSClient } from '@aws-sdk/client-sts';
import { stsHostOf } from '../../../attestors/aws/regions.js';
import { jwtType } from '../../../attestors/token-types.js';
import { type HttpRequest, request } from '../http.js';
import type { EvidenceNeeds, Platform, ShownEvidence, Surroundings } from '../platform.js';

const callerIdentityType = 'urn:counterseal:params:token-type:aws-caller-identity';

/** Seconds: as long as the IAM policy of the documentation allows. */
const lifetime = 300;

/** Each of them tells the SDK where credentials are, before it looks for those of an instance. */
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
    return isConfigured(around) || (await metadataToken(around)) !== undefined;
  },
  async *show(needs, around) {
    const { GetWebIdentityTokenCommand, STSClient } = await import('@aws-sdk/client-sts');
    const client = new STSClient({});
    try {
      await client.config.region().catch(() => {
        throw new Error('no region is known: set AWS_REGION to the one that this runs in');
      });
      const asked = { Audience: [needs.audience], SigningAlgorithm: 'ES384', DurationSeconds: lifetime };
      // Refused where the account has not switched it on, or the role may not: then the other evidence is tried.
      yield await client.send(new GetWebIdentityTokenCommand(asked)).then(
        ({ WebIdentityToken: token = '' }) => ({ tokenType: jwtType, token }),
        ({ name }: Error) => ({ withheld: `web identity: STS gave no token (${name}): see counterseal doctor aws` }),
      );
      // Only some services take it, and only with the credentials of the instance.
      const instanceIdentity = isConfigured(around) ? undefined : await askInstanceIdentity(around);
      if (instanceIdentity !== undefined) yield signCallerIdentity(client, needs, { instanceIdentity });
      yield signCallerIdentity(client, needs, {});
    } finally {
      client.destroy();
    }
  },
});

const isConfigured = ({ env }: Surroundings) => signs.some((name) => env[name]);

/** Of EC2's metadata service, which tells nothing without one. @returns undefined where there is no such service */
function metadataToken(around: Surroundings): Promise<string | undefined> {
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
  return askMetadata('/latest/api/token', { method: 'PUT', headers }, around);
}

/** The instance identity document, signed. @returns undefined off EC2 */
async function askInstanceIdentity(around: Surroundings): Promise<string | undefined> {
  const token = await metadataToken(around);
  if (token === undefined) return undefined;
  const headers = { 'X-aws-ec2-metadata-token': token };
  return askMetadata('/latest/dynamic/instance-identity/rsa2048', { headers }, around);
}

/** Where, and whether, the SDK asks it too. */
async function askMetadata(path: string, options: HttpRequest, { env, metadata }: Surroundings) {
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') return undefined;
  const url = new URL(path, env.AWS_EC2_METADATA_SERVICE_ENDPOINT || metadata);
  return request(url, { ...options, within: 1_000 }).then(
    ({ status, text }) => (status === 200 ? text : undefined),
    () => undefined,
  );
}

/**
 * A request to STS that is signed and not sent: whoever holds it may ask STS who signed it.
 * @param beside members of the evidence beside the request
 */
async function signCallerIdentity(
  client: STSClient,
  { audience, nonce: nonceFor }: EvidenceNeeds,
  beside: { readonly instanceIdentity?: string },
): Promise<ShownEvidence> {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const { credentials, sha256 } = client.config;
  const region = await client.config.region();
  const { host: hostname } = stsHostOf(region);
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
  const evidence = { url: `https://${hostname}/`, method: 'POST', headers: signed.headers, body, ...beside };
  return { tokenType: callerIdentityType, token: Buffer.from(JSON.stringify(evidence)).toString('base64url') };
}
