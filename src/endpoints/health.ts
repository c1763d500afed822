/** The health listener: no secrets, no actions. */
import type { Watched } from '../../attestors/attestor.js';
import type { MetricsRoom } from '../telemetry/metrics.js';

export type HealthRoom = MetricsRoom;

export const alive = () => ({ status: 'alive' });

export function readiness(room: HealthRoom): Record<string, unknown> {
  const policy = room.policy();
  return {
    status: 'ready',
    policy_revision: policy.revision,
    policy_file_refused: policy.refused,
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
