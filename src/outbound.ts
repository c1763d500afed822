/**
 * The only way out. Whom we call stands in the configuration, or in a document that was fetched from there; neither may
 * lead to an address that nobody meant. The check is made on the very address that is connected to, so a name that
 * resolves differently the second time gains nothing.
 */
import { X509Certificate } from 'node:crypto';
import { lookup as resolveName } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import type { Dispatcher } from 'undici';
import { contains, isPublic, loopback, networks } from './addresses.js';
import { withDeadline } from './deadline.js';
import { Unavailable } from './errors.js';

/** Milliseconds for a whole request, from the look-up of the name to the last byte. */
const deadline = 5_000;
const defaultMaxBytes = 1024 * 1024;

export interface Address {
  readonly address: string;
  readonly family: number;
}

export interface OutboundOptions {
  /** PEM certificates that are trusted beside the well-known roots. */
  readonly ca?: string;
  /** Networks as `10.0.0.0/8` that may be called although they are not public. */
  readonly allow: readonly string[];
  /** IP addresses as `URL` writes them, IPv6 without brackets, that may be called where a URL has them literally. */
  readonly literalHosts: ReadonlySet<string>;
  /** Every address of a name. Default: the system's resolver. */
  readonly resolve?: (hostname: string) => Promise<readonly Address[]>;
}

export interface Outbound {
  /**
   * GET without credentials, over https, or over http where the address is a loopback one.
   * @throws Unavailable `outbound_scheme`, `outbound_address`, `outbound_status` (anything but 200, a redirect included),
   *   `outbound_too_large`, `outbound_late`, `outbound_failed`, `outbound_not_json`; nothing that the other side sent is in it
   */
  getJson(url: string, options: GetOptions): Promise<unknown>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

interface GetOptions {
  readonly signal: AbortSignal;
  /** Default 1 MiB. */
  readonly maxBytes?: number;
}

/** @throws Error when `allow` or `ca` is malformed */
export function createOutbound(options: OutboundOptions): Outbound {
  const connectOptions = createConnectOptions(options);
  let client: Promise<Client> | undefined;
  return Object.freeze<Outbound>({
    async getJson(text, { signal, maxBytes = defaultMaxBytes }) {
      const url = readUrl(text);
      const late = () => unavailable('outbound_late', url, `there was no answer within ${deadline} ms`);
      client ??= createClient(connectOptions);
      const { get } = await client;
      return withDeadline(deadline, signal, late, async (limited) => parse(await get(url, limited, maxBytes), url));
    },
    async close() {
      await (await client)?.close();
    },
  });
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new Unavailable('outbound_scheme', 'The URL to call is not an https URL without a user.');
  }
  return url;
}

interface Client {
  readonly get: (url: URL, signal: AbortSignal, maxBytes: number) => Promise<Buffer>;
  readonly close: () => Promise<void>;
}

/** Loads the HTTP client at the first call: a service whose keys are files never does. */
async function createClient(connectOptions: ConnectOptions): Promise<Client> {
  const { Agent, buildConnector } = await import('undici');
  const { permits, resolve, ca } = connectOptions;
  const connectors = new Map(
    ['http:', 'https:'].map((protocol) => {
      const lookup = checkedLookup(resolve, (address) => permits(protocol, address));
      // No TLS sessions are kept: a certificate authority that was taken out must not live on in one.
      return [protocol, buildConnector({ ...ca, lookup, maxCachedSessions: 0, timeout: deadline })];
    }),
  );
  const agent = new Agent({
    connect(target, callback) {
      const { protocol, hostname } = target;
      // Node does not ask `lookup` about an address.
      const host = unbracketed(hostname);
      const connect = connectors.get(protocol);
      const isRefused = isIP(host) !== 0 && !permits(protocol, host, true);
      if (connect === undefined || isRefused) callback(new AddressRefused(host), null);
      else connect(target, callback);
    },
  });
  return {
    close: () => agent.destroy(),
    async get(url, signal, maxBytes) {
      try {
        return await readBody(await request(agent, url, signal), maxBytes, url);
      } catch (error) {
        throw translate(error, url);
      }
    },
  };
}

function request(agent: Dispatcher, url: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  return agent.request({
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method: 'GET',
    // The API server answers 406 to a client that names application/json alone.
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal,
  });
}

async function readBody(response: Dispatcher.ResponseData, maxBytes: number, url: URL): Promise<Buffer> {
  const { statusCode, body } = response;
  // Without a listener, giving the body up would be an uncaught error.
  body.on('error', () => {});
  if (statusCode !== 200) {
    body.destroy();
    throw unavailable('outbound_status', url, `the status is ${statusCode}, not 200; redirects are not followed`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw unavailable('outbound_too_large', url, `the answer is over ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(bytes: Buffer, url: URL): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw unavailable('outbound_not_json', url, 'the answer is not JSON');
  }
}

/** Messages of the network and of parsers may quote the other side: only codes are told. */
function translate(error: unknown, url: URL): Unavailable {
  if (error instanceof Unavailable) return error;
  if (error instanceof AddressRefused) {
    const advice = 'to allow it, add its network to outbound.allow; http is for loopback only';
    return unavailable('outbound_address', url, `${error.address} may not be called; ${advice}`);
  }
  const { code } = error as NodeJS.ErrnoException;
  return unavailable('outbound_failed', url, `the request failed (${typeof code === 'string' ? code : 'no code'})`);
}

const unavailable = (reason: string, url: URL, what: string) =>
  new Unavailable(reason, `GET ${url.origin}${url.pathname}: ${what}.`);

class AddressRefused extends Error {
  constructor(readonly address: string) {
    super('The address is not permitted.');
  }
}

interface ConnectOptions {
  readonly permits: (protocol: string, address: string, isLiteral?: boolean) => boolean;
  readonly resolve: (hostname: string) => Promise<readonly Address[]>;
  readonly ca: { readonly secureContext?: SecureContext };
}

function createConnectOptions({ ca, allow, literalHosts, resolve }: OutboundOptions): ConnectOptions {
  const allowed = networks(allow);
  return {
    resolve: resolve ?? ((hostname) => resolveName(hostname, { all: true })),
    ca: ca === undefined ? {} : { secureContext: trusting(ca) },
    permits(protocol, address, isLiteral = false) {
      if (protocol === 'http:' && !contains(loopback, address)) return false;
      return isPublic(address) || contains(allowed, address) || (isLiteral && literalHosts.has(address));
    },
  };
}

/** @throws Error for text that has no certificate: TLS would take it in silence, and trust nobody more */
function trusting(ca: string): SecureContext {
  try {
    new X509Certificate(ca);
  } catch {
    throw new Error('outbound.ca has no PEM certificate: name a file that begins with -----BEGIN CERTIFICATE-----');
  }
  return createSecureContext({ ca: [...rootCertificates, ca] });
}

/** A look-up that answers with permitted addresses only, which are then the ones that are connected to. */
function checkedLookup(resolve: ConnectOptions['resolve'], permits: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first, ...others] = addresses.filter(({ address }) => permits(address));
        if (first === undefined) callback(new AddressRefused(addresses[0]?.address ?? hostname), '');
        else if (options.all) callback(null, [first, ...others]);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, ''),
    );
  };
}

const unbracketed = (hostname: string) => hostname.replace(/^\[(.*)\]$/, '$1');
