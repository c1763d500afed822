/** A process of its own over a store: says `ready`, does the job that it is sent, answers with the outcome. */
import { openEmbeddedStore } from '../../src/store/embedded.js';
import type { Store } from '../../src/store/store.js';
import { type Job, runJob } from './store-jobs.js';

const openers: Record<string, (path: string) => Promise<Store>> = { embedded: (path) => openEmbeddedStore({ path }) };

const [, , kind = '', path = ''] = process.argv;
const store = await openers[kind]?.(path);
if (!store) throw new Error(`No store of kind ${kind}.`);
process.on('message', async (job: Job) => {
  process.send?.(await runJob(store, job));
});
process.on('disconnect', () => store.close());
process.send?.('ready');
