/** A circuit breaker: a dependency that is down is not waited for by every request. */
import { Unavailable } from '../src/errors.js';
import type { Clock } from './attestor.js';

/** Calls in a row that failed, after which it opens. */
const mostFailures = 5;
/** Seconds that it stays open; then one call is let through, and what becomes of it decides. */
const openFor = 10;
/** Calls at once. */
const mostCalls = 256;

export interface Breaker {
  /**
   * @param asker for whom it is called, as far as that is known: failures of one alone do not open it, since they may be about the asker.
   *   Null: not known, so they do
   * @param work rejects when, and only when, the dependency did not answer
   * @throws Unavailable `PREFIX_circuit_open`, `PREFIX_busy` without calling it; what `work` throws
   */
  run<Result>(asker: string | null, work: () => Promise<Result>): Promise<Result>;
}

/** An answer, if only one that cannot be used: too large. It is given back, so that it does not count as a failure. */
export function asAnswer(error: unknown): Unavailable {
  if (error instanceof Unavailable && error.reason === 'outbound_too_large') return error;
  throw error;
}

export interface BreakerOptions {
  /** Of the dependency, for operators. */
  readonly name: string;
  /** What the reasons of its errors begin with, such as `sts`. */
  readonly prefix: string;
  readonly now: Clock;
}

/** No subject is called so. */
const several = '';

export function createBreaker({ name, prefix, now }: BreakerOptions): Breaker {
  let failures = 0;
  let openUntil = 0;
  let calls = 0;
  let isTrying = false;
  /** Of the failures in a row; undefined: there are none. */
  let askers: string | undefined;

  /** Whether the call is the one that tries an open breaker. */
  function enter(): boolean {
    if (calls >= mostCalls) throw new Unavailable(`${prefix}_busy`, `${name}: ${mostCalls} calls are under way.`);
    if (failures < mostFailures || askers !== several) return false;
    // A clock that was set back must not keep it open for longer.
    const left = openUntil - now();
    const wait = left > openFor ? 0 : left;
    if (wait > 0 || isTrying) {
      const what = `${name} did not answer ${failures} times in a row, and is not called for now.`;
      throw new Unavailable(`${prefix}_circuit_open`, what, Math.max(1, Math.ceil(wait)));
    }
    return true;
  }

  return Object.freeze<Breaker>({
    async run(asker, work) {
      const isTrial = enter();
      if (isTrial) isTrying = true;
      calls += 1;
      try {
        const result = await work();
        failures = 0;
        askers = undefined;
        return result;
      } catch (error) {
        failures += 1;
        askers = asker === null || (askers !== undefined && askers !== asker) ? several : asker;
        openUntil = now() + openFor;
        throw error;
      } finally {
        calls -= 1;
        if (isTrial) isTrying = false;
      }
    },
  });
}
