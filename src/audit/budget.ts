/** How many refusals that anybody can cause are written, those without verified evidence or over a limit; the rest is counted. */
import { hostAt } from '../addresses.js';
import { createBuckets } from '../bucket.js';
import { createSummary } from '../summary.js';

export interface BudgetOptions {
  /** Of each address; also the most that may come at once. */
  readonly refusalsPerSecond: number;
  /** Milliseconds. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

export interface Budget {
  /** Whether one more may be written for this address. */
  admit(address: string): boolean;
  /** All that were not admitted since the start. */
  suppressed(): number;
  /** Tells the operators what was counted since the last warning. */
  close(): void;
}

export function createBudget({ refusalsPerSecond, now, warn }: BudgetOptions): Budget {
  const bucketOf = createBuckets({ size: refusalsPerSecond, fillsIn: 1_000 }, now);
  const summary = createSummary(
    warn,
    (count, source) =>
      `${count} refusals without verified evidence, or over a limit, were counted and not written; the latest came from ${source}`,
  );
  let total = 0;
  return {
    admit(address) {
      const source = hostAt(address) ?? address;
      if (bucketOf(source).take()) return true;
      total++;
      summary.count(source);
      return false;
    },
    suppressed: () => total,
    close: summary.close,
  };
}
