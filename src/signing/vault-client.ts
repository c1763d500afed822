/** The HTTP API of Vault and OpenBao, with a token that is read or fetched anew before it ends. */
import { createBearers } from '../bearer.js';
import { withDeadline } from '../deadline.js';
import { Unavailable } from '../errors.js';
import { type JsonObject, parseObject } from '../jwt/json.js';
import type { Outbound } from '../outbound.js';
import { Away } from './away.js';

/** Bytes of an answer: a key with hundreds of versions. */
const maxBytes = 512 * 1024;

/** Milliseconds for a login. */
const loginDeadline = 2_000;

/** Of the time that a login is good for, the part after which there is another. */
const renewAfter = 2 / 3;

/** Seconds in which a token of a login that was refused is not given up: it was the policy that refused. */
const youngFor = 10;

export interface VaultAccess {
  /** Without `/v1`. */
  readonly url: string;
  readonly namespace?: string | undefined;
  /** Paths are absolute. */
  readonly auth:
    | { readonly tokenFile: string }
    | { readonly kubernetes: { readonly role: string; readonly mount: string; readonly tokenFile: string } };
}

export interface VaultClient {
  /**
   * @param body null: GET
   * @returns `data` of the answer; or Unavailable where Vault answers, but not with 200
   * @throws Unavailable when Vault does not answer, or no token can be had
   */
  ask(path: string, body: JsonObject | null, signal: AbortSignal): Promise<JsonObject | Unavailable>;
}

interface Room {
  readonly send: Outbound['send'];
  /** Seconds since the epoch. */
  readonly now: () => number;
}

type Call = (path: string, body: JsonObject | null, signal: AbortSignal, token?: string) => Promise<Answer>;
interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export function createVaultClient(access: VaultAccess, { send, now }: Room): VaultClient {
  const { url, namespace } = access;
  const call: Call = async (path, body, signal, token) => {
    const headers = {
      accept: 'application/json',
      'x-vault-request': 'true',
      ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
      ...(token !== undefined && { 'x-vault-token': token }),
      ...(body !== null && { 'content-type': 'application/json' }),
    };
    const request =
      body === null ? { method: 'GET' as const } : { method: 'POST' as const, body: JSON.stringify(body) };
    const answer = await send(`${url}/v1/${path}`, { ...request, headers, signal, maxBytes });
    // Vault itself is ill, sealed or not there; other answers are about the request.
    if (answer.status >= 500) throw faultOf(url, path, answer.status);
    return answer;
  };
  const tokens = createTokens(access, { call, now });
  return Object.freeze<VaultClient>({
    async ask(path, body, signal) {
      const token = await tokens.current();
      let answer = await call(path, body, signal, token);
      if (answer.status === 403 && tokens.giveUp(token))
        answer = await call(path, body, signal, await tokens.current());
      return answer.status === 200 ? member(answer, 'data', `${url}/v1/${path}`) : faultOf(url, path, answer.status);
    },
  });
}

interface Tokens {
  current(): Promise<string>;
  /** After Vault refused it. @returns whether there may be another now */
  giveUp(token: string): boolean;
}

function createTokens(
  { url, auth }: VaultAccess,
  { call, now }: { readonly call: Call; readonly now: () => number },
): Tokens {
  const bearerOf = createBearers('vault_token');
  if (!('kubernetes' in auth)) return { current: () => bearerOf(auth.tokenFile), giveUp: () => false };
  const { role, mount, tokenFile } = auth.kubernetes;
  let known: { readonly token: string; readonly since: number; readonly until: number } | undefined;
  let underWay: Promise<string> | undefined;

  async function logIn(signal: AbortSignal): Promise<string> {
    const path = `auth/${mount}/login`;
    const since = now();
    const answer = await call(path, { role, jwt: await bearerOf(tokenFile) }, signal);
    if (answer.status !== 200) throw faultOf(url, path, answer.status, `role ${role}`);
    const { client_token: token, lease_duration: lease } = member(answer, 'auth', `${url}/v1/${path}`);
    if (typeof token !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(token) || typeof lease !== 'number') {
      throw unusable(`${url}/v1/${path}`, 'auth with client_token and lease_duration');
    }
    // 0: it does not end.
    known = { token, since, until: lease > 0 ? since + lease * renewAfter : Number.POSITIVE_INFINITY };
    return token;
  }

  return {
    async current() {
      // A clock that was put back must not prolong anything.
      if (known !== undefined && now() >= known.since && now() < known.until) return known.token;
      const late = () => new Unavailable('vault_late', `${url} did not let us in within ${loginDeadline} ms.`);
      underWay ??= withDeadline(loginDeadline, null, late, logIn).finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
    giveUp(token) {
      if (known?.token !== token) return true;
      if (now() - known.since < youngFor) return false;
      known = undefined;
      return true;
    },
  };
}

/** @throws Unavailable for an answer without such a member */
function member({ body }: Answer, name: 'auth' | 'data', where: string): JsonObject {
  const parsed = parseObject(body);
  const value = typeof parsed === 'string' ? null : parsed[name];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unusable(where, `JSON with ${name}`);
  return value as JsonObject;
}

const unusable = (where: string, expected: string) =>
  new Unavailable('vault_answer', `${where} does not answer as Vault does: expected ${expected}.`);

/** What operators are told: by the status alone, because an answer may quote what was sent. */
const advice: Readonly<Record<number, string>> = {
  400: 'the request is not accepted: check that the type of the key fits its algorithm, and the role',
  403: 'permission is denied: check the token, the namespace, and that its policy allows read on the key and update on sign',
  404: 'there is nothing there: check url, namespace, mount and the name of the key',
  412: 'the server has not caught up with the cluster yet',
  429: 'a rate limit quota is reached',
  503: 'the server is sealed or in maintenance: unseal it',
};

/** Seconds after which a caller may ask again that was turned away by a quota, or because Vault is sealed. */
const retryAfter: Readonly<Record<number, number>> = { 429: 2, 503: 5 };

function faultOf(url: string, path: string, status: number, what = ''): Unavailable {
  const isRedirect = status >= 300 && status < 400;
  const why = isRedirect ? 'redirects are not followed: name the active server or its load balancer' : advice[status];
  const detail = `${url}/v1/${path}${what === '' ? '' : ` (${what})`} answers with status ${status}, not 200`;
  const isPassing = status >= 500 || status === 412 || status === 429;
  const Fault = isPassing ? Away : Unavailable;
  return new Fault('vault_status', `${detail}${why === undefined ? '' : `: ${why}`}.`, retryAfter[status] ?? 1);
}
