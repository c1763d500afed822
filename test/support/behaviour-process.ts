/** Another process on an embedded store: says `ready`, does as many exchanges at once as it is told, and answers how many were issued. */
import { openEmbeddedStore } from '../../src/store/embedded.js';
import { now } from '../policy/samples.js';
import { exchange, limited } from './behaviour.js';

const [, , path = ''] = process.argv;
const store = await openEmbeddedStore({ path, now: () => now * 1000 });
interface Job {
  /** Another network for each exchange of each worker. */
  readonly worker: number;
  readonly count: number;
  readonly behaviour: unknown;
}

process.on('message', async ({ worker, count, behaviour }: Job) => {
  const policy = limited(behaviour);
  const from = (index: number) => exchange(store, { policy, ip: `10.${worker}.${index}.1` });
  const all = await Promise.all(Array.from({ length: count }, (_, index) => from(index)));
  process.send?.(all.filter(({ issued }) => issued).length);
});
process.on('disconnect', () => store.close());
process.send?.('ready');
