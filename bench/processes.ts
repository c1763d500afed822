/** Children on a core of their own, what they cost by the kernel's count, and their end. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const serviceCore = 0;
const generatorCore = 1;

/** False: nothing is pinned, and the numbers say less. */
export const canPin = availableParallelism() > 1 && works('taskset', ['-c', '0,1', 'true']);

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const running = new Set<ChildProcess>();

function works(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function start(core: number, args: readonly string[]): ChildProcess {
  // taskset becomes the program, so the child's pid is that of node.
  const [command = '', ...rest] = [...(canPin ? ['taskset', '-c', String(core)] : []), process.execPath, ...args];
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

export interface Server {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Of every service: under load, V8 otherwise lets the space of young objects grow by what is no gain here. */
export const nodeOptions: readonly string[] = ['--max-semi-space-size=4'];

export const startServer = (args: readonly string[]): Promise<Server> =>
  listening(start(serviceCore, [...nodeOptions, ...args]), args);

/** What a server under test needs beside it. */
export const startBesideService = (args: readonly string[]): Promise<Server> =>
  listening(start(generatorCore, args), args);

/** Resolves when the server says `listening on URL`. */
async function listening(child: ChildProcess, args: readonly string[]): Promise<Server> {
  const exited = once(child, 'exit');
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-4000);
      const found = /listening on (http:[^\s,]+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`the server ended before it listened: ${args.join(' ')}\n${said}`)));
  });
  return {
    url,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Runs a program of this folder that takes JSON and answers with a line of JSON. */
async function ask<Result>(core: number, program: string, options: object): Promise<Result> {
  const child = start(core, [fileOf(program), JSON.stringify(options)]);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} failed: ${err}`);
  return JSON.parse(out);
}

export const askBesideService = <Result>(program: string, options: object) =>
  ask<Result>(generatorCore, program, options);
export const askOnServiceCore = <Result>(program: string, options: object) =>
  ask<Result>(serviceCore, program, options);

export const fileOf = (program: string) => new URL(program, import.meta.url).pathname;

export function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

interface CpuTime {
  /** Seconds of all threads, user and system. */
  readonly all: number;
  /** Seconds of the thread that runs JavaScript. */
  readonly main: number;
}

export function cpuTime(pid: number): CpuTime {
  return { all: seconds(`/proc/${pid}/stat`), main: seconds(`/proc/${pid}/task/${pid}/stat`) };
}

/** proc(5): utime and stime are the 14th and 15th field; the second, in brackets, may hold spaces. */
function seconds(file: string): number {
  const stat = readFileSync(file, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** MiB: the most that was ever resident. */
export function peakMemory(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
