/**
 * A local STS that verifies Signature Version 4 by itself: it computes the canonical request and the signature anew from the secret, and answers as
 * STS does, in JSON or XML, errors included. Written from "Signature Version 4" in the IAM User Guide, without an SDK.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { startUpstream } from '../../support/upstream.js';

export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** None: a user's credentials. */
  readonly sessionToken?: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  readonly identity: { readonly Account: string; readonly Arn: string; readonly UserId: string };
}

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type WebIdentity = (audience: string, session: Session) => string | StsError;

export interface Sts {
  readonly url: string;
  /** By access key id. */
  readonly sessions: Map<string, Session>;
  /** All that came, verified or not. */
  readonly received: Received[];
  /** Answers instead, until it is undefined again. */
  instead: ((request: Received, response: ServerResponse) => void) | undefined;
  /** What GetWebIdentityToken gives; default: the account has not turned it on. */
  webIdentity: WebIdentity;
  close(): Promise<void>;
}

export interface StsError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const fail = (status: number, code: string, message: string): StsError => ({ status, code, message });
const isError = (value: unknown): value is StsError => typeof value === 'object' && value !== null && 'code' in value;

/** @param now seconds since the epoch */
export async function startSts(now: () => number, sessions: readonly Session[]): Promise<Sts> {
  const upstream = await startUpstream((request, response) => {
    response.setHeader('connection', 'close');
    read(request).then(
      (received) => {
        sts.received.push(received);
        if (sts.instead === undefined) answer(received, response, sts, now());
        else sts.instead(received, response);
      },
      () => response.destroy(),
    );
  });
  const sts: Sts = {
    url: `http://127.0.0.1:${upstream.port}`,
    sessions: new Map(sessions.map((session) => [session.accessKeyId, session])),
    received: [],
    instead: undefined,
    webIdentity: () =>
      fail(403, 'OutboundWebIdentityFederationDisabledException', 'Outbound federation is not enabled.'),
    close: upstream.close,
  };
  return sts;
}

async function read(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function answer(request: Received, response: ServerResponse, sts: Sts, now: number): void {
  const inJson = request.headers.accept === 'application/json';
  const session = authenticate(request, sts.sessions, now);
  const result = isError(session) ? session : act(request, session, sts);
  const status = isError(result) ? result.status : 200;
  const action = isError(result) ? '' : result.action;
  const members = isError(result)
    ? { Error: { Type: 'Sender', Code: result.code, Message: result.message } }
    : { [`${action}Result`]: result.members, ResponseMetadata: { RequestId: 'c6104cbe-af31-11e0-8154-cbc7ccf896c7' } };
  const name = isError(result) ? 'ErrorResponse' : `${action}Response`;
  // As STS has it, errors have no name around them in JSON.
  const json = isError(result) ? members : { [name]: members };
  response.writeHead(status, { 'content-type': inJson ? 'application/json' : 'text/xml' });
  response.end(
    inJson
      ? JSON.stringify(json)
      : `<${name} xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${xml(members)}</${name}>`,
  );
}

const xml = (value: object): string =>
  Object.entries(value)
    .map(([key, part]) => `<${key}>${typeof part === 'object' ? xml(part as object) : String(part)}</${key}>`)
    .join('');

function act({ url, body }: Received, session: Session, sts: Sts) {
  const parameters = new URLSearchParams(body === '' ? url.slice(url.indexOf('?')) : body);
  const action = parameters.get('Action');
  if (action === 'GetCallerIdentity') return { action, members: session.identity };
  if (action !== 'GetWebIdentityToken') return fail(400, 'InvalidAction', 'Could not find the operation.');
  const token = sts.webIdentity(parameters.get('Audience.member.1') ?? '', session);
  if (isError(token)) return token;
  return { action, members: { WebIdentityToken: token, Expiration: '2035-01-01T00:00:00Z' } };
}

/** The session whose secret made the signature. */
function authenticate(request: Received, sessions: Sts['sessions'], now: number): Session | StsError {
  const { authorization = '', 'x-amz-date': date = '', 'x-amz-security-token': token } = request.headers;
  const parts = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=(.+)$/.exec(
    authorization,
  );
  if (parts === null) return fail(403, 'MissingAuthenticationToken', 'Request is missing Authentication Token');
  const [, accessKeyId = '', scope = '', signedHeaders = '', signature = ''] = parts;
  const session = sessions.get(accessKeyId);
  if (session === undefined || session.sessionToken !== token) {
    return fail(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
  }
  const [day = '', region = '', service = '', end = ''] = scope.split('/');
  const stringToSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical(request, signedHeaders))].join('\n');
  const key = [day, region, service, end].reduce<Buffer | string>(hmac, `AWS4${session.secretAccessKey}`);
  const expected = hmac(key, stringToSign).toString('hex');
  const isEqual =
    signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
  if (!isEqual || service !== 'sts' || !date.startsWith(day)) {
    return fail(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided.',
    );
  }
  const signedAt = Date.parse(date.replace(/^(.{4})(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')) / 1000;
  if (Math.abs(now - signedAt) >= 900) return fail(403, 'SignatureDoesNotMatch', 'Signature expired.');
  if (session.expiresAt <= now)
    return fail(403, 'ExpiredToken', 'The security token included in the request is expired');
  return session;
}

function canonical({ method, url, headers, body }: Received, signedHeaders: string): string {
  const [path = '', query = ''] = url.split('?');
  const lines = signedHeaders
    .split(';')
    .map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}\n`);
  return [method, path, query.split('&').sort().join('&'), lines.join(''), signedHeaders, sha256(body)].join('\n');
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest();
