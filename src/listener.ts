/** A listener: opened with its bounds, closed when what is in flight has ended. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Beyond it, connections are closed as they come: memory stays bounded whatever the number of clients. */
const maxConnections = 4_096;

/** Milliseconds that in-flight requests get to finish after `close()`. */
const drainTime = 10_000;

export interface Listener {
  /** `http://HOST:PORT`, with the port that was really taken. */
  readonly url: string;
  /** Stops accepting, lets what is in flight finish. */
  close(): Promise<void>;
}

/** @throws Error when it cannot listen there */
export async function openListener(
  handler: RequestListener,
  at: { readonly host: string; readonly port: number },
): Promise<Listener> {
  // A slow sender is cut off: headers in 10 s, the whole request in 15 s, looked at once a second.
  const limits = { headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 1_000 };
  const server = createServer({ ...limits, keepAliveTimeout: 65_000 }, handler);
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => resolve());
  });
  return Object.freeze({ url: urlOf(server), close: () => drain(server) });
}

async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A kept-alive connection becomes idle only after the answer that it is waiting for.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const timer = setTimeout(() => server.closeAllConnections(), drainTime);
  await closed;
  clearInterval(idle);
  clearTimeout(timer);
}

function urlOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
