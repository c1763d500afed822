/** Which path is served by what. No decisions. */
import type { RequestListener } from 'node:http';
import Koa, { type Context } from 'koa';
import { authorizePage } from './endpoints/authorize.js';
import { createBodyReader } from './endpoints/body.js';
import { type Challenge, createChallengeListener } from './endpoints/challenge.js';
import { alive, type Health } from './endpoints/health.js';
import { createIntrospectListener } from './endpoints/introspect.js';
import {
  authorizationServerMetadata,
  type MetadataRoom,
  metadataPaths,
  openidConfiguration,
} from './endpoints/metadata.js';
import { createPeerAddress } from './endpoints/peer.js';
import { createPeerCertificate } from './endpoints/peer-certificate.js';
import { createRevocationsListener } from './endpoints/revocations.js';
import { createRevokeListener } from './endpoints/revoke.js';
import { createTokenListener } from './endpoints/token.js';
import type { Pipeline } from './exchange/pipeline.js';
import type { Introspection } from './introspection/introspection.js';
import type { Revoke } from './introspection/revoke.js';
import type { Limits } from './limits/limits.js';
import type { Signer } from './signing/signer.js';
import { cacheable } from './signing/times.js';

type Handler = (ctx: Context) => Promise<void> | void;
type Warn = (message: string) => void;

export interface PublicRooms extends MetadataRoom {
  readonly signer: Signer;
  /** Null: nobody may introspect. */
  readonly introspection: Introspection | null;
  /** Null: no attestor takes nonces. */
  readonly challenge: Challenge | null;
  readonly pipeline: Pipeline;
  readonly revoke: Revoke;
  readonly limits: Limits;
  /** Networks whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** In which they send the certificate of a client; undefined: they do not. */
  readonly clientCertificateHeader?: string | undefined;
  readonly warn: Warn;
}

export function createPublicListener(rooms: PublicRooms): RequestListener {
  const issuerPath = new URL(rooms.issuer).pathname.replace(/\/$/, '');
  const { oauth, openid } = metadataPaths(issuerPath);
  const routes = new Map<string, Handler>([
    [`${issuerPath}/jwks`, cached('application/jwk-set+json', () => ({ keys: rooms.signer.publicKeys() }))],
    [`${issuerPath}/authorize`, get(async () => authorizePage)],
    ...oauth.map((path): [string, Handler] => [
      path,
      cached('application/json', () => authorizationServerMetadata(rooms)),
    ]),
    ...openid.map((path): [string, Handler] => [path, cached('application/json', () => openidConfiguration(rooms))]),
  ]);
  const listeners = createListeners(issuerPath, rooms);
  const answerOther = createKoa(routes, rooms.warn);
  return (req, res) => (listeners.get(pathOf(req.url)) ?? answerOther)(req, res);
}

/** What is not for Koa. */
function createListeners(issuerPath: string, rooms: PublicRooms): ReadonlyMap<string, RequestListener> {
  const { challenge, introspection, limits, pipeline, revoke } = rooms;
  const { trustedProxies, clientCertificateHeader } = rooms;
  const addressOf = createPeerAddress(trustedProxies);
  const certificateOf = createPeerCertificate(trustedProxies, clientCertificateHeader);
  const edge = { readBody: createBodyReader(), addressOf, certificateOf, limits };
  const listeners = new Map([
    [`${issuerPath}/token`, createTokenListener(edge, pipeline)],
    [`${issuerPath}/revoke`, createRevokeListener(edge, revoke)],
  ]);
  if (challenge !== null) listeners.set(`${issuerPath}/challenge`, createChallengeListener(edge, challenge));
  if (introspection === null) return listeners;
  return listeners
    .set(`${issuerPath}/introspect`, createIntrospectListener(edge, introspection))
    .set(`${issuerPath}/revocations`, createRevocationsListener(edge, introspection));
}

/** Also of the absolute form of a request (RFC 9112 §3.2.2), which a server has to accept. */
function pathOf(url = ''): string {
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]+/i, '');
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

export function createHealthListener(health: Health, warn: Warn): RequestListener {
  const json = async (value: unknown, status = 200) => ({
    type: 'application/json',
    text: JSON.stringify(value),
    status,
  });
  return createKoa(
    new Map<string, Handler>([
      ['/healthz', get(() => json(alive()))],
      [
        '/readyz',
        get(async () => {
          const readiness = await health.readiness();
          return json(readiness, readiness.status === 'ready' ? 200 : 503);
        }),
      ],
      [
        '/metrics',
        get(async () => {
          const metrics = health.metrics();
          if (metrics === null) return json({ error: 'starting' }, 503);
          return { type: metrics.contentType, text: await metrics.text() };
        }),
      ],
    ]),
    warn,
  );
}

function createKoa(routes: ReadonlyMap<string, Handler>, warn: Warn): RequestListener {
  const app = new Koa();
  app.on('error', (error: NodeJS.ErrnoException) => {
    // A client that hangs up, or that speaks no HTTP, is no fault of ours.
    if (!/^(EPIPE|ECONNRESET|HPE_.*)$/.test(error.code ?? '')) warn(`listener: ${error.stack ?? error.message}`);
  });
  app.use(async (ctx) => {
    try {
      const handler = routes.get(pathOf(ctx.req.url));
      if (handler === undefined) answer(ctx, 404, { error: 'not_found' });
      else await handler(ctx);
    } catch (error) {
      // Koa's own answer would be text and cacheable.
      if (!ctx.req.destroyed) warn(`${ctx.path}: ${error instanceof Error ? error.stack : String(error)}`);
      answer(ctx, 500, { error: 'server_error' });
    }
  });
  const callback = app.callback();
  return (req, res) => void callback(req, res);
}

const cached = (type: string, value: () => unknown): Handler =>
  get(async () => ({ type, text: JSON.stringify(value()), cacheControl: `public, max-age=${cacheable}` }));

interface Page {
  readonly type: string;
  readonly text: string;
  readonly status?: number;
  readonly cacheControl?: string;
  /** Beside those that every page has. */
  readonly headers?: Readonly<Record<string, string>>;
}

function get(page: () => Promise<Page>): Handler {
  return async (ctx) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      answer(ctx, 405, { error: 'method_not_allowed' });
      return;
    }
    const { type, text, status = 200, cacheControl = 'no-store', headers } = await page();
    ctx.status = status;
    ctx.body = text;
    ctx.set({ ...headers, 'Content-Type': type, 'Cache-Control': cacheControl });
  };
}

function answer(ctx: Context, status: number, body: Record<string, unknown>): void {
  ctx.status = status;
  ctx.body = JSON.stringify(body);
  ctx.set({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
}
