/** A worker of `serve --workers`: told what to do, and asked how it is, by the process that started it. */
import cluster from 'node:cluster';
import type { ServiceHealth } from '../endpoints/health.js';
import { type Asked, isAsk } from './messages.js';

export const isWorker = (): boolean => cluster.isWorker;

export const tellReady = (): void => void process.send?.('ready');

/** Instead of a health listener: the primary has one for all. */
export async function answerPrimary(health: ServiceHealth) {
  process.on('message', async (message) => {
    if (!isAsk(message)) return;
    const { id, ask } = message;
    const answer = ask === 'readiness' ? health.readiness() : ((await health.metrics()?.json()) ?? []);
    process.send?.({ id, answer } satisfies Asked);
  });
  return { url: 'the primary', close: async () => {} };
}
