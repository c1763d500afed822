/** The server under test: its metadata and its keys, each fetched once, when they are first asked for. */
import type { Endpoint } from './case.js';
import type { Answer, Send } from './http.js';
import type { Members } from './jws.js';
import type { Profile } from './profile.js';

export interface Server {
  readonly send: Send;
  /** Undefined: it is nowhere named. */
  endpoint(name: Endpoint): Promise<string | undefined>;
  /** The members of its key set. @throws Error when it cannot be had */
  keys(): Promise<readonly Members[]>;
}

const metadataNames: Readonly<Record<Endpoint, string>> = {
  token: 'token_endpoint',
  introspection: 'introspection_endpoint',
  revocation: 'revocation_endpoint',
  jwks: 'jwks_uri',
};

/** Where the metadata is (RFC 8414 §3.1): between the host and the path of the issuer. */
export function metadataUrl(issuer: string, name = 'oauth-authorization-server'): string {
  const { origin, pathname } = new URL(issuer);
  return `${origin}/.well-known/${name}${pathname.replace(/\/$/, '')}`;
}

export const get = (url: string) =>
  ({ method: 'GET', url, headers: [['Accept', 'application/json']], body: '' }) as const;

export function createServer({ issuer, endpoints, supports }: Profile, send: Send): Server {
  let metadata: Promise<Members> | undefined;
  let keys: Promise<readonly Members[]> | undefined;
  const readMetadata = async (): Promise<Members> => {
    if (!supports.has('metadata')) return {};
    const { json = {} } = await send(get(metadataUrl(issuer)));
    return json;
  };
  const endpoint = async (name: Endpoint): Promise<string | undefined> => {
    const given = endpoints[name];
    if (given !== undefined) return given;
    metadata ??= readMetadata();
    const found = (await metadata)[metadataNames[name]];
    return typeof found === 'string' && URL.canParse(found) ? found : undefined;
  };
  const readKeys = async (): Promise<readonly Members[]> => {
    const url = await endpoint('jwks');
    if (url === undefined) throw new Error('the key set is nowhere named');
    return keysIn(await send(get(url)));
  };
  return Object.freeze<Server>({
    send,
    endpoint,
    keys: () => {
      keys ??= readKeys();
      return keys;
    },
  });
}

function keysIn({ json }: Answer): readonly Members[] {
  const { keys } = json ?? {};
  if (!Array.isArray(keys)) throw new Error('the key set has no keys');
  return keys as readonly Members[];
}
