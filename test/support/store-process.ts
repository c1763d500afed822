/** A process of its own over a store: says `ready`, does the job that it is sent, answers with the outcome. */
import { openStore, type StoreOptions } from '../../src/store/open.js';
import { type Job, runJob } from './store-jobs.js';

const [, , options = ''] = process.argv;
const store = await openStore(JSON.parse(options) as StoreOptions, { now: Date.now, warn: console.error });
process.on('message', async (job: Job) => {
  process.send?.(await runJob(store, job));
});
process.on('disconnect', () => store.close());
process.send?.('ready');
