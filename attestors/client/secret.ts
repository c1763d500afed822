/** A secret that a client and we share, in a file: how good it has to be, and whether one that is shown is it. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Unavailable } from '../../src/errors.js';
import type { Clock } from '../attestor.js';

/** 128 bits as hexadecimal digits (RFC 6749 §10.10), and none that a person thought of. */
const leastCharacters = 32;
const mostCharacters = 512;
const leastDifferent = 8;

/** Seconds. A changed file takes effect within it. */
const freshFor = 1;

/** What is wrong with what the file holds; null: nothing. Nothing of the text is in it. */
export function secretFault(text: string): string | null {
  const secret = text.trimEnd();
  // RFC 6749 §A.2, less the space, which is white space at the end of a file.
  const isWellFormed = /^[\x21-\x7e]*$/.test(secret);
  const isLong = secret.length >= leastCharacters && secret.length <= mostCharacters;
  if (isWellFormed && isLong && new Set(secret).size >= leastDifferent) return null;
  return `expected ${leastCharacters} to ${mostCharacters} printable ASCII characters without space, of which ${leastDifferent} differ; make one with \`openssl rand -hex 32\``;
}

export interface ClientSecret {
  /** Of any of the readings, in a time that tells nothing of it. @throws Unavailable `client_secret_file` */
  isOneOf(readings: readonly string[]): Promise<boolean>;
}

/** @param file absolute */
export function createClientSecret(file: string, now: Clock): ClientSecret {
  let known: { readonly digest: Buffer; readonly readAt: number } | undefined;
  return Object.freeze<ClientSecret>({
    async isOneOf(readings) {
      const at = now();
      if (known === undefined || at < known.readAt || at - known.readAt >= freshFor) {
        known = { digest: digestOf(await read(file)), readAt: at };
      }
      const { digest } = known;
      const same = readings.map((reading) => timingSafeEqual(digestOf(reading), digest));
      return same.includes(true);
    },
  });
}

/** Of one length, whatever was sent. */
const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

async function read(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new Unavailable('client_secret_file', `The secret of the client cannot be read from ${file} (${code}).`);
  }
  const fault = secretFault(text);
  if (fault !== null) throw new Unavailable('client_secret_file', `${file} cannot be used: ${fault}.`);
  return text.trimEnd();
}
