/** Connections of clients that were let in by their certificate, and end when the CAs change by which they were judged. */
import type { ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';

export interface Clients {
  /** Ends what was let in before, handshakes under way included; an answer that is due is given, and nothing more is read. */
  dismiss(): void;
  isDismissed(socket: Socket): boolean;
}

/** @param answerOn the answer that is due on a connection */
export function followClients(server: Server, answerOn: (socket: Socket) => ServerResponse | undefined): Clients {
  /** Of each TCP connection, how often the CAs had changed when it began. */
  const begun = new Map<string, number>();
  const letIn = new Set<Socket>();
  const dismissed = new WeakSet<Socket>();
  let changes = 0;

  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    begun.set(peer, changes);
    socket.once('close', () => begun.delete(peer));
  });
  server.on('secureConnection', (socket) => {
    if (begun.get(peerOf(socket)) !== changes) {
      socket.destroy();
      return;
    }
    letIn.add(socket);
    socket.once('close', () => letIn.delete(socket));
  });

  function dismissOne(socket: Socket): void {
    dismissed.add(socket);
    const answer = answerOn(socket);
    if (answer === undefined) {
      socket.destroy();
      return;
    }
    if (!answer.headersSent) answer.setHeader('Connection', 'close');
    answer.once('close', () => socket.end());
  }

  return Object.freeze<Clients>({
    dismiss() {
      changes++;
      for (const socket of letIn) dismissOne(socket);
      letIn.clear();
    },
    isDismissed: (socket) => dismissed.has(socket),
  });
}

/** TLS has a socket of its own around that of TCP; this is the same for both. */
const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;
