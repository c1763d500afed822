/** How many refusals without verified evidence are written; the rest is counted. */
import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import { type Bucket, createBucket } from '../bucket.js';

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

/** Above it the address that was silent longest is forgotten, and starts with a full bucket when it comes again. */
const mostAddresses = 10_000;
/** Milliseconds. */
const warnEvery = 10_000;

export function createBudget(options: BudgetOptions): Budget {
  const { refusalsPerSecond, now, warn } = options;
  const buckets = new LRUCache<string, Bucket>({ max: mostAddresses });
  let total = 0;
  let unreported = 0;
  let latest = '';
  let timer: NodeJS.Timeout | undefined;

  function admit(address: string): boolean {
    const source = sourceOf(address);
    if (take(source)) return true;
    total++;
    unreported++;
    latest = source;
    timer ??= setTimeout(report, warnEvery).unref();
    return false;
  }

  function take(source: string): boolean {
    let bucket = buckets.get(source);
    if (bucket === undefined) {
      bucket = createBucket(refusalsPerSecond, now);
      buckets.set(source, bucket);
    }
    return bucket.take();
  }

  function report(): void {
    clearTimeout(timer);
    timer = undefined;
    if (unreported === 0) return;
    warn(
      `${unreported} refusals without verified evidence were counted and not written; the latest came from ${latest}`,
    );
    unreported = 0;
  }

  return { admit, suppressed: () => total, close: report };
}

/** One host has a whole IPv6 /64 to send from, so there the prefix is the address. */
function sourceOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head, tail] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const groups = [...(head ?? [])];
  if (tail !== undefined) groups.push(...Array<string>(8 - groups.length - tail.length).fill('0'), ...tail);
  return `${groups.slice(0, 4).join(':')}::/64`;
}
