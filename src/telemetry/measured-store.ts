/** Any store, with every round trip measured. */
import { ClaimsUnknown, type Log, type SharedLimiter, type Store } from '../store/store.js';

export type StoreOperation = 'claim' | 'get' | 'put' | 'increment' | 'limit' | 'append' | 'read';

/** @param seconds from the call until it settled */
export type MeasureRoundTrip = (operation: StoreOperation, seconds: number, failed: boolean) => void;

export function createMeasuredStore(store: Store, measure: MeasureRoundTrip): Store {
  async function measured<T>(operation: StoreOperation, call: () => Promise<T>): Promise<T> {
    const began = performance.now();
    let failed = false;
    try {
      return await call();
    } catch (error) {
      // It answered: what it says of claims is about those who claim.
      failed = !(error instanceof ClaimsUnknown);
      throw error;
    } finally {
      measure(operation, (performance.now() - began) / 1000, failed);
    }
  }
  const measuredLog = (log: Log) =>
    Object.freeze<Log>({
      append: (...entry) => measured('append', () => log.append(...entry)),
      read: (...place) => measured('read', () => log.read(...place)),
    });
  const measuredLimiter = (limiter: SharedLimiter) =>
    Object.freeze<SharedLimiter>({
      take: (key) => measured('limit', () => limiter.take(key)),
      putBack: (key) => measured('limit', () => limiter.putBack(key)),
    });
  const { limiter } = store;
  return Object.freeze<Store>({
    claim: (...claim) => measured('claim', () => store.claim(...claim)),
    get: (key) => measured('get', () => store.get(key)),
    put: (...entry) => measured('put', () => store.put(...entry)),
    increment: (...counted) => measured('increment', () => store.increment(...counted)),
    log: (name) => measuredLog(store.log(name)),
    ...(limiter && { limiter: (limit) => measuredLimiter(limiter(limit)) }),
    ...(store.status && { status: store.status }),
    close: () => store.close(),
  });
}
