/** Requests of GetCallerIdentity, signed as workloads do it: by the SDK's signer. */
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { AwsClient } from 'google-auth-library';
import { googleForm } from '../../../attestors/aws/caller-identity/google.js';
import type { Session } from './sts-server.js';

export const region = 'eu-central-1';
export const stsHost = `sts.${region}.amazonaws.com`;
export const callerType = 'urn:counterseal:params:token-type:aws-caller-identity';
export const bodyOfRequest = 'Action=GetCallerIdentity&Version=2011-06-15';

/** Of a role in this account, as EC2, Lambda and the others get them. */
export function sessionOf(account: string, role: string, name = 'i-0abc1234567890def', partition = 'aws'): Session {
  const id = `${account}${role}`.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
  return {
    accessKeyId: `ASIA${id}`.slice(0, 20).padEnd(20, 'X'),
    secretAccessKey: `secret-of-${account}-${role}`,
    sessionToken: `IQoJb3JpZ2luX2VjEA//${'token'.repeat(200)}==`,
    expiresAt: Number.POSITIVE_INFINITY,
    identity: {
      Account: account,
      Arn: `arn:${partition}:sts::${account}:assumed-role/${role}/${name}`,
      UserId: `AROA${id.padEnd(17, 'X')}:${name}`,
    },
  };
}

export interface Signing {
  readonly session: Session;
  /** Seconds since the epoch. */
  readonly now: number;
  /** Null: no such header. */
  readonly audience?: string | null;
  readonly nonce?: string;
  readonly host?: string;
  readonly region?: string;
  readonly service?: string;
  readonly method?: string;
  readonly path?: string;
  readonly query?: Record<string, string | string[]>;
  readonly body?: string;
  /** Beside those that every request has. Signed. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Those that are not signed. */
  readonly unsigned?: readonly string[];
}

export interface SignedEvidence {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export async function signRequest(signing: Signing): Promise<SignedEvidence> {
  const {
    session,
    now,
    audience = 'https://sts.example.com',
    host = stsHost,
    method = 'POST',
    path = '/',
    query = {},
  } = signing;
  const { sessionToken } = session;
  const signer = new SignatureV4({
    credentials: {
      accessKeyId: session.accessKeyId,
      secretAccessKey: session.secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
    region: signing.region ?? region,
    service: signing.service ?? 'sts',
    sha256: Sha256,
    applyChecksum: false,
  });
  const headers = {
    host,
    'content-type': 'application/x-www-form-urlencoded',
    ...(audience === null ? {} : { 'x-counterseal-audience': audience }),
    ...(signing.nonce === undefined ? {} : { 'x-counterseal-nonce': signing.nonce }),
    ...signing.headers,
  };
  const body = signing.body ?? bodyOfRequest;
  const request = { method, protocol: 'https:', hostname: host, path, query, headers, body };
  const signed = await signer.sign(request, {
    signingDate: new Date(now * 1000),
    unsignableHeaders: new Set(signing.unsigned),
  });
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) for (const each of [value].flat()) search.append(key, each);
  return {
    url: `https://${host}${path}${search.size === 0 ? '' : `?${search}`}`,
    method,
    headers: signed.headers,
    body,
  };
}

export const encode = (evidence: unknown): string => Buffer.from(JSON.stringify(evidence)).toString('base64url');

/** By google-auth-library, which signs with the machine's clock. */
export function googleToken(
  { accessKeyId, secretAccessKey, sessionToken }: Session,
  audience: string,
): Promise<string> {
  const client = new AwsClient({
    audience,
    subject_token_type: googleForm.tokenType,
    token_url: 'https://sts.example.com/token',
    aws_security_credentials_supplier: {
      getAwsRegion: async () => region,
      getAwsSecurityCredentials: async () => ({
        accessKeyId,
        secretAccessKey,
        ...(sessionToken === undefined ? {} : { token: sessionToken }),
      }),
    },
  });
  return client.retrieveSubjectToken();
}
