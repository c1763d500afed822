/**
 * The evidence `aws4_request`, as google-auth-library's AwsClient makes it: URL-encoded JSON {url, method, headers: [{key, value}]}. The audience is
 * added after signing, so it binds nothing: accepted only where the configuration says so.
 */
import type { EvidenceForm, EvidenceReaders } from '../../attestor.js';
import { readStsHost, type StsHost } from '../regions.js';
import {
  checkFixed,
  fault,
  question,
  readHeaders,
  readSignature,
  required,
  type SignedRequest,
} from './signed-request.js';

const audienceHeader = 'x-goog-cloud-target-resource';
const signedHeaders = ['host', 'x-amz-date', 'x-amz-security-token'];
const allowed = [...signedHeaders, 'authorization', audienceHeader];
const members = 'headers,method,url';

const tokenType = 'urn:ietf:params:aws:token-type:aws4_request';

export const googleForm = Object.freeze<EvidenceForm>({
  tokenType,
  challenge: false,
  parse(token, read) {
    const evidence = readMembers(token, read);
    if (evidence.method !== 'POST') throw fault('aws_method', 'its method has to be POST');
    const sts = readUrl(evidence.url);
    const headers = readHeaders(readPairs(evidence.headers), allowed);
    checkFixed(headers, 'host', sts.host);
    const signed = signedHeaders.flatMap((name) => {
      // Credentials of a user have no session token; the others are always there.
      const value = name === 'x-amz-security-token' ? headers.get(name) : required(headers, name);
      return value === undefined ? [] : [[name, value] as const];
    });
    const { signedAt, evidenceId } = readSignature(
      headers,
      signed.map(([name]) => name),
      sts,
    );
    const audience = required(headers, audienceHeader);
    const route = Object.freeze({ tokenType, issuer: `https://${sts.host}`, audience });
    const content = Object.freeze<SignedRequest>({
      sts,
      route,
      query: `?${question}`,
      body: '',
      headers: Object.freeze({
        ...Object.fromEntries(signed),
        accept: 'application/json',
        authorization: required(headers, 'authorization'),
      }),
      signedAt,
      evidenceId,
      nonce: undefined,
      isBound: false,
      instanceIdentity: undefined,
    });
    return { ...route, content };
  },
});

function readMembers(token: string, read: EvidenceReaders): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = decodeURIComponent(token);
  } catch {
    throw fault('aws_members', 'it is not URL-encoded');
  }
  const evidence = read.object(Buffer.from(text));
  if (Object.keys(evidence).sort().join() !== members) {
    throw fault('aws_members', `it has to have the members ${members} and no other`);
  }
  return evidence;
}

function readUrl(url: unknown): StsHost {
  const host = typeof url === 'string' ? /^https:\/\/([a-z0-9.-]{1,64})\/?\?/.exec(url)?.[1] : undefined;
  const sts = host === undefined ? undefined : readStsHost(host);
  if (sts === undefined || (url !== `https://${host}?${question}` && url !== `https://${host}/?${question}`)) {
    throw fault('aws_url', `its URL has to be https://sts.REGION.amazonaws.com?${question}`);
  }
  return sts;
}

function readPairs(headers: unknown): readonly (readonly [string, unknown])[] {
  const pairs: readonly unknown[] = Array.isArray(headers) ? headers : [undefined];
  return pairs.map((pair) => {
    const { key, value, ...others } = (pair ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof key !== 'string' || Object.keys(others).length > 0) {
      throw fault('aws_members', 'headers have to be a list of {key, value}');
    }
    return [key, value] as const;
  });
}
