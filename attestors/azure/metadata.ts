/**
 * The metadata service of the machine that we run on, for the doctor alone. Its address is link-local and over http, which the
 * host's way out refuses: no evidence may lead there.
 */
import { get } from 'node:http';
import { Unavailable } from '../../src/errors.js';

export interface Metadata {
  readonly name: string;
  /** @param path with the query. @returns the status and the JSON of an answer; null for what is no JSON. @throws Unavailable */
  ask(path: string, signal: AbortSignal): Promise<{ readonly status: number; readonly json: unknown }>;
}

/** Bytes. */
const maxBytes = 256 * 1024;
/** Milliseconds without an answer. */
const patience = 2_000;

/** @param origin default: as every machine of Azure has it */
export function createMetadata(origin = 'http://169.254.169.254'): Metadata {
  return Object.freeze<Metadata>({
    name: origin,
    ask: (path, signal) =>
      new Promise((resolve, reject) => {
        const fail = (what: string) => reject(new Unavailable('metadata_unavailable', `GET ${origin}: ${what}`));
        // `agent: false`: no connection is left open, and no proxy is asked.
        const options = { agent: false, headers: { metadata: 'true' }, signal, timeout: patience } as const;
        const request = get(`${origin}${path}`, options, (response) => {
          const chunks: Buffer[] = [];
          let length = 0;
          response.on('data', (chunk: Buffer) => {
            length += chunk.length;
            chunks.push(chunk);
            if (length > maxBytes) response.destroy(new Error());
          });
          response.on('error', () => fail('the answer was not read to its end'));
          response.on('end', () => {
            const { statusCode: status = 0 } = response;
            resolve({ status, json: parse(Buffer.concat(chunks)) });
          });
        });
        request.on('timeout', () => request.destroy(new Error()));
        request.on('error', ({ code }: NodeJS.ErrnoException) =>
          fail(`there is no answer (${code ?? 'none in time'})`),
        );
      }),
  });
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}
