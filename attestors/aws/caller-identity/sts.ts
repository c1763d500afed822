/** Asks STS whose signature a request has, and believes nothing but a genuine answer. */
import { Rejected, Unavailable } from '../../../src/errors.js';
import type { AttestorHost, OutboundAnswer } from '../../attestor.js';
import type { Breaker } from '../../breaker.js';
import type { SignedRequest } from './signed-request.js';

/** Where one of STS's hosts is called. */
export interface Endpoint {
  /** Without a slash at its end. */
  readonly url: string;
  readonly breaker: Breaker;
}

/** As STS says it; the forms are not checked yet. */
export interface CallerIdentity {
  readonly Account: string;
  readonly Arn: string;
  readonly UserId: string;
}

/** Bytes of an answer. */
const maxBytes = 16 * 1024;
/** Seconds. */
const retryThrottled = 5;

/** What the caller can do about it. Any other code is told as none. */
const refusals: ReadonlyMap<string, string> = new Map([
  ['ExpiredToken', 'the credentials of the session have expired'],
  ['ExpiredTokenException', 'the credentials of the session have expired'],
  ['IncompleteSignature', 'the signature is not complete'],
  ['InvalidClientTokenId', 'there is no such access key'],
  ['RegionDisabledException', 'STS is not active in this region for the account'],
  ['SignatureDoesNotMatch', 'the signature does not hold, or is older than 15 minutes'],
]);
const throttled =
  /^(?:Throttling|ThrottlingException|ThrottledException|RequestLimitExceeded|TooManyRequestsException)$/;

/** @throws Rejected `sts_refused` @throws Unavailable `sts_throttled`, `sts_failed`, `sts_answer`, those of the breaker and of `host.send` */
export async function askSts(
  { query, headers, body, sts }: SignedRequest,
  { url, breaker }: Endpoint,
  host: AttestorHost,
  signal: AbortSignal,
): Promise<CallerIdentity> {
  const answer = await breaker.run(null, async () => {
    const answered = await host.send(`${url}/${query}`, { method: 'POST', headers, body, signal, maxBytes });
    if (answered.status >= 500)
      throw new Unavailable('sts_failed', `${sts.host} answers with status ${answered.status}.`);
    return answered;
  });
  if (answer.status === 200) return readIdentity(answer, sts.host);
  throw refusalOf(answer, sts.host);
}

function readIdentity(answer: OutboundAnswer, name: string): CallerIdentity {
  const text = answer.body.toString('utf8');
  const result = member(member(readJson(answer, text), 'GetCallerIdentityResponse'), 'GetCallerIdentityResult');
  const { Account, Arn, UserId } = result ?? {};
  const isWhole = result !== undefined && Object.keys(result).length === 3;
  // None of the values can hold a quotation mark, so a name that stands there twice is a member that is there twice.
  const isSingle = ['Account', 'Arn', 'UserId'].every((key) => text.split(`"${key}"`).length === 2);
  if (typeof Account !== 'string' || typeof Arn !== 'string' || typeof UserId !== 'string' || !isWhole || !isSingle) {
    throw notGenuine(name, 'a GetCallerIdentityResponse in JSON');
  }
  return { Account, Arn, UserId };
}

/** 4xx of STS is about the request; 4xx of anything else is about what stands between us and STS. */
function refusalOf(answer: OutboundAnswer, name: string): Rejected | Unavailable {
  const { status } = answer;
  const code = member(readJson(answer, answer.body.toString('utf8')), 'Error')?.Code;
  if (status === 429 || (typeof code === 'string' && throttled.test(code))) {
    return new Unavailable('sts_throttled', `${name} has too many requests.`, retryThrottled);
  }
  if ((status !== 400 && status !== 401 && status !== 403) || typeof code !== 'string') {
    return notGenuine(name, `status 200, or 400 to 403 with an error in JSON; the status is ${status}`);
  }
  return new Rejected(
    'sts_refused',
    `${name} refuses the request: ${refusals.get(code) ?? 'with another error code'}.`,
  );
}

function readJson({ contentType }: OutboundAnswer, text: string): unknown {
  if (contentType === null || !/^application\/json(?:; ?charset=utf-8)?$/i.test(contentType)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  const found = (value as Readonly<Record<string, unknown>>)[name];
  return typeof found === 'object' && found !== null && !Array.isArray(found)
    ? (found as Readonly<Record<string, unknown>>)
    : undefined;
}

export const notGenuine = (name: string, expected: string) =>
  new Unavailable('sts_answer', `${name} does not answer as STS does: expected ${expected}.`);
