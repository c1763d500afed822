/** A listener: opened with its bounds and its TLS, closed when what is in flight has ended. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { followRequests, type RequestsInFlight } from './requests-in-flight.js';
import { type Clients, followClients } from './tls/clients.js';
import type { TlsOptions } from './tls/material.js';
import { type TlsRoom, type TlsState, watchMaterial } from './tls/material-in-use.js';
import { secureContext, serverOptions } from './tls/server-options.js';

/** Beyond it, connections are closed as they come: memory stays bounded whatever the number of clients. */
const maxConnections = 4_096;

/** A slow sender is cut off: headers in 10 s, the whole request in 15 s, looked at once a second. */
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
};

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions | undefined;
}

export interface Listener {
  /** `http://HOST:PORT` or `https://HOST:PORT`, with the port that was really taken. */
  readonly url: string;
  /** Null: it speaks plain HTTP. */
  tls(): TlsState | null;
  /** From now on each answer ends its connection, so that clients come back elsewhere. */
  announceEnd(): void;
  /**
   * Stops accepting, lets what is in flight finish.
   * @param within milliseconds, after which the rest is cut off
   * @returns how many requests were cut off
   */
  close(within: number): Promise<number>;
}

interface Opened {
  readonly server: Server;
  readonly requests: RequestsInFlight;
  readonly tls: () => TlsState | null;
  readonly close: () => Promise<void>;
}

/** @throws Error when it cannot listen there, or when the files of its TLS cannot be taken */
export async function openListener(
  handler: RequestListener,
  { host, port, tls: options }: ListenerOptions,
  room: TlsRoom,
): Promise<Listener> {
  const opened = options === undefined ? openPlain(handler) : await openTls(handler, options, room);
  const { server, requests, tls } = opened;
  server.maxConnections = maxConnections;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  await listening.catch(async (error) => {
    await opened.close();
    throw error;
  });
  return Object.freeze<Listener>({
    url: urlOf(server, options === undefined ? 'http' : 'https'),
    tls,
    announceEnd: requests.announceEnd,
    async close(within) {
      const cutOff = await drain({ server, requests, sockets }, within);
      await opened.close();
      return cutOff;
    },
  });
}

function openPlain(handler: RequestListener): Opened {
  const server = createServer(limits);
  return { server, requests: followRequests(server, handler), tls: () => null, close: async () => {} };
}

async function openTls(handler: RequestListener, options: TlsOptions, room: TlsRoom): Promise<Opened> {
  const material = await watchMaterial(options, room, (next, before) => {
    server.setSecureContext(secureContext(options, next));
    if (String(next.ca) !== String(before.ca)) clients.dismiss();
  });
  const server = createTlsServer({ ...limits, ...serverOptions(options, material.first) });
  const requests = followRequests(server, (req, res) => {
    if (clients.isDismissed(req.socket)) req.socket.destroy();
    else handler(req, res);
  });
  const clients: Clients = followClients(server, requests.answerOn);
  return { server, requests, tls: material.state, close: material.close };
}

interface Draining extends Pick<Opened, 'server' | 'requests'> {
  readonly sockets: ReadonlySet<Socket>;
}

async function drain({ server, requests, sockets }: Draining, within: number): Promise<number> {
  requests.announceEnd();
  let cutOff = 0;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A kept-alive connection becomes idle only after the answer that it is waiting for.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const timer = setTimeout(() => {
    cutOff = requests.count();
    server.closeAllConnections();
    // Those that are still shaking hands are none of HTTP's.
    for (const socket of sockets) socket.destroy();
  }, within);
  await closed;
  clearInterval(idle);
  clearTimeout(timer);
  return cutOff;
}

function urlOf(server: Server, scheme: 'http' | 'https'): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
