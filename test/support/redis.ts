/** Real Redis servers on free ports, in a folder that goes with them. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './upstream.js';

export interface RedisServer {
  readonly port: number;
  readonly address: string;
  readonly url: string;
  /** What redis-cli prints for a command. */
  cli(...command: string[]): Promise<string>;
  signal(name: NodeJS.Signals): void;
  /** As a machine that loses power. */
  kill(): Promise<void>;
  /** The same command line and folder again. */
  start(): Promise<void>;
}

export interface Servers {
  readonly servers: readonly RedisServer[];
  readonly folder: string;
  stop(): Promise<void>;
}

/** Skips the tests of a suite on a machine without Redis; CI has it. */
export function needRedis(context: Mocha.Context): void {
  if (spawnSync('redis-server', ['--version']).status === 0) return;
  if (process.env.CI !== undefined) throw new Error('redis-server is missing: apt-get install redis-server');
  context.skip();
}

/** The port of a cluster's bus lies 10,000 higher: ports of both have to be free. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = await freePort();
    ports.add(port > 50_000 ? port - 20_000 : port);
  }
  return [...ports];
}

/** @param options by server, as on the command line */
export async function startRedis(...options: (readonly string[])[]): Promise<Servers> {
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-redis-'));
  const ports = await freePorts(options.length);
  const servers = options.map((each, index) => createServerAt(folder, ports[index] ?? 0, each));
  await Promise.all(servers.map((server) => server.start()));
  return {
    servers,
    folder,
    async stop() {
      await Promise.all(servers.map((server) => server.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function createServerAt(folder: string, port: number, options: readonly string[]): RedisServer {
  let child: ChildProcess | undefined;
  const authority = options.includes('--requirepass')
    ? ['-a', options[options.indexOf('--requirepass') + 1] ?? '']
    : [];
  const cli: RedisServer['cli'] = async (...command) => {
    const answer = await promisify(execFile)('redis-cli', [
      '-p',
      String(port),
      '--no-auth-warning',
      ...authority,
      ...command,
    ]);
    return answer.stdout.trim();
  };
  return {
    port,
    address: `127.0.0.1:${port}`,
    url: `redis://127.0.0.1:${port}`,
    cli,
    signal: (name) => void child?.kill(name),
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    async start() {
      const own = ['--port', String(port), '--dir', folder, '--save', '', '--dbfilename', `${port}.rdb`];
      const args = options.includes('--sentinel') ? options : [...own, ...options];
      child = spawn('redis-server', [...args.map((each) => each.replaceAll('PORT', String(port)))], {
        stdio: 'ignore',
        cwd: folder,
      });
      await until(async () => /PONG|NOAUTH|LOADING/.test(await cli('ping').catch(() => '')));
    },
  };
}

/** @param limit milliseconds */
export async function until(holds: () => Promise<boolean> | boolean, limit = 20_000): Promise<void> {
  const end = performance.now() + limit;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`It did not come true within ${limit} ms: ${holds}`);
    await sleep(50);
  }
}

/** A primary with one replica, which is connected. */
export const startPair = (...options: string[]): Promise<Servers> => startReplicated(1, options);

async function startReplicated(replicas: number, options: readonly string[]): Promise<Servers> {
  const all = await startRedis(...Array.from({ length: 1 + replicas }, () => [...fast, ...options]));
  await follow(all);
  return all;
}

const fast = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];

async function follow({ servers: [primary, ...replicas] }: Servers): Promise<void> {
  for (const { cli } of replicas) await cli('replicaof', '127.0.0.1', String(primary?.port));
  await until(async () => (await onlineOf(primary)) === replicas.length);
}

/** How many replicas are connected and have acknowledged something: one that is online is sent nothing before its first word, up to a second. */
async function onlineOf(primary: RedisServer | undefined): Promise<number> {
  const info = (await primary?.cli('info', 'replication')) ?? '';
  return info.match(/state=online,offset=[1-9]/g)?.length ?? 0;
}

/** Three primaries with a replica each; `spare`: the first has one more, so that who takes over from it has one. */
export async function startCluster(spare: 0 | 1): Promise<Servers> {
  const options = [
    ...fast,
    '--cluster-enabled',
    'yes',
    '--cluster-config-file',
    'nodes-PORT.conf',
    '--cluster-node-timeout',
    '1000',
  ];
  const cluster = await startRedis(...Array.from({ length: 6 + spare }, () => options));
  const addresses = cluster.servers.map(({ address }) => address);
  const create = ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'];
  await promisify(execFile)('redis-cli', create);
  await until(async () => {
    const states = await Promise.all(cluster.servers.map(({ cli }) => cli('cluster', 'info')));
    const online = await Promise.all(cluster.servers.slice(0, 3).map(onlineOf));
    const linked = online.every((count, index) => count === (index === 0 ? 1 + spare : 1));
    return linked && states.every((state) => state.includes('cluster_state:ok'));
  });
  return cluster;
}

export interface SentinelServers extends Servers {
  /** Of Sentinels. */
  readonly nodes: readonly string[];
}

export interface Guards {
  /** Of the data nodes, on the command line. */
  readonly options: readonly string[];
  /** Lines for the file of each Sentinel. */
  readonly sentinel: string;
  /** Of Sentinels' default user. */
  readonly sentinelPassword: string;
}

/** A primary, replicas, and three Sentinels that call the primary `main`. */
export async function startSentinels(replicas: 1 | 2, guards?: Guards): Promise<SentinelServers> {
  const pair = await startReplicated(replicas, guards?.options ?? []);
  const authority = guards ? ['--requirepass', guards.sentinelPassword] : [];
  const ports = await freePorts(3);
  const sentinels = await Promise.all(
    ports.map(async (port) => {
      const file = join(pair.folder, `sentinel-${port}.conf`);
      await writeFile(file, `${sentinelText(port, pair.servers[0]?.port ?? 0)}${guards?.sentinel ?? ''}`);
      const sentinel = createServerAt(pair.folder, port, [file, '--sentinel', ...authority]);
      await sentinel.start();
      return sentinel;
    }),
  );
  await until(async () => {
    const told = await Promise.all(sentinels.map(({ cli }) => cli('sentinel', 'master', 'main')));
    return told.every(
      (each) => /num-other-sentinels\s+2/.test(each) && each.split(/\s+/).join(' ').includes(`num-slaves ${replicas}`),
    );
  });
  return {
    servers: pair.servers,
    folder: pair.folder,
    nodes: sentinels.map(({ address }) => address),
    async stop() {
      await Promise.all(sentinels.map((sentinel) => sentinel.kill()));
      await pair.stop();
    },
  };
}

const sentinelText = (port: number, primary: number): string => `
port ${port}
sentinel monitor main 127.0.0.1 ${primary} 2
sentinel down-after-milliseconds main 800
sentinel failover-timeout main 3000
`;
