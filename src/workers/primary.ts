/** `serve --workers N`: several processes behind one port, over one embedded store. This one serves nothing but health. */
import { createHealthListener } from '../app.js';
import type { Configuration } from '../config/configuration.js';
import type { Health, Readiness } from '../endpoints/health.js';
import { openListener } from '../listener.js';
import { createRooms } from '../rooms.js';
import type { MetricsJson } from '../telemetry/metrics.js';
import { metricsOfWorkers } from '../telemetry/of-workers.js';
import { openPool, type Pool } from './pool.js';

/** Milliseconds: for the health listener, and beside the workers' own deadline, so that they say themselves what they cut off. */
const spare = 1_000;

interface Surroundings {
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly signal: AbortSignal;
}

/**
 * @param count at least 1
 * @throws Error when a worker does not start, or when workers cannot share what the configuration names
 */
export async function startWorkers(count: number, configuration: Configuration, { info, warn, signal }: Surroundings) {
  refuseUnshared(count, configuration);
  const rooms = createRooms({ warn, signal });
  const phase: { isStopping: boolean; pool?: Pool; hasStarted: boolean } = { isStopping: false, hasStarted: false };
  const health: Health = {
    async readiness() {
      if (phase.isStopping) return { status: 'stopping' };
      const workers = [...((await phase.pool?.ask('readiness')) ?? [])] as [number, Readiness | null][];
      const isReady = phase.hasStarted && workers.some(([, worker]) => worker?.status === 'ready');
      const told = workers.map(([worker, readiness]) => ({ worker, ...(readiness ?? { status: 'starting' }) }));
      return { status: isReady ? 'ready' : 'starting', workers: told };
    },
    metrics() {
      const { pool, hasStarted } = phase;
      return hasStarted && pool
        ? metricsOfWorkers(() => pool.ask('metrics') as Promise<Map<number, MetricsJson>>)
        : null;
    },
  };
  const close = async () => {
    phase.isStopping = true;
    await rooms.close();
  };
  try {
    const room = { now: () => Date.now() / 1000, warn, lookEvery: spare };
    const { url } = await rooms.open(async () => {
      const listener = await openListener(createHealthListener(health, warn), configuration.health, room);
      return { ...listener, close: async () => void (await listener.close(spare)) };
    });
    const pool = await rooms.open(async () => openPool(count, warn));
    phase.pool = pool;
    await rooms.open(async () => ({ started: await pool.started }));
    phase.hasStarted = true;
    info(`${count} workers serve, health on ${url}`);
    return { close, failed: pool.failed, deadline: configuration.drain.deadline * 1000 + spare };
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
}

function refuseUnshared(count: number, { audit, store }: Configuration): void {
  if (store.type === 'memory') {
    throw new Error('--workers: store.type memory is of one process alone: name a store that processes can share');
  }
  if (count > 1 && audit.sinks.some(({ type }) => type === 'stdout')) {
    throw new Error('--workers: several processes tear each other’s lines on stdout: let audit.sinks name files only');
  }
}
