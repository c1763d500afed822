/** Requests of a workload: to its platform, and to Counterseal. No redirects, one deadline. */

/** Milliseconds for a whole request. */
const deadline = 10_000;

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as `application/x-www-form-urlencoded`. */
  readonly form?: Readonly<Record<string, string>>;
  /** Milliseconds. Default: 10,000. */
  readonly within?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Seconds, of `Retry-After`; null where there is none. */
  readonly retryAfter: number | null;
  readonly text: string;
  /** The members of a JSON object; empty for any other body. */
  readonly members: Readonly<Record<string, unknown>>;
}

/** Nobody answered. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** @throws Unreachable that names the URL without its query, and a code of the network */
export async function request(url: URL, { method = 'GET', headers = {}, form, within = deadline }: HttpRequest = {}) {
  const body = form === undefined ? {} : { body: new URLSearchParams(form) };
  try {
    const signal = AbortSignal.timeout(within);
    const response = await fetch(url, { method, headers, redirect: 'error', signal, ...body });
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    const text = await response.text();
    return Object.freeze<HttpAnswer>({
      status: response.status,
      retryAfter: Number.isFinite(retryAfter) ? retryAfter : null,
      text,
      members: membersOf(text),
    });
  } catch (error) {
    throw new Unreachable(`${method} ${url.origin}${url.pathname} failed: ${reasonOf(error)}`);
  }
}

/** Of a member that has to be there. @throws Error that names it */
export function textOf({ status, members }: HttpAnswer, name: string, what: string): string {
  const value = members[name];
  if (status === 200 && typeof value === 'string' && value !== '') return value;
  const why = typeof members.error_description === 'string' ? `: ${members.error_description}` : '';
  throw new Error(`${what} answered ${status} without ${name}${why}`);
}

function membersOf(text: string): HttpAnswer['members'] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as HttpAnswer['members']) : {};
  } catch {
    return {};
  }
}

function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error & { readonly cause?: NodeJS.ErrnoException };
  if (name === 'TimeoutError') return 'there was no answer in time';
  return cause?.code ?? cause?.message ?? message;
}
