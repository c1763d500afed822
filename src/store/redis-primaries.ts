/** The primaries, by mode: ioredis finds and follows them, and never sends anything twice. */
import { readFile } from 'node:fs/promises';
import { type RedisOptions as AnyClientOptions, Cluster, Redis } from 'ioredis';
import { StoreAway } from '../errors.js';
import { faultOf, RedisUnfit } from './redis-fault.js';
import { commandTimeout, createNode, type RedisNode } from './redis-node.js';
import type { RedisOptions } from './redis-options.js';
import { slotOf } from './redis-slot.js';

type ClientOptions = Omit<AnyClientOptions, 'replyMapping'>;

export interface Primaries {
  /** @throws Error while none is known for the key */
  of(key: string): RedisNode;
  /** Asks the cluster again who serves what. */
  refresh(): Promise<void>;
  close(): void;
}

/** Milliseconds. */
const longestPause = 1_000;
const connectTimeout = 1_000;

const pauseBefore = (attempt: number): number => Math.min(25 * 2 ** attempt, longestPause);

/** @throws Error when a file cannot be read, or does not hold what it should */
export async function openPrimaries(options: RedisOptions): Promise<Primaries> {
  const client = await clientOptions(options);
  if (options.mode === 'cluster') return openCluster(options, client);
  const redis =
    options.mode === 'single' ? new Redis(await atUrl(options, client)) : await behindSentinel(options, client);
  const node = createNode(redis);
  return Object.freeze<Primaries>({
    of: () => node,
    refresh: async () => {},
    close: () => redis.disconnect(),
  });
}

async function clientOptions({ username, password, tls }: RedisOptions): Promise<ClientOptions> {
  return {
    ...(username !== undefined && { username }),
    ...(password && { password: await secret(password.file) }),
    ...(tls && { tls: await readTls(tls) }),
    ...{ commandTimeout, connectTimeout, retryStrategy: pauseBefore, protocol: 2, disableClientInfo: true },
    // Nothing waits for a connection, and nothing is sent again: whoever asked is told at once, and decides.
    ...{ enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 },
    maxLoadingRetryTime: longestPause,
  };
}

async function readTls({ ca, cert, key }: NonNullable<RedisOptions['tls']>) {
  const read = async (file: { file: string } | undefined) => file && (await readFile(file.file));
  return { ca: await read(ca), cert: await read(cert), key: await read(key) };
}

const secret = async (file: string): Promise<string> => (await readFile(file, 'utf8')).trim();

async function atUrl({ url = '' }: RedisOptions, client: ClientOptions): Promise<ClientOptions> {
  const text = typeof url === 'string' ? url : await secret(url.file);
  if (!isRedisUrl(text)) throw new Error('store.url: its file holds no redis://HOST:PORT or rediss://HOST:PORT');
  const { protocol, hostname, port, pathname, username, password } = new URL(text);
  return {
    ...client,
    ...(protocol === 'rediss:' && { tls: client.tls ?? {} }),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db: Number(pathname.slice(1) || 0),
  };
}

/** Of a cluster and of Sentinels the number of the database is 0. */
export const isRedisUrl = (text: string): boolean =>
  /^rediss?:\/\/[^/?#\s]+(\/\d{0,4})?$/.test(text) && URL.canParse(text) && new URL(text).hostname !== '';

const addressesOf = ({ nodes = [] }: RedisOptions) =>
  nodes.map((node) => {
    const at = node.lastIndexOf(':');
    return { host: node.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(node.slice(at + 1)) };
  });

async function behindSentinel(options: RedisOptions, client: ClientOptions): Promise<Redis> {
  const { master = '', sentinelUsername, sentinelPassword } = options;
  return new Redis({
    ...client,
    ...{ sentinels: addressesOf(options), name: master, sentinelRetryStrategy: pauseBefore },
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword: await secret(sentinelPassword.file) }),
    ...(client.tls && { sentinelTLS: client.tls, enableTLSForSentinelMode: true }),
    // A primary that only we still reach has been replaced: Sentinel says so.
    ...{
      failoverDetector: true,
      sentinelReconnectStrategy: () => longestPause,
      sentinelCommandTimeout: commandTimeout,
    },
  });
}

function openCluster(options: RedisOptions, client: ClientOptions): Primaries {
  const { retryStrategy: _, enableOfflineQueue: __, ...redisOptions } = client;
  const cluster = new Cluster(addressesOf(options), {
    ...{ redisOptions, enableOfflineQueue: false, clusterRetryStrategy: pauseBefore },
    ...{ slotsRefreshTimeout: commandTimeout, slotsRefreshInterval: longestPause },
    // Names are kept, for certificates have them.
    dnsLookup: (address, callback) => callback(null, address),
  });
  let lastFault: unknown = new Error('closed');
  cluster.on('error', (error: { lastNodeError?: unknown }) => {
    lastFault = error.lastNodeError ?? error;
  });
  cluster.on('node error', (error: unknown) => {
    lastFault = error;
  });
  const nodes = new WeakMap<Redis, RedisNode>();
  return Object.freeze<Primaries>({
    of(key) {
      const address = cluster.slots[slotOf(key)]?.[0];
      const redis = cluster.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === address);
      if (redis === undefined) throw clusterFault(address, lastFault);
      const node = nodes.get(redis) ?? createNode(redis);
      nodes.set(redis, node);
      return node;
    },
    refresh: () => new Promise((resolve) => cluster.refreshSlotsCache(() => resolve())),
    close: () => cluster.disconnect(),
  });
}

function clusterFault(address: string | undefined, lastFault: unknown): Error {
  const fault = faultOf(lastFault, commandTimeout);
  if (fault instanceof RedisUnfit) return new RedisUnfit(`Redis cluster: ${fault.message}`, { cause: lastFault });
  if (address !== undefined) return new StoreAway(`Redis cluster: its node at ${address} is gone`);
  return new StoreAway(`Redis cluster: ${fault.message}`, { cause: lastFault });
}
