/** The health listener: no secrets, no actions. */
import type { Watched } from '../../attestors/attestor.js';
import { createMetrics, type Metrics, type MetricsRoom } from '../telemetry/metrics.js';

export type HealthRoom = MetricsRoom;

/** What `/readyz` says: 200 when it is `ready`, else 503. */
export interface Readiness extends Readonly<Record<string, unknown>> {
  readonly status: 'starting' | 'ready' | 'stopping';
}

export interface Health {
  readiness(): Readiness | Promise<Readiness>;
  /** Null until it has started. */
  metrics(): Pick<Metrics, 'contentType' | 'text'> | null;
}

/** Of a service: it is starting, until it is said to be ready. */
export interface ServiceHealth extends Health {
  readiness(): Readiness;
  metrics(): Metrics | null;
  /** @param waitsFor what does not answer yet, as operators read it */
  starting(waitsFor: () => readonly string[]): void;
  ready(room: HealthRoom): void;
  stopping(): void;
}

export const alive = () => ({ status: 'alive' });

export function createHealth(): ServiceHealth {
  let room: HealthRoom | null = null;
  let metrics: Metrics | null = null;
  let waitsFor: () => readonly string[] = () => [];
  let isStopping = false;
  return Object.freeze<ServiceHealth>({
    readiness() {
      if (isStopping) return { status: 'stopping' };
      if (room !== null) return readinessOf(room);
      const awaited = waitsFor();
      return { status: 'starting', ...(awaited.length > 0 && { waits_for: awaited }) };
    },
    metrics: () => metrics,
    starting(known) {
      waitsFor = known;
    },
    ready(known) {
      room = known;
      metrics = createMetrics(known);
    },
    stopping() {
      isStopping = true;
    },
  });
}

function readinessOf(room: HealthRoom): Readiness {
  const policy = room.policy();
  const tls = room.tls();
  const store = room.store();
  return {
    status: 'ready',
    policy_revision: policy.revision,
    policy_file_refused: policy.refused,
    tls: tls && { not_after: new Date(tls.notAfter * 1000).toISOString(), refused: tls.refused },
    store: store && { answering: store.isAnswering, claims_known_since: new Date(store.since).toISOString() },
    keys: room.keys(),
    watched: Object.fromEntries(
      Object.entries(room.watched()).map(([name, kinds]) => [name, kinds.map(renderWatched)]),
    ),
    refusals_not_written: room.suppressed(),
  };
}

/** An age of null: it was never known. */
const renderWatched = ({ kind, known, age, objects }: Watched) => ({
  kind,
  known,
  age_s: age === null ? null : Math.round(age * 1000) / 1000,
  objects,
});
