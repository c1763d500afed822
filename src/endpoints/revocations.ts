/** `GET /revocations`. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Introspection } from '../introspection/introspection.js';
import { admitted, type Edge, proofIn, repeatsHeader, send } from './body.js';

export function createRevocationsListener(edge: Edge, { revocations }: Introspection): RequestListener {
  const respond = async (req: IncomingMessage, res: ServerResponse, address: string): Promise<void> => {
    const { method = '', headers, rawHeaders } = req;
    const { authorization, 'if-none-match': ifNoneMatch } = headers;
    const dpop = proofIn(headers);
    const repeatedHeader = repeatsHeader(rawHeaders);
    send(res, await revocations({ method, authorization, ifNoneMatch, dpop, repeatedHeader, address }));
  };
  return admitted(edge, (...request) => void respond(...request));
}
