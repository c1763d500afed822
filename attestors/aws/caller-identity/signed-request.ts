/**
 * A signed request of sts:GetCallerIdentity, taken apart. Nothing of what came is sent on: what is sent is built from the
 * parts, and each part is one of few. The signature itself is STS's to verify.
 */
import { createHash } from 'node:crypto';
import { Rejected } from '../../../src/errors.js';
import type { Route } from '../../attestor.js';
import type { InstanceIdentity } from '../instance-identity/evidence.js';
import type { StsHost } from '../regions.js';

/** What STS is asked. Compared byte for byte: another spelling could be read as another action. */
export const question = 'Action=GetCallerIdentity&Version=2011-06-15';

export interface SignedRequest {
  readonly sts: StsHost;
  readonly route: Route;
  /** With the `?`, or empty. */
  readonly query: string;
  readonly body: string;
  /** Lower-case names; those that are sent, `host` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** `X-Amz-Date`, in seconds since the epoch. */
  readonly signedAt: number;
  /** A hash of the signature, and so of all that is signed. */
  readonly evidenceId: string;
  /** Found in a header that is signed. */
  readonly nonce: string | undefined;
  /** False: the audience is not signed, so whoever saw the request may have put ours there. */
  readonly isBound: boolean;
  /** Beside the request, and not signed with it. */
  readonly instanceIdentity: InstanceIdentity | undefined;
}

/** By lower-case name. */
export type Headers = ReadonlyMap<string, string>;

/** Bytes of a value: session tokens of AWS are below it. */
const longestValue = 4096;
const valueForm = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;

/**
 * Names are compared without case. SigV4 collapses white space, so a value with more than single spaces would be signed as another one.
 * @throws Rejected `aws_header`
 */
export function readHeaders(
  pairs: readonly (readonly [name: string, value: unknown])[],
  allowed: readonly string[],
): Headers {
  const headers = new Map<string, string>();
  for (const [written, value] of pairs) {
    const name = written.toLowerCase();
    if (!allowed.includes(name)) throw fault('aws_header', `it has a header that is none of ${allowed.join(', ')}`);
    if (headers.has(name)) throw fault('aws_header', `the header ${name} is there twice`);
    if (typeof value !== 'string' || value.length > longestValue || !valueForm.test(value)) {
      throw fault(
        'aws_header',
        `the value of ${name} is not printable ASCII with single spaces, at most ${longestValue} bytes`,
      );
    }
    headers.set(name, value);
  }
  return headers;
}

/** @throws Rejected `aws_header` */
export function required(headers: Headers, name: string): string {
  const value = headers.get(name);
  if (value === undefined) throw fault('aws_header', `the header ${name} is missing`);
  return value;
}

/** @throws Rejected `aws_header` for a header that is there with a value of its own */
export function checkFixed(headers: Headers, name: string, ...values: readonly string[]): void {
  const value = headers.get(name);
  if (value === undefined || values.includes(value)) return;
  throw fault('aws_header', `the header ${name} is not what the rest of the request makes it`);
}

export interface Signature {
  readonly signedAt: number;
  readonly evidenceId: string;
}

const authorizationForm =
  /^AWS4-HMAC-SHA256 Credential=([A-Z0-9]{16,128}\/([0-9]{8})\/([a-z0-9-]{1,32})\/sts\/aws4_request), SignedHeaders=([a-z0-9;-]{1,512}), Signature=([0-9a-f]{64})$/;

/**
 * AWS Signature Version 4, in the form in which every SDK writes it.
 * @param signed names of the headers that have to be signed, no more and no fewer
 * @throws Rejected `aws_authorization`
 */
export function readSignature(headers: Headers, signed: readonly string[], { region }: StsHost): Signature {
  const match = authorizationForm.exec(required(headers, 'authorization'));
  if (match === null)
    throw fault('aws_authorization', 'Authorization is not of the form that SigV4 has for the service sts');
  const [, credential, date, ofRegion, signedHeaders, signature] = match;
  if (ofRegion !== region) throw fault('aws_authorization', 'the signature is for another region than that of the URL');
  const expected = [...signed].sort().join(';');
  if (signedHeaders !== expected)
    throw fault('aws_authorization', `the signed headers have to be ${expected}, in this order`);
  const written = required(headers, 'x-amz-date');
  const signedAt = readDate(written);
  if (signedAt === undefined || date !== written.slice(0, 8)) {
    throw fault('aws_authorization', 'X-Amz-Date is no time of the form YYYYMMDDThhmmssZ on the day of the signature');
  }
  const hash = createHash('sha256').update(`${credential}\n${signature}`).digest('base64url');
  return { signedAt, evidenceId: `sha256:${hash}` };
}

function readDate(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, ...rest] = match.slice(1).map(Number);
  const milliseconds = Date.UTC(year, month - 1, ...rest);
  // A day or an hour that there is not would be read as a later one.
  return new Date(milliseconds).toISOString().replaceAll(/[-:]|\.000/g, '') === text ? milliseconds / 1000 : undefined;
}

export const fault = (reason: string, what: string) =>
  new Rejected(reason, `The signed request is not accepted: ${what}.`);
