/** `GET /revocations`. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Introspection } from '../introspection/introspection.js';
import { repeatsHeader, send } from './body.js';

export function createRevocationsListener({ revocations }: Introspection): RequestListener {
  const respond = async ({ method = '', headers, rawHeaders }: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { authorization, 'if-none-match': ifNoneMatch } = headers;
    const dpop = headers.dpop === undefined ? undefined : String(headers.dpop);
    const repeatedHeader = repeatsHeader(rawHeaders);
    send(res, await revocations({ method, authorization, ifNoneMatch, dpop, repeatedHeader }));
  };
  return (req, res) => void respond(req, res);
}
