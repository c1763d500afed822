/** A connection to the real API server that can be cut, held, and given back. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface OutageProxy {
  /** The same cluster, through here. */
  readonly kubeconfig: string;
  /** Bytes that came from the API server. */
  received(): number;
  /** Connections so far. */
  connections(): number;
  /** Ends what is open, and takes nothing new. */
  cut(): void;
  /** Leaves everything open, and lets nothing through. */
  hold(): void;
  restore(): void;
  close(): Promise<void>;
}

type Mode = 'through' | 'cut' | 'held';

export async function startOutageProxy(kubeconfig: string): Promise<OutageProxy> {
  const original = await readFile(kubeconfig, 'utf8');
  const server = /server: "?(https:\/\/[^"},\s]+)/.exec(original)?.[1] ?? '';
  const { hostname, port } = new URL(server);
  const sockets = new Set<Socket>();
  let mode: Mode = 'through';
  let bytes = 0;
  let count = 0;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    if (mode === 'held') socket.pause();
  };
  const listener = createServer((near) => {
    count += 1;
    if (mode === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    keep(near);
    keep(far);
    near.on('data', (chunk) => far.write(chunk)).on('close', () => far.destroy());
    far
      .on('close', () => near.destroy())
      .on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        near.write(chunk);
      });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-proxy-'));
  const file = join(folder, 'kubeconfig');
  const here = `https://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  await writeFile(file, original.replace(server, here));
  return {
    kubeconfig: file,
    received: () => bytes,
    connections: () => count,
    cut() {
      mode = 'cut';
      for (const socket of sockets) socket.destroy();
    },
    hold() {
      mode = 'held';
      for (const socket of sockets) socket.pause();
    },
    restore() {
      mode = 'through';
      for (const socket of sockets) socket.resume();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await rm(folder, { recursive: true });
    },
  };
}
