/** An API server as far as an attestor knows one: keys and TokenReview, with any fault that a test wants. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ClusterIssuer } from '../../../examples/quickstart/cluster-issuer.js';

type Json = Readonly<Record<string, unknown>>;

interface Review {
  readonly token: string;
  readonly audiences: readonly string[];
}

export interface FakeApi {
  readonly kubeconfig: string;
  /** Requests so far, as `METHOD path`. */
  readonly requests: readonly string[];
  readonly authorizations: ReadonlySet<string | undefined>;
  connections(): number;
  /** Changes the answer to reviews: the status that an honest API server would give goes in. */
  review(change: (honest: ReviewStatus, review: Review) => unknown): void;
  /** Answers everything in this way from now on. */
  answer(handler: (response: ServerResponse, request: IncomingMessage) => void): void;
  close(): Promise<void>;
}

export interface ReviewStatus {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[];
  readonly error?: string;
  readonly user?: {
    readonly username: string;
    readonly uid: string;
    readonly groups: readonly string[];
    readonly extra: Readonly<Record<string, readonly string[]>>;
  };
}

export const ownToken = 'the-token-that-counterseal-shows-to-the-api-server';

/**
 * @param prefix of all paths, as behind a proxy such as Rancher's
 * @param more answers what it knows, and tells whether it does
 */
export async function startFakeApi(
  cluster: ClusterIssuer,
  prefix = '',
  more: (response: ServerResponse, request: IncomingMessage) => boolean = () => false,
): Promise<FakeApi> {
  const requests: string[] = [];
  const authorizations = new Set<string | undefined>();
  let change: (honest: ReviewStatus, review: Review) => unknown = (honest) => honest;
  let handler: ((response: ServerResponse, request: IncomingMessage) => void) | undefined;
  let connections = 0;

  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    authorizations.add(request.headers.authorization);
    if (handler !== undefined) return handler(response, request);
    if (more(response, request)) return;
    if (request.url === `${prefix}/openid/v1/jwks`) {
      const isAccepted = request.headers.accept === 'application/jwk-set+json';
      return send(response, isAccepted ? 200 : 406, cluster.jwks());
    }
    if (request.url !== `${prefix}/apis/authentication.k8s.io/v1/tokenreviews`) return send(response, 404, {});
    const body = JSON.parse(await text(request)) as { readonly spec: Review };
    send(response, 201, { ...body, status: change(honestStatus(body.spec), body.spec) });
  }).on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-api-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const { port } = server.address() as AddressInfo;
  await writeFile(kubeconfig, kubeconfigText(`http://127.0.0.1:${port}${prefix}`));

  return {
    kubeconfig,
    requests,
    authorizations,
    connections: () => connections,
    review: (next) => {
      change = next;
    },
    answer: (next) => {
      handler = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

export function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** As Kubernetes 1.32 and later answer for a token that holds. */
function honestStatus({ token, audiences }: Review): ReviewStatus {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Json;
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'] as Readonly<Record<string, Json>>;
  const extra = (key: string, value: unknown) =>
    value === undefined ? {} : { [`authentication.kubernetes.io/${key}`]: [String(value)] };
  return {
    authenticated: true,
    audiences,
    user: {
      username: String(claims.sub),
      uid: String(serviceaccount?.uid),
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
      extra: {
        ...extra('credential-id', claims.jti && `JTI=${claims.jti}`),
        ...extra('pod-name', pod?.name),
        ...extra('pod-uid', pod?.uid),
        ...extra('node-name', node?.name),
        ...extra('node-uid', node?.uid),
      },
    },
  };
}

const kubeconfigText = (server: string) => `
apiVersion: v1
kind: Config
current-context: test
clusters: [{ name: test, cluster: { server: "${server}" } }]
users: [{ name: test, user: { token: ${ownToken} } }]
contexts: [{ name: test, context: { cluster: test, user: test } }]
`;
