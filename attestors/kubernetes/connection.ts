/**
 * The connection to a cluster's API server. Credentials, in-cluster or from a kubeconfig, are @kubernetes/client-node's; it
 * is imported only when an attestor has an `api`, as it takes half a second and 75 MB.
 */
import http from 'node:http';
import https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Unavailable } from '../../src/errors.js';
import type { FollowCall } from '../attestor.js';
import { isLoopback } from '../options.js';

export interface Operation {
  readonly method: 'GET' | 'POST';
  /** With the query. */
  readonly path: string;
  readonly accept: string;
  readonly body?: unknown;
  /** What to do when the API server answers 403. */
  readonly permission: string;
  /** A status that is an answer too, beside success: then the result is null. */
  readonly orStatus?: 404 | 410;
  /** The name of what is asked for: that it does not exist, said by the API server itself and of this name, is null too. */
  readonly orAbsent?: string;
  /** Bytes; default 1 MiB. */
  readonly limit?: number;
}

export interface Connection {
  /** The parsed answer, not validated. @throws Unavailable */
  ask(operation: Operation, signal: AbortSignal): Promise<unknown>;
  /** The answer line by line, as it comes; null for `orStatus`. @throws Unavailable, also while it is read */
  lines(operation: Operation, signal: AbortSignal): Promise<AsyncIterable<string> | null>;
  /** Seconds since the epoch, from the `Date` of the answer; undefined when it has none. @throws Unavailable */
  date(operation: Operation, signal: AbortSignal): Promise<number | undefined>;
  close(): void;
}

/** Bytes; key sets and reviews are a few kilobytes. */
const answerLimit = 1_048_576;
/** Bytes of one object: etcd holds none over 1.5 MiB, and JSON may take six bytes for one of its. */
export const objectLimit = 32 * 1_048_576;

/**
 * @param api `in-cluster`, or the absolute path of a kubeconfig file
 * @param follow is told of each request until its answer begins; left out: nothing is traced
 * @throws Error with a sentence for the operator
 */
export async function connect(api: string, follow?: FollowCall): Promise<Connection> {
  const config = await loadConfig(api);
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error(`${api} has no current context that names a cluster`);
  const base = baseUrl(cluster.server, api);
  // Over http, which is for loopback only, there is nothing to verify; the library asks to be told so.
  if (base.protocol === 'http:') config.clusters = config.clusters.map((each) => ({ ...each, skipTLSVerify: true }));
  const agentOptions = { keepAlive: true, maxSockets: 64, timeout: 30_000 };
  const agent = base.protocol === 'https:' ? new https.Agent(agentOptions) : new http.Agent(agentOptions);

  /** @throws Unavailable for every status but success and `orStatus` */
  const call = async (operation: Operation, signal: AbortSignal): Promise<http.IncomingMessage | null> => {
    const response = await answer(operation, signal);
    const { statusCode = 0 } = response;
    if (statusCode === 200 || statusCode === 201) return response;
    if (statusCode === 404 && operation.orAbsent !== undefined) {
      return checkAbsent(await readJson(response, operation, signal), operation);
    }
    // Not read to its end, which may never come.
    response.destroy();
    if (statusCode === operation.orStatus) return null;
    throw refused(statusCode, operation);
  };

  const answer = async (operation: Operation, signal: AbortSignal): Promise<http.IncomingMessage> => {
    const { method, accept, path } = operation;
    const request: https.RequestOptions = { method, signal, headers: { accept } };
    const followed = follow?.(method, base);
    try {
      // Anew for each call: the library reads tokens and certificates again when they have rotated.
      await config.applyToHTTPSOptions(request);
      if (!cluster.proxyUrl) request.agent = agent;
      const response = await open(new URL(`${base.pathname.replace(/\/$/, '')}${path}`, base), request, operation.body);
      followed?.ended(response.statusCode ?? null);
      return response;
    } catch (error) {
      const fault = asUnavailable(error, signal);
      followed?.ended(null, fault.reason);
      throw fault;
    }
  };

  return Object.freeze<Connection>({
    async ask(operation, signal) {
      const response = await call(operation, signal);
      return response === null ? null : readJson(response, operation, signal);
    },
    async lines(operation, signal) {
      const response = await call(operation, signal);
      return response === null ? null : readLines(response, signal);
    },
    async date(operation, signal) {
      const response = await answer(operation, signal);
      response.destroy();
      const milliseconds = Date.parse(response.headers.date ?? '');
      return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
    },
    close: () => agent.destroy(),
  });
}

async function loadConfig(api: string): Promise<KubeConfig> {
  const client = await import('@kubernetes/client-node/dist/config.js');
  const config = new client.KubeConfig();
  if (api === 'in-cluster') {
    config.loadFromCluster();
    return config;
  }
  try {
    config.loadFromFile(api);
  } catch (error) {
    // A YAML error quotes the file, and the file may hold credentials.
    throw new Error(`${api} cannot be read as a kubeconfig file${code(error)}`);
  }
  return config;
}

