/** One request over HTTP as it is written here, repeated headers included, and its answer as it came. */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Members } from './jws.js';

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  /** Names and values, in order; names may repeat. Host and Content-Length are added. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case; values of a name that came more than once are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  /** Undefined: the body is no JSON object. */
  readonly json: Members | undefined;
}

/** Rejects when there is no whole answer within the deadline. */
export type Send = (request: HttpRequest) => Promise<Answer>;

/** Bytes of an answer that are read. */
const maxAnswer = 1024 * 1024;

/** @param deadline milliseconds, for each request with its answer */
export function createSend(deadline: number): Send {
  return ({ method, url, headers, body }) =>
    new Promise((resolve, reject) => {
      const target = new URL(url);
      const open = target.protocol === 'https:' ? requestHttps : requestHttp;
      const length = method === 'GET' ? [] : [['Content-Length', String(Buffer.byteLength(body))]];
      const flat = [['Host', target.host], ...headers, ...length].flat();
      // A list, because a map would make one header of two with the same name. No agent: each request on its own.
      const outgoing: ClientRequest = open(target, { method, headers: flat, agent: false });
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${deadline / 1000} s`)), deadline);
      const fail = (error: Error) => {
        clearTimeout(timer);
        reject(error);
      };
      outgoing.on('error', fail);
      outgoing.on('response', (incoming) => {
        readAnswer(incoming).then((answer) => {
          clearTimeout(timer);
          outgoing.destroy();
          resolve(answer);
        }, fail);
      });
      outgoing.end(method === 'GET' ? undefined : body);
    });
}

async function readAnswer(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswer) throw new Error('the answer is over 1 MiB');
    chunks.push(chunk);
  }
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2) {
    const name = (incoming.rawHeaders[index] ?? '').toLowerCase();
    const value = incoming.rawHeaders[index + 1] ?? '';
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return answerOf(incoming.statusCode ?? 0, headers, Buffer.concat(chunks).toString('utf8'));
}

export function answerOf(status: number, headers: ReadonlyMap<string, string>, text: string): Answer {
  return Object.freeze({ status, headers, text, json: parseObject(text) });
}

function parseObject(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined;
  } catch {
    return undefined;
  }
}
