/** `GET /revocations`. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Introspection } from '../introspection/introspection.js';
import { repeatsHeader, send } from './body.js';

export function createRevocationsListener({ revocations }: Introspection): RequestListener {
  const respond = async ({ method = '', headers, rawHeaders }: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { authorization, 'if-none-match': ifNoneMatch } = headers;
    send(res, await revocations({ method, authorization, ifNoneMatch, repeatedHeader: repeatsHeader(rawHeaders) }));
  };
  return (req, res) => void respond(req, res);
}
