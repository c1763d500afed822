/** The health listener: no secrets, no actions. */
export interface HealthRoom {
  readonly policyRevision: string;
  /** State of each attestor's keys, by attestor. */
  readonly keys: () => Readonly<Record<string, unknown>>;
  /** Refusals that were counted and not written. */
  readonly suppressed: () => number;
}

export const alive = () => ({ status: 'alive' });

export function readiness(room: HealthRoom): Record<string, unknown> {
  return {
    status: 'ready',
    policy_revision: room.policyRevision,
    keys: room.keys(),
    refusals_not_written: room.suppressed(),
  };
}
