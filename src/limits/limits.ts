/** How often we may be asked: from an address, for an attestor, by a workload. What is not configured is not limited. */
import type { Attestation } from '../../attestors/attestor.js';
import { hostAt } from '../addresses.js';
import { RateLimited } from '../errors.js';
import type { Limit, Store } from '../store/store.js';
import { createSummary } from '../summary.js';
import { createLimiter, createLocalLimiter, type Limiter } from './limiter.js';

/** What a limit is kept by. */
export const limitedBy = ['address', 'attestor', 'workload'] as const;
export type LimitedBy = (typeof limitedBy)[number];

export type LimitsOptions = { readonly [By in LimitedBy]?: Limit | undefined };

/** What a request counts as, of its address, whose evidence is not accepted. */
export const rejectedCountsAs = 10;

export interface Limits {
  /** A request comes, and nothing of it was looked at. @returns what it is refused with; null: nothing */
  arrival(address: string): RateLimited | null;
  /** The evidence of a request that came from there was not accepted. */
  rejected(address: string): void;
  /** Evidence was routed to the attestor, and is not verified. Undefined: nobody has to be asked. @throws RateLimited */
  attestor(name: string): Promise<void> | undefined;
  /** Evidence is of this workload, and nothing was done with it. A refusal costs its attestor nothing. As above. */
  workload(attestation: Attestation): Promise<void> | undefined;
  /** Tells the operators what was refused since the last line. */
  close(): Promise<void>;
}

export interface LimitsRoom {
  readonly store: Pick<Store, 'limiter' | 'status'>;
  /** Milliseconds. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
  /** Is told of each request that is refused. Must not throw. */
  readonly observe: (by: LimitedBy) => void;
}

export function createLimits(options: LimitsOptions, { store, now, warn, observe }: LimitsRoom): Limits {
  const summary = createSummary(
    warn,
    (count, latest) => `${count} requests were over a limit and refused; the latest over that of ${latest}`,
  );
  // By each process for itself: it is what protects this one, and strangers choose as many addresses as they like, which must not fill Redis.
  const addresses = options.address && createLocalLimiter(options.address, now);
  const shared = (by: LimitedBy) => {
    const limit = options[by];
    return limit && createLimiter(limit, { by, store, now });
  };
  const [attestors, workloads] = [shared('attestor'), shared('workload')];

  /** @returns null for 0 */
  function judge(by: LimitedBy, key: string, wait: number): RateLimited | null {
    if (wait === 0) return null;
    observe(by);
    summary.count(`${by} ${key}`);
    const { requests, per } = options[by] as Limit;
    const detail = `limits.${by}: more than ${requests} requests in ${per} s of ${key}.`;
    return new RateLimited(`rate_limited_${by}`, detail, Math.ceil(wait / 1000));
  }

  function check(by: LimitedBy, limiter: Limiter, key: string, refused?: () => void): Promise<void> | undefined {
    const settle = (wait: number): void => {
      const limited = judge(by, key, wait);
      if (limited === null) return;
      refused?.();
      throw limited;
    };
    const wait = limiter.take(key);
    if (typeof wait !== 'number') return wait.then(settle);
    settle(wait);
    return undefined;
  }

  return Object.freeze<Limits>({
    arrival(address) {
      if (addresses === undefined) return null;
      const host = hostAt(address) ?? address;
      return judge('address', host, addresses.take(host));
    },
    // What it came with was one.
    rejected: (address) => addresses?.spend(hostAt(address) ?? address, rejectedCountsAs - 1),
    attestor: (name) => attestors && check('attestor', attestors, name),
    workload: ({ attestor, subject }) =>
      workloads && check('workload', workloads, subject, () => attestors?.putBack(attestor)),
    close: async () => summary.close(),
  });
}
