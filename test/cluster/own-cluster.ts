/** An API server of the test's own, which it may restart with other keys or another issuer. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { KubeConfig, VersionApi } from '@kubernetes/client-node';
import { freePort } from '../support/upstream.js';

/** The script that starts one; see CONTRIBUTING. */
const script = process.env.COUNTERSEAL_CLUSTER;

export const noOwnCluster =
  script === undefined
    ? 'skipped: COUNTERSEAL_CLUSTER does not name the script that starts an API server whose keys can be rotated'
    : undefined;

export interface OwnCluster {
  readonly kubeconfig: string;
  /** Restarts with a new signing key; the old one still verifies. */
  rotateKeys(): Promise<void>;
  close(): Promise<void>;
}

const run = (...parameters: string[]) => promisify(execFile)(script ?? '', parameters);

/** @param issuer left out: its own address */
export async function startOwnCluster(issuer?: string): Promise<OwnCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'counterseal-cluster-'));
  const kubeconfig = join(folder, 'kubeconfig');
  await run('up', '--dir', folder, '--port', `${await freePort()}`);
  const other = issuer === undefined ? undefined : await restartAs(folder, issuer);
  return {
    kubeconfig,
    async rotateKeys() {
      await run('rotate-keys', '--dir', folder);
    },
    async close() {
      if (other === undefined) await run('down', '--dir', folder);
      else await ended(other);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The script gives each its own issuer; self-managed clusters all have the same. */
async function restartAs(folder: string, issuer: string): Promise<ChildProcess> {
  const [pid] = (await readFile(join(folder, 'pid'), 'utf8')).split(' ');
  const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1);
  await run('down', '--dir', folder);
  const [program = '', ...parameters] = line.map((one) =>
    one.replace(/^(--service-account-issuer|--api-audiences)=.*/, `$1=${issuer}`),
  );
  const child = spawn(program, parameters, { stdio: 'ignore' });
  const config = new KubeConfig();
  config.loadFromFile(join(folder, 'kubeconfig'));
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const answer = await config
      .makeApiClient(VersionApi)
      .getCode()
      .catch(() => undefined);
    if (answer !== undefined) return child;
    await sleep(100);
  }
  child.kill('SIGKILL');
  throw new Error('the API server did not start again');
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
