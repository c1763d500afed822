/** What every command does: tell a person, and load what --config names. */
import { printable } from '../text.js';

/** Lines that a terminal shows as they are, whatever an error message may hold. */
export function warn(message: string): void {
  process.stderr.write(`counterseal: ${message.split('\n').map(printable).join('\n')}\n`);
}

/** What a file holds cannot act on the terminal; inside JSON the value stays the same. */
export function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.map(printable).join('\n')}\n`);
}

export function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** What is wrong with a file is told with its places. */
export async function orProblems<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    const { ConfigurationError, renderProblems } = await import('../config/problem.js');
    if (error instanceof ConfigurationError) return fail(renderProblems(error.problems));
    throw error;
  }
}

export async function load(file: string) {
  const { loadConfiguration } = await import('../config/load.js');
  return orProblems(loadConfiguration(file));
}

/** For what takes it into service: the cases of its policy are run. */
export async function loadForService(file: string) {
  const { loadTested } = await import('../policy-cases/tested.js');
  return orProblems(loadTested(file));
}
