/**
 * The two things that we ask of a cluster's API server. Credentials, in-cluster or from a kubeconfig, are
 * @kubernetes/client-node's; it is imported only when an attestor has an `api`, as it takes half a second and 75 MB.
 */
import http from 'node:http';
import https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Unavailable } from '../../src/errors.js';
import { isLoopback } from '../options.js';

export interface ApiServer {
  /** The JWK Set that verifies service account tokens, not validated. @throws Unavailable */
  keys(signal: AbortSignal): Promise<unknown>;
  /** The answer to a TokenReview, not validated. @throws Unavailable */
  review(token: string, audience: string, signal: AbortSignal): Promise<unknown>;
  close(): void;
}

interface Operation {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly accept: string;
  /** What to do when the API server answers 403. */
  readonly permission: string;
}

const readKeys: Operation = {
  method: 'GET',
  path: '/openid/v1/jwks',
  // The API server answers 406 to application/json here.
  accept: 'application/jwk-set+json',
  permission: 'bind the ClusterRole system:service-account-issuer-discovery to the service account of this server',
};
const createReview: Operation = {
  method: 'POST',
  path: '/apis/authentication.k8s.io/v1/tokenreviews',
  accept: 'application/json',
  permission:
    'allow the service account of this server to create tokenreviews.authentication.k8s.io (ClusterRole system:auth-delegator)',
};

/** Bytes; key sets and reviews are a few kilobytes. */
const answerLimit = 1_048_576;

/**
 * @param api `in-cluster`, or the absolute path of a kubeconfig file
 * @throws Error with a sentence for the operator
 */
export async function connectApiServer(api: string): Promise<ApiServer> {
  const config = await loadConfig(api);
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error(`${api} has no current context that names a cluster`);
  const base = baseUrl(cluster.server, api);
  // Over http, which is for loopback only, there is nothing to verify; the library asks to be told so.
  if (base.protocol === 'http:') config.clusters = config.clusters.map((each) => ({ ...each, skipTLSVerify: true }));
  const agentOptions = { keepAlive: true, maxSockets: 64, timeout: 30_000 };
  const agent = base.protocol === 'https:' ? new https.Agent(agentOptions) : new http.Agent(agentOptions);

  const call = async (operation: Operation, body: string | undefined, signal: AbortSignal) => {
    const request: https.RequestOptions = { method: operation.method, signal, headers: { accept: operation.accept } };
    try {
      // Anew for each call: the library reads tokens and certificates again when they have rotated.
      await config.applyToHTTPSOptions(request);
      if (!cluster.proxyUrl) request.agent = agent;
      const answer = await send(new URL(`${base.pathname.replace(/\/$/, '')}${operation.path}`, base), request, body);
      return readAnswer(answer, operation);
    } catch (error) {
      throw error instanceof Unavailable ? error : unreachable(error, signal);
    }
  };

  return Object.freeze({
    keys: (signal: AbortSignal) => call(readKeys, undefined, signal),
    review: (token: string, audience: string, signal: AbortSignal) =>
      call(createReview, tokenReview(token, audience), signal),
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

function tokenReview(token: string, audience: string): string {
  return JSON.stringify({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [audience] },
  });
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function send(url: URL, options: https.RequestOptions, body: string | undefined): Promise<Answer> {
  const response = await open(url, options, body);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > answerLimit) throw new Unavailable('api_unreadable', 'the API server answered with more than 1 MiB');
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
}

/** Once more over a new connection, when a kept one turns out to have been closed: neither operation changes anything. */
function open(url: URL, options: https.RequestOptions, body: string | undefined): Promise<http.IncomingMessage> {
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
    request.end(body);
  });
}

function readAnswer({ status, body }: Answer, { method, path, permission }: Operation): unknown {
  const asked = `${method} ${path}`;
  if (status === 401) {
    throw new Unavailable('api_credentials', `the API server answered 401 to ${asked}: our credentials do not hold`);
  }
  if (status === 403) {
    throw new Unavailable('api_forbidden', `the API server answered 403 to ${asked}: ${permission}`);
  }
  if (status !== 200 && status !== 201) {
    throw new Unavailable('api_failed', `the API server answered ${status} to ${asked}: see its log`);
  }
  try {
    return JSON.parse(body);
  } catch {
    // The parser's message quotes the body, which may hold the token.
    throw new Unavailable('api_unreadable', `the API server's answer to ${asked} is not JSON: check the address`);
  }
}

function unreachable(error: unknown, signal: AbortSignal): Unavailable {
  if (signal.aborted) return new Unavailable('api_deadline', 'the API server did not answer before the deadline');
  return new Unavailable(
    'api_unreachable',
    `the API server could not be asked${code(error)}: check its address, certificates and credentials`,
  );
}

/** Only the code of a system error: messages may quote what was read or sent. */
function code(error: unknown): string {
  const value = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof value === 'string' ? ` (${value})` : '';
}
