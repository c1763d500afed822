/**
 * `npm run bench`: (a) the crypto limit, (b) our service and (c) oidc-provider with the same exchange, in turns in one
 * run. Fails when an answer is wrong, never because of a number.
 *
 *   --rounds N   default 5            --seconds N   of each measurement, default 5
 *   --quick      one round of 1 s     --json FILE   the numbers as well
 *   --profile    a V8 CPU profile of (b) under load instead
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Contender, type Contenders, createContenders, timeStarts } from './contenders.js';
import type { CryptoOptions, CryptoResult } from './crypto-limit.js';
import type { LoadOptions, LoadResult } from './load.js';
import { askBesideService, askOnServiceCore, cpuTime, endAll, fileOf, peakMemory, type Server } from './processes.js';
import { findProfile, monotonicMicros, summarizeProfile } from './profile.js';
import { describeMachine, type Measured, type Round, renderProfile, renderResults } from './report.js';
import { type Material, prepareMaterial } from './workload.js';

const manyConnections = 32;
/** Seconds. V8 goes on optimizing until some 15,000 exchanges are done. */
const usualWarmUp = 30;

interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  /** Seconds before anything counts. */
  readonly warmUp: number;
  /** How often each service is started to see how long its first token takes. */
  readonly starts: number;
}

type Load = Pick<LoadOptions, 'connections' | 'seconds'>;

async function measure(server: Server, { clientId }: Contender, { exchangesFile }: Material, load: Load) {
  const options: LoadOptions = { url: `${server.url}/token`, clientId, exchangesFile, ...load };
  const before = cpuTime(server.pid);
  const { exchanges, p50, p99, generatorBusy } = await askBesideService<LoadResult>('load.js', options);
  const after = cpuTime(server.pid);
  const all = after.all - before.all;
  return Object.freeze<Measured>({
    perCpuSecond: exchanges / all,
    mainThreadShare: (after.main - before.main) / all,
    exchangesPerSecond: exchanges / load.seconds,
    p50,
    p99,
    generatorBusy,
  });
}

async function compare({ ours, peer }: Contenders, material: Material, { rounds, seconds, warmUp, starts }: Plan) {
  progress('starts');
  const firstTokens = [await timeStarts(ours, material, starts), await timeStarts(peer, material, starts)] as const;
  const [oursServer, peerServer] = [await ours.start(), await peer.start()];
  const loadOurs = (connections: number, duration: number) =>
    measure(oursServer, ours, material, { connections, seconds: duration });
  const loadPeer = (connections: number, duration: number) =>
    measure(peerServer, peer, material, { connections, seconds: duration });
  progress('warm-up');
  await loadOurs(manyConnections, warmUp);
  await loadPeer(manyConnections, warmUp);
  const results: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    progress(`round ${round} of ${rounds}`);
    const options: CryptoOptions = { ...material, seconds };
    const { operations, cpuSeconds } = await askOnServiceCore<CryptoResult>('crypto-limit.js', options);
    results.push({
      limit: operations / cpuSeconds,
      ours: { many: await loadOurs(manyConnections, seconds), one: await loadOurs(1, seconds / 2) },
      peer: { many: await loadPeer(manyConnections, seconds), one: await loadPeer(1, seconds / 2) },
    });
  }
  const memory = [peakMemory(oursServer.pid), peakMemory(peerServer.pid)] as const;
  await oursServer.stop();
  await peerServer.stop();
  return {
    rounds: results,
    ours: { peakMemory: memory[0], firstToken: firstTokens[0] },
    peer: { peakMemory: memory[1], firstToken: firstTokens[1] },
  };
}

async function profile(
  { ours }: Contenders,
  material: Material,
  folder: string,
  { seconds, warmUp }: Plan,
): Promise<string> {
  const server = await ours.start(['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=250']);
  progress('profile');
  await measure(server, ours, material, { connections: manyConnections, seconds: warmUp });
  const from = monotonicMicros();
  const { exchangesPerSecond } = await measure(server, ours, material, { connections: manyConnections, seconds });
  const to = monotonicMicros();
  await server.stop();
  const file = findProfile(folder);
  const kept = fileOf('../counterseal.cpuprofile');
  copyFileSync(file, kept);
  return `${renderProfile(summarizeProfile(file, { from, to }, exchangesPerSecond * seconds))}\n\nThe profile: ${kept}`;
}

const progress = (what: string) => process.stderr.write(`bench: ${what}\n`);

function readArguments() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const plan: Plan = values.quick
    ? { rounds: 1, seconds: 1, warmUp: 1, starts: 1 }
    : { rounds: Number(values.rounds), seconds: Number(values.seconds), warmUp: usualWarmUp, starts: 5 };
  if (!(plan.rounds >= 1 && plan.seconds >= 1)) throw new Error('--rounds and --seconds take numbers from 1');
  return { plan, profiling: values.profile, json: values.json };
}

async function main(): Promise<void> {
  const { plan, profiling, json } = readArguments();
  const folder = mkdtempSync(join(tmpdir(), 'counterseal-bench-'));
  process.once('exit', () => {
    endAll();
    // A child that was just killed may still be writing.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const material = prepareMaterial(folder);
  const contenders = createContenders(folder, material);
  if (profiling) {
    process.stdout.write(`${await profile(contenders, material, folder, plan)}\n`);
    return;
  }
  const results = { machine: describeMachine(folder), ...(await compare(contenders, material, plan)) };
  process.stdout.write(`${renderResults(results)}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
}

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

main().catch((error: unknown) => {
  progress(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
