/** Where a server that follows a URL out of a token would arrive. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Profile } from './profile.js';

export interface Listener {
  /** A URL that was not given out before. */
  makeUrl(): string;
  wasReached(url: string): boolean;
  close(): Promise<void>;
}

export async function openListener(given: Profile['listener']): Promise<Listener> {
  const reached = new Set<string>();
  const server = createServer((request, response) => {
    reached.add(request.url?.split('/').at(-1) ?? '');
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"keys":[]}');
  });
  const { host, port } = given ?? { host: '127.0.0.1', port: 0 };
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, host, resolve);
  });
  const base = (given?.url ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`).replace(/\/$/, '');
  return Object.freeze<Listener>({
    makeUrl: () => `${base}/${randomUUID()}`,
    wasReached: (url) => reached.has(url.split('/').at(-1) ?? ''),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