function baseUrl(server: string, api: string): URL {
  const base = URL.canParse(server) ? new URL(server) : undefined;
  if (api === 'in-cluster' && (base === undefined || base.hostname === 'undefined')) {
    throw new Error('in-cluster needs KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which every pod has');
  }
  if (base === undefined || !/^https?:$/.test(base.protocol)) throw new Error(`${api} has no usable server address`);
  if (base.protocol === 'http:' && !isLoopback(base.hostname)) {
    throw new Error(`${api} has a server address with http, which is for loopback only: write it with https`);
  }
  return base;
}

/** Once more over a new connection, when a kept one turns out to have been closed: no operation changes anything. */
function open(url: URL, options: https.RequestOptions, body: unknown): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    const request = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
      isSettled = true;
      resolve(response);
    });
    request.on('error', (error) => {
      // A connection that breaks within an answer: whoever reads the answer gets the error as well.
      if (isSettled) return;
      isSettled = true;
      const isStale = request.reusedSocket && !options.signal?.aborted;
      if (isStale) resolve(open(url, { ...options, agent: false }, body));
      else reject(error);
    });
    if (body !== undefined) request.setHeader('content-type', 'application/json');
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function readJson(response: http.IncomingMessage, operation: Operation, signal: AbortSignal): Promise<unknown> {
  const { limit = answerLimit } = operation;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) throw tooLong(limit);
      chunks.push(chunk);
    }
  } catch (error) {
    throw asUnavailable(error, signal);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    // The parser's message quotes the body, which may hold the token.
    const asked = askedFor(operation);
    throw new Unavailable('api_unreadable', `the API server's answer to ${asked} is not JSON: check the address`);
  }
}

async function* readLines(response: http.IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
  /** Of a line that has not ended. */
  let pieces: string[] = [];
  let length = 0;
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      const [first = '', ...others] = chunk.split('\n');
      pieces.push(first);
      length += first.length;
      if (length > objectLimit) throw tooLong(objectLimit);
      if (others.length === 0) continue;
      const last = others.pop() ?? '';
      yield pieces.join('');
      yield* others;
      pieces = [last];
      length = last.length;
    }
    const rest = pieces.join('');
    // Half a line must be noticed, not dropped.
    if (rest !== '') yield rest;
  } catch (error) {
    throw asUnavailable(error, signal);
  }
}

/** A proxy's own 404 says nothing of the object. @returns null */
function checkAbsent(answer: unknown, { orAbsent, ...operation }: Operation): null {
  const { kind, reason, details } = (answer ?? {}) as {
    kind?: unknown;
    reason?: unknown;
    details?: { name?: unknown };
  };
  if (kind === 'Status' && reason === 'NotFound' && details?.name === orAbsent) return null;
  throw refused(404, operation);
}

/** The reason of an answer over its limit: fewer objects may fit. */
export const tooLongReason = 'api_too_long';

const tooLong = (limit: number) =>
  new Unavailable(tooLongReason, `the API server answered with more than ${Math.round(limit / 1_048_576)} MiB`);

const askedFor = ({ method, path }: Operation) => `${method} ${path.split('?')[0]}`;

function refused(status: number, operation: Operation): Unavailable {
  const asked = askedFor(operation);
  if (status === 401) {
    return new Unavailable('api_credentials', `the API server answered 401 to ${asked}: our credentials do not hold`);
  }
  if (status === 403) {
    return new Unavailable('api_forbidden', `the API server answered 403 to ${asked}: ${operation.permission}`);
  }
  return new Unavailable('api_failed', `the API server answered ${status} to ${asked}: see its log`);
}

function asUnavailable(error: unknown, signal: AbortSignal): Unavailable {
  if (error instanceof Unavailable) return error;
  if (signal.aborted) return new Unavailable('api_deadline', 'the API server did not answer before the deadline');
  if (isOfCertificate(code(error))) {
    return new Unavailable(
      'api_certificate',
      `the API server's certificate cannot be verified${code(error)}: check the certificate authority and the server's name`,
    );
  }
  return new Unavailable(
    'api_unreachable',
    `the API server could not be asked${code(error)}: check its address, certificates and credentials`,
  );
}

/** Codes of the verification, such as `CERT_HAS_EXPIRED`, and not those of the handshake, which begin with `ERR_SSL_`. */
const isOfCertificate = (named: string) => /CERT|SIGNATURE|INVALID_CA/.test(named) && !named.includes('ERR_SSL_');

/** Only the code of a system error: messages may quote what was read or sent. */
function code(error: unknown): string {
  const value = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof value === 'string' ? ` (${value})` : '';
}
