/** An upstream on loopback that counts what reaches it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Upstream {
  readonly port: number;
  /** TCP connections so far, those without a request included. */
  readonly connections: () => number;
  close(): Promise<void>;
}

/** Plain http, or https where a certificate is given. */
export async function startUpstream(listener: RequestListener, tls?: Certificate): Promise<Upstream> {
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** For what has to know its port before it listens. */
export async function freePort(): Promise<number> {
  const { port, close } = await startUpstream(() => {});
  await close();
  return port;
}

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** Self-signed, for `issuer.test` and 127.0.0.1; null where there is no `openssl` command. */
export function makeCertificate(): Certificate | null {
  const folder = mkdtempSync(join(tmpdir(), 'counterseal-tls-'));
  const file = (name: string) => join(folder, name);
  const subject = ['-subj', '/CN=issuer.test', '-addext', 'subjectAltName=DNS:issuer.test,IP:127.0.0.1'];
  const output = ['-keyout', file('key.pem'), '-out', file('cert.pem')];
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  try {
    execFileSync('openssl', [...kind, ...subject, ...output], { stdio: 'ignore', timeout: 25_000 });
    return { key: readFileSync(file('key.pem'), 'utf8'), cert: readFileSync(file('cert.pem'), 'utf8') };
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
