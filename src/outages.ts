/** Tells operators of others who do not answer, and that they do again: not for each request, since there may be thousands. */
import { Refusal } from './errors.js';

/** Seconds after a line about somebody, in which there is none about another failure. */
const quietFor = 60;

export interface Outages {
  /** @param name with which the line begins @param error of one of ours the detail is told: others may quote what was sent */
  failed(name: string, error: unknown, decisionId: string): void;
  answered(name: string): void;
}

export interface OutagesRoom {
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

export function createOutages({ now, warn }: OutagesRoom): Outages {
  const told = new Map<string, { readonly at: number; failing: boolean }>();
  return Object.freeze<Outages>({
    failed(name, error, decisionId) {
      // A clock that was put back keeps nobody quiet.
      const since = now() - (told.get(name)?.at ?? Number.NEGATIVE_INFINITY);
      if (since >= 0 && since < quietFor) return;
      told.set(name, { at: now(), failing: true });
      const why = error instanceof Refusal ? error.detail : `it cannot be asked (${(error as Error).name})`;
      warn(`${name} gave no usable answer in decision ${decisionId}, and maybe in others: ${why}`);
    },
    answered(name) {
      const last = told.get(name);
      if (last?.failing !== true) return;
      last.failing = false;
      warn(`${name} answers again`);
    },
  });
}
