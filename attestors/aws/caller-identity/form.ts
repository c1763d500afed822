/** The evidence `aws-caller-identity`: base64url of JSON {url, method, headers, body}, and on EC2, where it is wanted, {instanceIdentity}. */
import { createHash } from 'node:crypto';
import type { EvidenceForm, EvidenceReaders, UnverifiedEvidence } from '../../attestor.js';
import { type InstanceIdentity, readInstanceIdentity } from '../instance-identity/evidence.js';
import { readStsHost, type StsHost } from '../regions.js';
import {
  checkFixed,
  fault,
  type Headers,
  question,
  readHeaders,
  readSignature,
  required,
  type SignedRequest,
} from './signed-request.js';

/** Bytes of the JSON. Session tokens take one or two thousand, and have no bound that AWS promises; an instance identity takes as much. */
const longest = 12 * 1024;

const audienceHeader = 'x-counterseal-audience';
const nonceHeader = 'x-counterseal-nonce';
const allowed = [
  'accept',
  'authorization',
  'content-length',
  'content-type',
  'host',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
  audienceHeader,
  nonceHeader,
];

const members = 'body,headers,method,url';
const optionalMember = 'instanceIdentity';

/** Both orders say the same, and are one string each. */
const bodies: readonly unknown[] = [question, question.split('&').reverse().join('&')];
const contentTypes = ['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded; charset=utf-8'] as const;

const tokenType = 'urn:counterseal:params:token-type:aws-caller-identity';

export const callerIdentityForm = Object.freeze<EvidenceForm>({
  tokenType,
  challenge: true,
  parse(token, read) {
    const { url, method, headers, body, instanceIdentity } = readMembers(token, read);
    if (method !== 'POST') throw fault('aws_method', 'its method has to be POST');
    const sts = readUrl(url);
    if (typeof body !== 'string' || !bodies.includes(body)) {
      throw fault('aws_body', `its body has to be ${question}, byte for byte`);
    }
    const supporting = instanceIdentity === undefined ? undefined : readInstanceIdentity(instanceIdentity, read);
    return evidenceOf(sts, readHeaders(Object.entries(headers), allowed), body, supporting);
  },
});

function readMembers(token: string, read: EvidenceReaders) {
  const bytes = read.base64url(token);
  if (bytes.length > longest) throw fault('aws_too_large', `it is over ${longest} bytes`);
  const evidence = read.object(bytes);
  const { url, method, headers, body, instanceIdentity } = evidence;
  const names = Object.keys(evidence).filter((name) => name !== optionalMember);
  if (names.sort().join() !== members || !isObject(headers)) {
    throw fault(
      'aws_members',
      `it has to have the members ${members}, may have ${optionalMember}, and no other, headers being an object`,
    );
  }
  return { url, method, headers, body, instanceIdentity };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Byte for byte, because two parsers of URLs may not agree on what a host is. */
function readUrl(url: unknown): StsHost {
  const sts = typeof url === 'string' ? readStsHost(url.slice('https://'.length, -1)) : undefined;
  if (sts === undefined || url !== `https://${sts.host}/`) {
    throw fault(
      'aws_url',
      'its URL has to be https://sts.REGION.amazonaws.com/ (in China https://sts.REGION.amazonaws.com.cn/)',
    );
  }
  return sts;
}

function evidenceOf(
  sts: StsHost,
  headers: Headers,
  body: string,
  instanceIdentity: InstanceIdentity | undefined,
): UnverifiedEvidence {
  checkFixed(headers, 'accept', 'application/json');
  checkFixed(headers, 'content-length', String(Buffer.byteLength(body)));
  checkFixed(headers, 'content-type', ...contentTypes);
  checkFixed(headers, 'x-amz-content-sha256', createHash('sha256').update(body).digest('hex'));
  required(headers, 'host');
  checkFixed(headers, 'host', sts.host);
  const audience = required(headers, audienceHeader);
  const route = Object.freeze({ tokenType, issuer: `https://${sts.host}`, audience });
  const { authorization: _, 'content-length': __, ...signed } = Object.fromEntries(headers);
  const names = [...headers.keys()].filter((name) => name !== 'authorization');
  const { signedAt, evidenceId } = readSignature(headers, names, sts);
  const content = Object.freeze<SignedRequest>({
    sts,
    route,
    query: '',
    body,
    headers: Object.freeze({
      'content-type': contentTypes[0],
      ...signed,
      accept: 'application/json',
      authorization: required(headers, 'authorization'),
    }),
    signedAt,
    evidenceId,
    nonce: headers.get(nonceHeader),
    isBound: true,
    instanceIdentity,
  });
  return { ...route, content };
}
