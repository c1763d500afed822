/** Requests with a form, from node:http to what the stages take. */
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { errorResponse } from '../exchange/response.js';
import { maxBodyBytes, type WireBody, type WireRequest, type WireResponse } from '../exchange/wire.js';
import type { Limits } from '../limits/limits.js';
import type { PeerAddress } from './peer.js';
import type { PeerCertificate } from './peer-certificate.js';

/** Bytes of unfinished bodies that are held at once, over all connections. */
const maxHeldBytes = 16 * 1024 * 1024;

export type BodyReader = (req: IncomingMessage) => Promise<WireBody>;

/** One for all endpoints, so that the bound on what is held is one. */
export interface Edge {
  readonly readBody: BodyReader;
  readonly addressOf: PeerAddress;
  readonly certificateOf: PeerCertificate;
  readonly limits: Pick<Limits, 'arrival'>;
}

export function createFormListener(edge: Edge, answer: (wire: WireRequest) => Promise<WireResponse>): RequestListener {
  const { readBody, certificateOf } = edge;
  const respond = async (req: IncomingMessage, res: ServerResponse, address: string): Promise<void> => {
    const body = await readBody(req);
    send(res, await answer({ ...wireRequest(req, body), address, certificate: certificateOf(req) }));
  };
  return admitted(edge, (...request) => void respond(...request));
}

/** Before anything of a request is read, its address is looked at. Endpoints that verify evidence, or make what it needs, stand behind this. */
export function admitted(
  { addressOf, limits }: Pick<Edge, 'addressOf' | 'limits'>,
  respond: (req: IncomingMessage, res: ServerResponse, address: string) => void,
): RequestListener {
  return (req, res) => {
    const address = addressOf(req);
    const refusal = limits.arrival(address);
    if (refusal === null) respond(req, res, address);
    else send(res, errorResponse(refusal, null, false));
  };
}

export function send(res: ServerResponse, { status, headers, body }: WireResponse): void {
  res.writeHead(status, status === 304 ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) });
  res.end(body);
}

function wireRequest(req: IncomingMessage, body: WireBody): Omit<WireRequest, 'address' | 'certificate'> {
  const { headers, url = '' } = req;
  const query = url.indexOf('?');
  return {
    method: req.method ?? '',
    query: query < 0 ? '' : url.slice(query + 1),
    contentType: headers['content-type'],
    contentEncoding: headers['content-encoding'],
    authorization: headers.authorization,
    accept: headers.accept,
    traceparent: headers.traceparent === undefined ? undefined : String(headers.traceparent),
    dpop: proofIn(headers),
    repeatedHeader: repeatsHeader(req.rawHeaders),
    body,
  };
}

/** Node joins several headers of this name. */
export const proofIn = ({ dpop }: IncomingHttpHeaders): string | undefined =>
  dpop === undefined ? undefined : String(dpop);

/** Node keeps the first of two such headers and drops the other in silence. */
export function repeatsHeader(rawHeaders: readonly string[]): boolean {
  let authorization = 0;
  let contentType = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 13 && name.toLowerCase() === 'authorization') authorization++;
    else if (name.length === 12 && name.toLowerCase() === 'content-type') contentType++;
  }
  return authorization > 1 || contentType > 1;
}

export function createBodyReader(): BodyReader {
  let held = 0;
  return (req) => {
    if (Number(req.headers['content-length'] ?? 0) > maxBodyBytes) return Promise.resolve('too_large');
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = (body: WireBody) => {
        held -= size;
        size = 0;
        resolve(body);
      };
      /** What still comes is let go. */
      const giveUp = (why: Exclude<WireBody, Buffer>) => {
        chunks.length = 0;
        req.off('data', take).resume();
        finish(why);
      };
      const take = (chunk: Buffer) => {
        size += chunk.length;
        held += chunk.length;
        if (size > maxBodyBytes) giveUp('too_large');
        else if (held > maxHeldBytes) giveUp('too_many');
        else chunks.push(chunk);
      };
      req.on('data', take);
      req.on('end', () => finish(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
      req.on('error', () => giveUp('incomplete'));
      req.on('close', () => {
        if (!req.complete) giveUp('incomplete');
      });
    });
  };
}
