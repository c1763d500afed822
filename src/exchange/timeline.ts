/** What an exchange spent its time on, stage by stage: metrics and traces are made from it. */

/** In their order; what ends a request early leaves out those in between. */
export const stages = ['request', 'attest', 'facts', 'decide', 'mint', 'audit', 'response'] as const;
export type Stage = (typeof stages)[number];

/** Milliseconds as `performance.now()` has them. */
export interface StageTime {
  readonly stage: Stage;
  readonly began: number;
  readonly ended: number;
}

export interface Timeline {
  /** Ends the stage before it. */
  enter(stage: Stage): void;
  /** Ends the last stage. */
  finish(): readonly StageTime[];
}

/** The first stage begins now. */
export function createTimeline(): Timeline {
  const times: StageTime[] = [];
  let present: Stage = stages[0];
  let began = performance.now();
  const enter = (stage: Stage) => {
    const now = performance.now();
    times.push({ stage: present, began, ended: now });
    present = stage;
    began = now;
  };
  return {
    enter,
    finish() {
      enter(present);
      return times;
    },
  };
}
