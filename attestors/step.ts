/** One step of an examination: what was tried becomes a finding, whatever happens. */
import { Unavailable } from '../src/errors.js';
import type { AttestorHost, Finding, KeySource } from './attestor.js';

/** Milliseconds that a step may take. */
const deadline = 10_000;

/** What a step found to be wrong, and what to do about it. */
export class Fault extends Error {
  constructor(
    message: string,
    readonly fix: string,
  ) {
    super(message);
  }
}

/**
 * @param run gives the sentence of a step that went well
 * @param fixOf what to do about an *Unavailable* of this reason
 * @throws whatever is neither a `Fault` nor *Unavailable*
 */
export async function attempt(
  step: string,
  run: (signal: AbortSignal) => Promise<string>,
  fixOf: (reason: string) => string,
): Promise<Finding> {
  try {
    return Object.freeze({ step, outcome: 'ok', message: await run(AbortSignal.timeout(deadline)) });
  } catch (error) {
    if (error instanceof Fault) return failed(step, error.message, error.fix);
    if (error instanceof Unavailable) return failed(step, error.detail, fixOf(error.reason));
    throw error;
  }
}

export const skipped = (step: string, why: string): Finding =>
  Object.freeze({ step, outcome: 'skipped', message: why });

const failed = (step: string, message: string, fix: string): Finding =>
  Object.freeze({ step, outcome: 'failed', message: message.replace(/\.$/, ''), fix });

/** @throws Fault with this fix when the keys cannot be had */
export async function tryKeys(source: KeySource, host: AttestorHost, fix: string): Promise<string> {
  const keySet = host.keySet(source, { maxStale: 60 });
  await keySet.ready();
  const { keys, name, lastError } = keySet.status();
  keySet.close();
  if (lastError !== null) throw new Fault(`no keys from ${name}: ${lastError}`, fix);
  return `${keys} usable ${keys === 1 ? 'key' : 'keys'} from ${name}`;
}
