/**
 * A closed loop over raw sockets: every connection sends the next request as soon as it has the whole answer to its
 * last. A process of its own, so that it can sit on another core than the service. Options are JSON in argv; the result
 * is one line of JSON. One wrong answer ends the run with exit code 1: a fast wrong answer is no measurement.
 */
import { connect, type Socket } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { type Exchange, formOf, readExchanges } from './workload.js';

export interface LoadOptions {
  readonly url: string;
  readonly exchangesFile: string;
  readonly clientId: string | null;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly exchanges: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Time on CPU of the generator itself over wall time: near 1, it is the generator that was measured. */
  readonly generatorBusy: number;
}

interface Prepared {
  readonly exchange: Exchange;
  readonly bytes: Buffer;
}

interface Answer {
  readonly status: string;
  readonly body: string;
}

/** Every answer's status line and token are looked at; one in this many is parsed and its claims compared. */
const parsedOneIn = 50;

function prepare(exchange: Exchange, { url, clientId }: LoadOptions): Prepared {
  const form = formOf(exchange, clientId);
  const { host, pathname } = new URL(url);
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    'Accept: application/json',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${form.length}`,
  ];
  return { exchange, bytes: Buffer.from(`${head.join('\r\n')}\r\n\r\n${form}`) };
}

/** @returns undefined while the answer is not complete; understands Content-Length and chunks (RFC 9112 §6.3) */
function readAnswer(received: Buffer): Answer | undefined {
  const endOfHead = received.indexOf('\r\n\r\n');
  if (endOfHead < 0) return undefined;
  const head = received.toString('latin1', 0, endOfHead);
  const status = head.slice(0, head.indexOf('\r\n'));
  const body = received.subarray(endOfHead + 4);
  const length = /\r\ncontent-length: *([0-9]+)/i.exec(head)?.[1];
  if (length !== undefined) {
    if (body.length < Number(length)) return undefined;
    if (body.length > Number(length)) throw new Error(`more bytes than Content-Length: ${length}`);
    return { status, body: body.toString() };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(`neither length nor chunks in: ${head}`);
  const text = readChunks(body);
  return text === undefined ? undefined : { status, body: text };
}

function readChunks(body: Buffer): string | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const endOfSize = body.indexOf('\r\n', at);
    if (endOfSize < 0) return undefined;
    const size = Number.parseInt(body.toString('latin1', at, endOfSize), 16);
    const next = endOfSize + 2 + size + 2;
    if (body.length < next) return undefined;
    if (size === 0) return Buffer.concat(parts).toString();
    parts.push(body.subarray(endOfSize + 2, next - 2));
    at = next;
  }
}

function check({ status, body }: Answer, { resource, scope }: Exchange, thoroughly: boolean): void {
  if (!status.startsWith('HTTP/1.1 200') || !body.includes('"access_token":"ey')) {
    throw new Error(`not a token: ${status} ${body.slice(0, 400)}`);
  }
  if (!thoroughly) return;
  const { access_token: token, token_type: type, expires_in: lifetime } = JSON.parse(body);
  const claims = JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString());
  if (claims.aud !== resource || claims.scope !== scope || type !== 'Bearer' || !(lifetime > 0)) {
    throw new Error(`not the token that was asked for: ${JSON.stringify(claims)}, wanted ${resource} ${scope}`);
  }
}

function run(options: LoadOptions): Promise<LoadResult> {
  const prepared = readExchanges(options.exchangesFile).map((exchange) => prepare(exchange, options));
  const latencies = createHistogram({ figures: 4 });
  const { hostname, port } = new URL(options.url);
  const started = performance.now();
  const cpu = process.cpuUsage();
  const until = started + options.seconds * 1000;
  let sent = 0;
  let answered = 0;

  const converse = (socket: Socket) =>
    new Promise<void>((resolve, reject) => {
      let current: Prepared;
      let received: Buffer | undefined;
      let sentAt = 0n;
      const next = () => {
        if (performance.now() >= until) {
          socket.destroy();
          resolve();
          return;
        }
        current = prepared[sent++ % prepared.length] as Prepared;
        received = undefined;
        sentAt = process.hrtime.bigint();
        socket.write(current.bytes);
      };
      socket.setNoDelay(true);
      socket.on('connect', next);
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the service closed a connection')));
      socket.on('data', (chunk) => {
        try {
          received = received === undefined ? chunk : Buffer.concat([received, chunk]);
          const answer = readAnswer(received);
          if (answer === undefined) return;
          latencies.record(Math.max(1, Number((process.hrtime.bigint() - sentAt) / 1000n)));
          check(answer, current.exchange, answered++ % parsedOneIn === 0);
          next();
        } catch (error) {
          reject(error);
        }
      });
    });

  const sockets = Array.from({ length: options.connections }, () => connect(Number(port), hostname));
  return Promise.all(sockets.map(converse)).then(() => {
    const { user, system } = process.cpuUsage(cpu);
    return {
      exchanges: answered,
      p50: latencies.percentile(50) / 1000,
      p99: latencies.percentile(99) / 1000,
      max: latencies.max / 1000,
      generatorBusy: (user + system) / 1000 / (performance.now() - started),
    };
  });
}

run(JSON.parse(process.argv[2] ?? '')).then(
  (result) => process.stdout.write(`${JSON.stringify(result)}\n`),
  (error: unknown) => {
    process.stderr.write(`load: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
