/**
 * `npm run bench`: (a) the crypto limit, (b) our service, (c) oidc-provider with the same exchange, (d) the bare job, and
 * (e) our service while it watches a cluster of 5,000 pods of which 50 change each second; in turns in one run. Fails when an answer is wrong, never because of these numbers.
 *
 * Then what a decision of the policy costs, beside (a): fails when one among 10,000 rules costs more than twice one among 20.
 *
 *   --rounds N   default 5            --seconds N   of each measurement, default 5
 *   --quick      one round of 1 s     --json FILE   the numbers as well
 *   --profile    a V8 CPU profile of (b) under load instead
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Contender, createContenders, timeStarts } from './contenders.js';
import type { CryptoOptions, CryptoResult } from './crypto-limit.js';
import type { LoadOptions, LoadResult } from './load.js';
import type { PolicyOptions, PolicyResult } from './policy.js';
import { askBesideService, askOnServiceCore, cpuTime, endAll, fileOf, peakMemory, type Server } from './processes.js';
import { findProfile, monotonicMicros, summarizeProfile } from './profile.js';
import {
  describeMachine,
  type Measured,
  manyOverFew,
  type Round,
  renderProfile,
  renderResults,
  type ServiceName,
  type Standing,
} from './report.js';
import { type Material, prepareMaterial } from './workload.js';

const manyConnections = 32;
/** Seconds. V8 goes on optimizing until some 40,000 exchanges are done. */
const usualWarmUp = 30;

interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  /** Seconds before anything counts. */
  readonly warmUp: number;
  /** How often each service is started to see how long its first token takes. */
  readonly starts: number;
  /** Decisions of each case of the policy in a round. */
  readonly decisions: number;
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

async function compare(contenders: readonly Contender[], material: Material, plan: Plan) {
  const { rounds, seconds, warmUp, starts } = plan;
  progress('starts');
  const firstTokens = await inTurns(contenders, (contender) => timeStarts(contender, material, starts));
  const servers = await inTurns(contenders, (contender) => contender.start());
  const load = (contender: Contender, connections: number, duration: number) =>
    measure(servers[contender.name], contender, material, { connections, seconds: duration });
  progress('warm-up');
  await inTurns(contenders, (contender) => load(contender, manyConnections, warmUp));
  const results: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    progress(`round ${round} of ${rounds}`);
    const options: CryptoOptions = { ...material, seconds };
    const { operations, cpuSeconds } = await askOnServiceCore<CryptoResult>('crypto-limit.js', options);
    const services = await inTurns(contenders, async (contender) => ({
      many: await load(contender, manyConnections, seconds),
      one: await load(contender, 1, seconds / 2),
    }));
    results.push({ limit: operations / cpuSeconds, services });
  }
  const standings = await inTurns(contenders, async ({ name }): Promise<Standing> => {
    const memory = peakMemory(servers[name].pid);
    await servers[name].stop();
    return { peakMemory: memory, firstToken: firstTokens[name] };
  });
  return { rounds: results, standings };
}

/** Some rounds even of the quick run: the best of them is what noise cannot spoil. */
function decisions(plan: Plan): Promise<PolicyResult> {
  progress('decisions');
  const options: PolicyOptions = { rounds: Math.max(plan.rounds, 3), decisions: plan.decisions };
  return askOnServiceCore<PolicyResult>('policy.js', options);
}

/** One after the other: never two under load at a time. */
async function inTurns<Result>(contenders: readonly Contender[], each: (contender: Contender) => Promise<Result>) {
  const results: [ServiceName, Result][] = [];
  for (const contender of contenders) results.push([contender.name, await each(contender)]);
  return Object.fromEntries(results) as Record<ServiceName, Result>;
}

async function profile(
  ours: Contender,
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
    ? { rounds: 1, seconds: 1, warmUp: 1, starts: 1, decisions: 5_000 }
    : {
        rounds: Number(values.rounds),
        seconds: Number(values.seconds),
        warmUp: usualWarmUp,
        starts: 5,
        decisions: 20_000,
      };
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
  const contenders = await createContenders(folder, material);
  const [ours] = contenders;
  if (profiling && ours !== undefined) {
    process.stdout.write(`${await profile(ours, material, folder, plan)}\n`);
    return;
  }
  const compared = await compare(contenders, material, plan);
  const results = { machine: describeMachine(folder), ...compared, policy: await decisions(plan) };
  process.stdout.write(`${renderResults(results)}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
  const least = Math.min(...manyOverFew(results.policy.cases));
  if (least > 2) throw new Error(`a decision among 10,000 rules costs ${least.toFixed(1)} times one among 20`);
}

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

main().then(
  () => process.exit(0),
  (error: unknown) => {
    progress(error instanceof Error ? error.message : String(error));
    process.exit(1);
  },
);
