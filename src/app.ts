/** Koa wiring: reads the body, finds the route, writes the answer. No decisions. */
import Koa, { type Context } from 'koa';
import { alive, type HealthRoom, readiness } from './endpoints/health.js';
import {
  authorizationServerMetadata,
  type MetadataRoom,
  metadataPaths,
  openidConfiguration,
} from './endpoints/metadata.js';
import type { Pipeline } from './exchange/pipeline.js';
import { maxBodyBytes } from './exchange/wire.js';
import type { Signer } from './signing/signer.js';

type Handler = (ctx: Context) => Promise<void> | void;
type Warn = (message: string) => void;

/** Seconds that the key set and the metadata may be cached; a new key has to be published longer than this before use. */
const cacheable = 300;

export interface PublicRooms extends MetadataRoom {
  readonly signer: Signer;
  readonly pipeline: Pipeline;
  readonly warn: Warn;
}

export function createPublicApp(rooms: PublicRooms): Koa {
  const issuerPath = new URL(rooms.issuer).pathname.replace(/\/$/, '');
  const { oauth, openid } = metadataPaths(issuerPath);
  const routes = new Map<string, Handler>([
    [`${issuerPath}/token`, tokenHandler(rooms.pipeline)],
    [`${issuerPath}/jwks`, cached('application/jwk-set+json', () => ({ keys: rooms.signer.publicKeys() }))],
    ...oauth.map((path): [string, Handler] => [
      path,
      cached('application/json', () => authorizationServerMetadata(rooms)),
    ]),
    ...openid.map((path): [string, Handler] => [path, cached('application/json', () => openidConfiguration(rooms))]),
  ]);
  return createApp(routes, rooms.warn);
}

export function createHealthApp(room: HealthRoom, warn: Warn): Koa {
  const json = (value: () => unknown): Handler => get('application/json', 'no-store', value);
  return createApp(
    new Map<string, Handler>([
      ['/healthz', json(alive)],
      ['/readyz', json(() => readiness(room))],
    ]),
    warn,
  );
}

function createApp(routes: ReadonlyMap<string, Handler>, warn: Warn): Koa {
  const app = new Koa();
  app.on('error', (error: NodeJS.ErrnoException) => {
    // A client that hangs up, or that speaks no HTTP, is no fault of ours.
    if (!/^(EPIPE|ECONNRESET|HPE_.*)$/.test(error.code ?? '')) warn(`listener: ${error.stack ?? error.message}`);
  });
  app.use(async (ctx) => {
    const handler = routes.get(ctx.path);
    try {
      if (handler === undefined) answer(ctx, 404, { error: 'not_found' });
      else await handler(ctx);
    } catch (error) {
      // Koa's own answer would be text and cacheable.
      if (!ctx.req.destroyed) warn(`${ctx.path}: ${error instanceof Error ? error.stack : String(error)}`);
      answer(ctx, 500, { error: 'server_error' });
    }
  });
  return app;
}

function tokenHandler(pipeline: Pipeline): Handler {
  return async (ctx) => {
    const { headers, socket } = ctx.req;
    const {
      status,
      headers: fields,
      body,
    } = await pipeline({
      method: ctx.method,
      query: ctx.querystring,
      contentType: headers['content-type'],
      contentEncoding: headers['content-encoding'],
      authorization: headers.authorization,
      body: await readBytes(ctx),
      address: socket.remoteAddress ?? 'unknown',
    });
    ctx.status = status;
    ctx.set(fields);
    ctx.body = body;
  };
}

/** The body, or `too_large` as soon as it is known to be. */
function readBytes(ctx: Context): Promise<Buffer | 'too_large'> {
  const { req } = ctx;
  if (Number(req.headers['content-length'] ?? 0) > maxBodyBytes) return Promise.resolve('too_large');
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) resolve('too_large');
      else chunks.push(chunk);
    });
    req.on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
    req.on('error', reject);
    req.on('close', () => reject(new Error('the client closed the connection before the body was complete')));
  });
}

const cached = (type: string, value: () => unknown): Handler => get(type, `public, max-age=${cacheable}`, value);

function get(type: string, cacheControl: string, value: () => unknown): Handler {
  return (ctx) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      answer(ctx, 405, { error: 'method_not_allowed' });
      return;
    }
    ctx.status = 200;
    ctx.body = JSON.stringify(value());
    ctx.set({ 'Content-Type': type, 'Cache-Control': cacheControl });
  };
}

function answer(ctx: Context, status: number, body: Record<string, unknown>): void {
  ctx.status = status;
  ctx.body = JSON.stringify(body);
  ctx.set({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
}
