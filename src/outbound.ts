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
import type { FollowCall, OutboundAnswer, OutboundRequest } from '../attestors/attestor.js';
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
  /** http to any address that may be called; else to loopback only. */
  readonly plainHttp?: true;
  /** Every address of a name. Default: the system's resolver. */
  readonly resolve?: (hostname: string) => Promise<readonly Address[]>;
  /** Left out: nothing is traced. */
  readonly follow?: FollowCall | undefined;
}

export interface SentRequest extends OutboundRequest {
  /** Whoever is called may take part in our trace: a `traceparent` is sent, if there is one. */
  readonly joinsTrace?: true;
}

export interface Outbound {
  /**
   * GET without credentials, over https, or over http where the address is a loopback one.
   * @throws Unavailable `outbound_scheme`, `outbound_address`, `outbound_status` (anything but 200, a redirect included),
   *   `outbound_too_large`, `outbound_late`, `outbound_failed`, `outbound_not_json`; nothing that the other side sent is in it,
   *   but for the IP address that may not be called
   */
  getJson(url: string, options: GetOptions): Promise<unknown>;
  /**
   * One request, whatever the status of its answer. Same addresses, same limits.
   * @throws Unavailable as `getJson` does, but for `outbound_status` and `outbound_not_json`
   */
  send(url: string, request: SentRequest): Promise<OutboundAnswer>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

interface GetOptions {
  readonly signal: AbortSignal;
  /** Default 1 MiB. */
  readonly maxBytes?: number;
  /**
   * The URL of the document that the URL to call stands in. Nobody wrote that one into the configuration: `literalHosts` permits
   * it only on the host that the document came from, and errors name the document instead.
   */
  readonly foundIn?: string;
}

/** The API server answers 406 to a client that names application/json alone. */
const keyHeaders = { accept: 'application/jwk-set+json, application/json' };

/** What is called, and what errors call it. */
interface Target {
  readonly url: URL;
  readonly name: string;
}

/** @throws Error when `allow` or `ca` is malformed */
export function createOutbound(options: OutboundOptions): Outbound {
  const connectOptions = createConnectOptions(options);
  let client: Promise<Client> | undefined;
  const call: Client['call'] = async (target, request, isWanted) => {
    const late = () => unavailable('outbound_late', target, `there was no answer within ${deadline} ms`);
    client ??= createClient(connectOptions);
    const { call } = await client;
    return withDeadline(deadline, request.signal, late, (signal) => call(target, { ...request, signal }, isWanted));
  };
  const { follow } = options;
  const callFollowed = follow === undefined ? call : following(call, follow);
  return Object.freeze<Outbound>({
    async getJson(text, { foundIn, ...limits }) {
      const target = readTarget('GET', text, foundIn);
      if (foundIn !== undefined) checkFound(target, foundIn, connectOptions.permits);
      const { body } = await callFollowed(
        target,
        { method: 'GET', headers: keyHeaders, ...limits },
        (status) => status === 200,
      );
      return parse(body, target);
    },
    send: async (text, request) => callFollowed(readTarget(request.method, text), request),
    async close() {
      await (await client)?.close();
    },
  });
}

function readTarget(method: string, text: string, foundIn?: string): Target {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new Unavailable('outbound_scheme', 'The URL to call is not an https URL without a user.');
  }
  return {
    url,
    name: foundIn === undefined ? `${method} ${url.origin}${url.pathname}` : `${method} of a URL in ${foundIn}`,
  };
}

/** Before any connection: one to the same address may be open already, for somebody who may call it. */
function checkFound(target: Target, foundIn: string, permits: ConnectOptions['permits']): void {
  const { protocol, hostname } = target.url;
  const host = unbracketed(hostname);
  if (isIP(host) === 0 || hostname === new URL(foundIn).hostname || permits(protocol, host)) return;
  throw translate(new AddressRefused(host), target);
}

interface Client {
  /** @param isWanted by which status; of another answer the body is not read, and there is an error */
  readonly call: (
    target: Target,
    request: SentRequest,
    isWanted?: (status: number) => boolean,
  ) => Promise<OutboundAnswer>;
  readonly close: () => Promise<void>;
}

const following =
  (call: Client['call'], follow: FollowCall): Client['call'] =>
  async (target, request, isWanted = () => true) => {
    const followed = follow(request.method, target.url);
    if (followed === undefined) return call(target, request, isWanted);
    const { traceparent } = followed;
    const headers = request.joinsTrace ? { ...request.headers, traceparent } : request.headers;
    let status: number | null = null;
    const noteStatus = (seen: number) => {
      status = seen;
      return isWanted(seen);
    };
    try {
      const answer = await call(target, { ...request, headers }, noteStatus);
      followed.ended(status);
      return answer;
    } catch (error) {
      followed.ended(status, error instanceof Unavailable ? error.reason : 'internal');
      throw error;
    }
  };

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
    async call(target, { method, headers, body = null, signal, maxBytes = defaultMaxBytes }, isWanted = () => true) {
      const { origin, pathname, search } = target.url;
      try {
        const response = await agent.request({ origin, path: `${pathname}${search}`, method, headers, body, signal });
        const { statusCode: status } = response;
        const type = response.headers['content-type'];
        const bytes = await readBody(response, maxBytes, target, isWanted);
        return { status, contentType: typeof type === 'string' ? type : null, body: bytes };
      } catch (error) {
        throw translate(error, target);
      }
    },
  };
}

async function readBody(
  response: Dispatcher.ResponseData,
  maxBytes: number,
  target: Target,
  isWanted: (status: number) => boolean,
): Promise<Buffer> {
  const { statusCode, body } = response;
  // Without a listener, giving the body up would be an uncaught error.
  body.on('error', () => {});
  if (!isWanted(statusCode)) {
    body.destroy();
    throw unavailable('outbound_status', target, `the status is ${statusCode}, not 200; redirects are not followed`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw unavailable('outbound_too_large', target, `the answer is over ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(bytes: Buffer, target: Target): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw unavailable('outbound_not_json', target, 'the answer is not JSON');
  }
}

/** Messages of the network and of parsers may quote the other side: only codes are told. */
function translate(error: unknown, target: Target): Unavailable {
  if (error instanceof Unavailable) return error;
  if (error instanceof AddressRefused) {
    const advice = 'to allow it, add its network to outbound.allow; http is for loopback only';
    return unavailable('outbound_address', target, `${error.address} may not be called; ${advice}`);
  }
  const { code } = error as NodeJS.ErrnoException;
  return unavailable('outbound_failed', target, `the request failed (${typeof code === 'string' ? code : 'no code'})`);
}

const unavailable = (reason: string, { name }: Target, what: string) => new Unavailable(reason, `${name}: ${what}.`);

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

function createConnectOptions({ ca, allow, literalHosts, plainHttp, resolve }: OutboundOptions): ConnectOptions {
  const allowed = networks(allow);
  return {
    resolve: resolve ?? ((hostname) => resolveName(hostname, { all: true })),
    ca: ca === undefined ? {} : { secureContext: trusting(ca) },
    permits(protocol, address, isLiteral = false) {
      if (protocol === 'http:' && !plainHttp && !contains(loopback, address)) return false;
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
