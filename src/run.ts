/** The life of a process that serves: started, told to stop by signals, ended within its deadline, with the exit code that says how. */
import { GivenUp } from './rooms.js';

/** Milliseconds in which what was opened has to be closed when a start is given up. */
const startDeadline = 5_000;

export interface Running {
  /** Milliseconds that `close` may take. */
  readonly deadline: number;
  /** Resolves, with the reason, when it cannot go on. */
  readonly failed?: Promise<string>;
  /** @throws Error that says what was cut off or lost */
  close(): Promise<void>;
}

export interface Process {
  readonly log: Readonly<Record<'info' | 'error', (message: string) => void>>;
  /** What a second signal does. `ignored`: whoever started us counts them. */
  readonly again: 'ends at once' | 'ignored';
}

/**
 * Comes back when the start has failed. SIGTERM, SIGINT and `stop` of the primary stop it: exit 0 when nothing was cut
 * off, else 1 with a line.
 * @param start is given a signal that ends it: it throws GivenUp then
 * @throws whatever `start` throws else
 */
export async function run(start: (signal: AbortSignal) => Promise<Running>, { log, again }: Process): Promise<void> {
  const stop = new AbortController();
  let deadline = startDeadline;
  const end = (code: number, line?: string): never => {
    if (line !== undefined) (code === 0 ? log.info : log.error)(line);
    process.exit(code);
  };
  const told = (signal: string) => {
    if (!stop.signal.aborted) {
      log.info(`stopping (${signal}): requests in flight are finished`);
      setTimeout(() => end(1, `not closed within ${deadline / 1000} s: ended, what was under way is lost`), deadline);
      stop.abort();
    } else if (again === 'ends at once') end(1, `${signal} again: ended at once, what was under way is lost`);
  };
  process.on('SIGTERM', told);
  process.on('SIGINT', told);
  process.on('message', (message) => message === 'stop' && told('told so'));
  // Nobody knows what state we are in: nothing more is answered or written.
  process.on('uncaughtException', (error) => end(1, `ended by an error that nobody expected: ${error.stack ?? error}`));

  const running = await start(stop.signal).catch((error: unknown) => {
    if (error instanceof GivenUp) return end(0, error.message);
    throw error;
  });
  deadline = running.deadline;
  const stopped = new Promise<undefined>((resolve) => {
    if (stop.signal.aborted) resolve(undefined);
    else stop.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const failure = await Promise.race([stopped, ...(running.failed ? [running.failed] : [])]);
  if (failure !== undefined) told(failure);
  await running.close().catch((error: unknown) => end(1, error instanceof Error ? error.message : String(error)));
  end(failure === undefined ? 0 : 1);
}
