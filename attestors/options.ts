/** Kinds of values that the configuration and the attestors' options share. */
import { z } from 'zod';
import { verificationAlgorithms } from './attestor.js';

const unit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };

const aDuration = 'a duration such as 90s, 10m, 25h or 30d';

/** A duration such as `90s`, `10m`, `25h` or `30d`, as whole seconds; at least one second. */
export const duration = () =>
  z
    .string({ error: aDuration })
    .regex(/^[1-9][0-9]{0,8}[smhd]$/, { error: aDuration })
    .transform((text) => Number(text.slice(0, -1)) * (unit[text.slice(-1)] ?? 1));

/** A short time such as `300ms` or `2s`, as whole milliseconds, within bounds that are milliseconds too. */
export const milliseconds = (least: number, most: number) => {
  const what = `a time from ${least}ms to ${most}ms, such as 300ms or 2s`;
  return z
    .string({ error: what })
    .regex(/^[1-9][0-9]{0,8}m?s$/, { error: what })
    .transform((written) => (written.endsWith('ms') ? 1 : 1000) * Number.parseInt(written, 10))
    .refine((time) => time >= least && time <= most, { error: what });
};

/** SPIFFE-ID §2.1. */
export const trustDomainForm = /^[a-z0-9._-]{1,255}$/;
export const aTrustDomain = 'a SPIFFE trust domain such as example.com: a-z, 0-9, ".", "-" and "_"';

/** What a URL may hold: ASCII without space and control characters. */
export const printable = /^[\x21-\x7e]+$/;

/** Non-empty text without control characters, at most 512 characters. */
export const text = (what: string) =>
  z.string({ error: what }).regex(/^[^\u0000-\u001f\u007f]{1,512}$/, { error: what });

/** @param hostname as `URL.hostname` has it: lower case, an IPv6 address in brackets */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** As identifiers that are compared byte for byte have to be written (RFC 8414 §2): only one way is accepted. */
export const isBaseUrl = (value: string): boolean => {
  if (!URL.canParse(value) || value.endsWith('/')) return false;
  const url = new URL(value);
  const canonical = url.pathname === '/' ? url.origin : `${url.origin}${url.pathname}`;
  return value === canonical && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)));
};

export const aBaseUrl =
  'an https URL without query, fragment, user and trailing slash, as URLs are normalised (http only on loopback)';

const maxStale = duration()
  .prefault('1h')
  .describe('How long keys are used after the last time that they could be loaded.');

/** The URL of a JWK Set, as the way out calls it: over http on loopback only. */
const jwksUri = z
  .url({ protocol: /^https?$/, error: 'the URL of a JWK Set' })
  .refine((uri) => !/^http:/i.test(uri) || !URL.canParse(uri) || isLoopback(new URL(uri).hostname), {
    error: 'the URL of a JWK Set with https (http only on loopback)',
  });

/** What tokens may be signed with. */
export const listOfAlgorithms = z
  .array(z.enum(verificationAlgorithms), { error: 'a list of signature algorithms' })
  .min(1, { error: 'a list of at least one signature algorithm' })
  .refine((list) => new Set(list).size === list.length, { error: 'a list of signature algorithms, each once' });

const atUri = z.strictObject({ jwksUri, maxStale });
const inFile = z.strictObject({ jwksFile: text('the path of a JWK Set'), maxStale });

/** Keys that are where the block says. */
export const namedKeys = z.union([atUri, inFile], {
  error: 'one of { jwksUri: URL } and { jwksFile: FILE }, with maxStale if wanted',
});

/** @param origin what `from` says where the keys are neither at a URL nor in a file that the block names */
export const keysOptions = <Origin extends string>(origin: Origin) =>
  z.union([z.strictObject({ from: z.literal(origin), maxStale }), atUri, inFile], {
    error: `one of { from: ${origin} }, { jwksUri: URL } and { jwksFile: FILE }, with maxStale if wanted`,
  });

/** Whether a token may have audiences beside ours. */
export const otherAudiences = z
  .enum(['refuse', 'allow'])
  .default('refuse')
  .describe('Whether a token may have audiences beside ours.');

/** A name that is a key of the configuration, and a segment of subjects and records. */
export const name = (what: string) =>
  z.string({ error: what }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { error: what });
