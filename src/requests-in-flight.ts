/** Requests that an answer is due for, by connection. */
import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface RequestsInFlight {
  count(): number;
  answerOn(socket: Socket): ServerResponse | undefined;
  /** From now on every answer, those under way included, says that its connection ends with it (RFC 9112 §9.6). */
  announceEnd(): void;
}

/** @param handler is called for each request */
export function followRequests(server: Server, handler: RequestListener): RequestsInFlight {
  const due = new Map<Socket, ServerResponse>();
  let ending = false;

  server.on('request', (req, res) => {
    const { socket } = req;
    due.set(socket, res);
    res.once('close', () => {
      // A client may send the next request before it has the answer.
      if (due.get(socket) === res) due.delete(socket);
    });
    if (ending) res.setHeader('Connection', 'close');
    handler(req, res);
  });

  return Object.freeze<RequestsInFlight>({
    count: () => due.size,
    answerOn: (socket) => due.get(socket),
    announceEnd() {
      ending = true;
      for (const answer of due.values()) if (!answer.headersSent) answer.setHeader('Connection', 'close');
    },
  });
}
