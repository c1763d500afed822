/** Counterseal, as a workload calls it. */
import { isLoopback } from '../../attestors/options.js';
import { type HttpAnswer, request, textOf, Unreachable } from './http.js';
import type { ShownEvidence } from './platform.js';

export interface Asked {
  /** Of another type than an access token, also a logical name. */
  readonly resource: string;
  /** The last part of the identifier, such as `jwt`; undefined: an access token. */
  readonly tokenType?: string | undefined;
  /** Space-delimited; undefined: all that is granted. */
  readonly scope: string | undefined;
}

export interface IssuedToken {
  readonly accessToken: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

/** What the service said no to. */
export class Refused extends Error {
  override readonly name = 'Refused';
  /** @param error the OAuth error, such as `invalid_target` */
  constructor(
    readonly error: string,
    message: string,
  ) {
    super(message);
  }
}

/** The service, or something that it needs, does not answer at present. */
export class Busy extends Error {
  override readonly name = 'Busy';
  /** @param seconds that the service asks to wait */
  constructor(
    readonly seconds: number,
    message: string,
  ) {
    super(message);
  }
}

/** @throws Error for an issuer that evidence must not be sent to */
export function readIssuer(issuer: string): string {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname)))
    return issuer.replace(/\/$/, '');
  throw new Error(`--issuer ${JSON.stringify(issuer)} is no https URL (http only on loopback)`);
}

/** @returns null where the service gives no nonces for such evidence. @throws Busy, Error */
export async function askNonce(issuer: string, tokenType: string): Promise<string | null> {
  const form = { subject_token_type: tokenType };
  const answer = await post(`${issuer}/challenge`, form);
  return answer.status === 400 || answer.status === 404 ? null : textOf(answer, 'nonce', `${issuer}/challenge`);
}

/** RFC 8693 §2.1. @throws Refused, Busy, Error */
export async function exchange(issuer: string, evidence: ShownEvidence, asked: Asked): Promise<IssuedToken> {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: evidence.tokenType,
    subject_token: evidence.token,
    ...targetOf(asked),
    ...(asked.scope === undefined ? {} : { scope: asked.scope }),
  };
  const askedAt = Math.floor(Date.now() / 1000);
  const answer = await post(`${issuer}/token`, form);
  if (answer.status !== 200) throw refused(issuer, answer);
  const accessToken = textOf(answer, 'access_token', `${issuer}/token`);
  return Object.freeze({ accessToken, expiresAt: askedAt + Number(answer.members.expires_in) });
}

/** A logical name is an audience, and no resource (RFC 8707 §2). */
const targetOf = ({ resource, tokenType }: Asked): Readonly<Record<string, string>> =>
  tokenType === undefined
    ? { resource }
    : { audience: resource, requested_token_type: `urn:ietf:params:oauth:token-type:${tokenType}` };

function refused(issuer: string, { status, members }: HttpAnswer): Refused {
  return new Refused(String(members.error), `${issuer}/token answered ${status}: ${saidBy(members)}`);
}

/** Its error, description and the id of its decision. */
function saidBy({ error, error_description: description, decision_id: id }: HttpAnswer['members']): string {
  const said = [error, description].filter((part) => typeof part === 'string').join(': ');
  return `${said || 'no OAuth error'}${typeof id === 'string' ? ` (decision_id ${id})` : ''}`;
}

async function post(url: string, form: Readonly<Record<string, string>>): Promise<HttpAnswer> {
  const answer = await request(new URL(url), { method: 'POST', form }).catch((error: unknown) => {
    if (!(error instanceof Unreachable)) throw error;
    throw new Busy(1, `${error.message}: is the service running, and is this its address?`);
  });
  if (answer.status !== 503) return answer;
  throw new Busy(answer.retryAfter ?? 1, `${url} answered 503: ${saidBy(answer.members)}`);
}
