/** The command line, as a process of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

interface Run {
  readonly child: ChildProcess;
  stdout: string;
  stderr: string;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

export function start(...args: readonly string[]): Run {
  return startWith({}, ...args);
}

/** @param env beside what this process has; undefined takes a variable away */
export function startWith(env: Readonly<Record<string, string | undefined>>, ...args: readonly string[]): Run {
  const options = { cwd: root, env: { ...process.env, ...env } };
  const child = spawn(process.execPath, ['--import=tsx', join(root, 'src/main.ts'), ...args], options);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const run: Run = { child, stdout: '', stderr: '', ended };
  child.stdout.on('data', (chunk) => {
    run.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    run.stderr += chunk;
  });
  return run;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it to its end. */
export function finish(...args: readonly string[]): Promise<Ended> {
  return endOf(start(...args));
}

export async function endOf(run: Run): Promise<Ended> {
  return { code: await run.ended, stdout: run.stdout, stderr: run.stderr };
}

/** What the pattern's group has found on stderr. */
export async function said(run: Run, pattern: RegExp): Promise<string> {
  for (;;) {
    const found = pattern.exec(run.stderr)?.[1];
    if (found !== undefined) return found;
    const ended = await Promise.race([run.ended.then(() => true), new Promise((resolve) => setTimeout(resolve, 20))]);
    assert.ok(ended !== true, `ended without saying ${pattern}: ${run.stderr}`);
  }
}
