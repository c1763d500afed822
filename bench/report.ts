/** What was measured, as a table for people. */
import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { PolicyCase, PolicyResult } from './policy.js';
import { canPin, nodeOptions } from './processes.js';
import type { ProfileSummary } from './profile.js';

/** In the order of the columns. */
export const serviceNames = ['counterseal', 'oidc-provider', 'bare job', 'watching'] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface Measured {
  /** Exchanges in one second of CPU time of the whole server, all threads, user and system. */
  readonly perCpuSecond: number;
  /** Of the CPU time, what the thread that runs JavaScript took. */
  readonly mainThreadShare: number;
  readonly exchangesPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly generatorBusy: number;
}

export interface Round {
  /** Operations in a second of CPU time: (a). */
  readonly limit: number;
  /** By the service's name: at many connections, and at one. */
  readonly services: Readonly<Record<ServiceName, { readonly many: Measured; readonly one: Measured }>>;
}

export interface Standing {
  /** MiB, the most that was ever resident. */
  readonly peakMemory: number;
  /** Milliseconds from the start of node to the first token, for each start. */
  readonly firstToken: readonly number[];
}

interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory: string;
  readonly kernel: string;
  readonly node: string;
  readonly pinned: boolean;
  /** Of the audit file and the store. */
  readonly fileSystem: string;
}

interface Results {
  readonly machine: Machine;
  readonly rounds: readonly Round[];
  readonly standings: Readonly<Record<ServiceName, Standing>>;
  readonly policy: PolicyResult;
}

const fileSystems: Readonly<Record<number, string>> = {
  61267: 'ext4',
  16914836: 'tmpfs (nothing is synced: strict audit costs nothing here)',
  2035054128: 'overlayfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
};

export function describeMachine(folder: string): Machine {
  const { type } = statfsSync(folder);
  return Object.freeze({
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `Linux ${release()}`,
    node: process.version,
    pinned: canPin,
    fileSystem: fileSystems[type] ?? `type 0x${type.toString(16)}`,
  });
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

const spread = (values: readonly number[], digits = 0) =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;

export function renderResults({ machine, rounds, standings, policy }: Results): string {
  const row = (what: string, limit: string, cell: (name: ServiceName) => string) => [
    what,
    limit,
    ...serviceNames.map(cell),
  ];
  const over = (value: (round: Round) => number, digits?: number) => spread(rounds.map(value), digits);
  const rows = [
    ['', '(a) crypto limit', '(b) counterseal', '(c) oidc-provider', '(d) the bare job', '(e) (b), watching'],
    row(
      'exchanges per CPU-second',
      over(({ limit }) => limit),
      (name) => over(({ services }) => services[name].many.perCpuSecond),
    ),
    row('of (a), round by round', '1', (name) =>
      over(({ limit, services }) => services[name].many.perCpuSecond / limit, 2),
    ),
    row('× (c), round by round', '', (name) =>
      over(({ services }) => services[name].many.perCpuSecond / services['oidc-provider'].many.perCpuSecond, 2),
    ),
    row('of (b), round by round', '', (name) =>
      over(({ services }) => services[name].many.perCpuSecond / services.counterseal.many.perCpuSecond, 2),
    ),
    row('exchanges per second, c = 32', '', (name) => over(({ services }) => services[name].many.exchangesPerSecond)),
    row('p50 ms, c = 32', '', (name) => over(({ services }) => services[name].many.p50, 2)),
    row('p99 ms, c = 32', '', (name) => over(({ services }) => services[name].many.p99, 2)),
    row('p50 ms, c = 1', '', (name) => over(({ services }) => services[name].one.p50, 2)),
    row('p99 ms, c = 1', '', (name) => over(({ services }) => services[name].one.p99, 2)),
    row('JavaScript thread, of CPU time', '', (name) => over(({ services }) => services[name].many.mainThreadShare, 2)),
    row('peak RSS, MiB', '', (name) => standings[name].peakMemory.toFixed(0)),
    row('start of node to first token, ms', '', (name) => spread(standings[name].firstToken)),
  ];
  const limits = rounds.map(({ limit }) => 1e6 / limit);
  return [renderTable(rows), '', renderPolicy(policy, limits), '', ...footnotes(machine, rounds)].join('\n');
}

/** @param limits microseconds of CPU time of the cryptography, for each round */
function renderPolicy({ cases, compile }: PolicyResult, limits: readonly number[]): string {
  const rows = Object.entries(cases).map(([name, rounds]) => [
    `decide, rules: ${name}`,
    spread(
      rounds.map(({ p50 }) => p50),
      1,
    ),
    spread(
      rounds.map(({ p99 }) => p99),
      1,
    ),
  ]);
  const { milliseconds, megabytes } = compile;
  return [
    renderTable([
      ['', 'p50 µs', 'p99 µs'],
      ...rows,
      ['10,000 of 20, round by round', spread(manyOverFew(cases), 2), ''],
      ['verify RS256 and sign ES256 beside it: (a)', spread(limits, 1), ''],
    ]),
    `Compiling the 10,000 rules took ${milliseconds.toFixed(0)} ms, and they keep ${megabytes.toFixed(0)} MiB.`,
  ].join('\n');
}

/** How many times what 1 of 20 rules costs 1 of 10,000 does, for each round. */
export function manyOverFew(cases: PolicyResult['cases']): readonly number[] {
  const few: PolicyCase = '1 of 20 matches';
  return cases['1 of 10,000 matches'].map(({ p50 }, round) => p50 / (cases[few][round]?.p50 ?? 0));
}

function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join('\n');
}

function footnotes(machine: Machine, rounds: readonly Round[]): string[] {
  const { cpu, cores, memory, kernel, node, pinned, fileSystem } = machine;
  const busiest = Math.max(
    ...rounds.flatMap(({ services }) => serviceNames.map((name) => services[name].many.generatorBusy)),
  );
  return [
    `${cpu}, ${cores} cores, ${memory}; ${kernel}; Node ${node}; audit and store on ${fileSystem}.`,
    pinned
      ? `Server pinned to core 0, load generator to core 1; first token on core 0 too. Node's options: ${nodeOptions.join(' ')}.`
      : 'NOT PINNED: taskset (util-linux) or a second core is missing, so server and load generator share cores.',
    `Median (least–most) of ${rounds.length} interleaved rounds. The load generator was at most ${Math.round(busiest * 100)} % busy.`,
    `Load average ${readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')}: other work on the machine makes all of this slower.`,
  ];
}

export function renderProfile({ groups, functions }: ProfileSummary, listed = 30): string {
  const total = groups.reduce((sum, { micros }) => sum + micros, 0);
  const line = ({ what, micros }: { what: string; micros: number }) =>
    `${micros.toFixed(1).padStart(7)} µs ${((micros / total) * 100).toFixed(1).padStart(5)} %  ${what}`;
  return [
    `(b) under load at c = 32: self time of the JavaScript thread for one exchange, ${total.toFixed(1)} µs; the profiler's own cost is in it`,
    ...groups.map(line),
    '',
    'by function',
    ...functions.slice(0, listed).map(line),
  ].join('\n');
}
